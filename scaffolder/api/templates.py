"""What can be run, and with which questions: forms of templates, and the actions that their steps may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from catalog.api.asked import body_of
from catalog.models import Entity
from catalog.refs import RefInvalid, canonical
from control.api import ApiError, answer_data
from control.models import User
from scaffolder import actions as known_actions
from scaffolder.actions.base import Action
from scaffolder.document import API_VERSION
from scaffolder.forms.order import as_written
from scaffolder.forms.schema import FormUnreadable, pages_of
from scaffolder.templating.extensions import EXTENSIONS, Extension

_QUESTION = {
    "type": "object",
    "properties": {
        "token": {"type": "string"},
        "context": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["context", "token"],
}
UNTITLED = "Please enter the following information"  # as Backstage calls a page without a title


def parameter_schema(_request: HttpRequest, user: User, namespace: str, kind: str, name: str) -> HttpResponse:
    """Each page of the form as its author wrote it."""
    template = template_of(user, f"{kind}:{namespace}/{name}")
    document = as_written(template.document, template.source_text)
    try:
        pages_of(document)
    except FormUnreadable as problem:
        raise ApiError(400, str(problem)) from None
    return answer_data(_form(document))


def actions(_request: HttpRequest, _user: User) -> HttpResponse:
    return answer_data([_action(action) for action in known_actions.every()])


def templating_extensions(_request: HttpRequest, _user: User) -> HttpResponse:
    """The filters beyond those of Nunjucks. There are no globals of ours: templates run as they do elsewhere."""
    filters = {name: _filter(told) for name, told in EXTENSIONS.items()}
    return answer_data({"filters": filters, "globals": {"functions": {}, "values": {}}})


def autocomplete(request: HttpRequest, _user: User, provider: str, resource: str) -> HttpResponse:  # noqa: ARG001
    """Portico asks no host on behalf of a form, so no provider is known."""
    body = body_of(request, _QUESTION)
    if not body["token"]:
        raise ApiError(400, "Missing token query parameter")
    raise ApiError(400, f"Unsupported provider: {provider[:80]}")


def template_of(user: User, text: str) -> Entity:
    """The template that `user` sees under this reference. Raises `ApiError`: 404, or 400 for one of another format."""
    try:
        ref = canonical(text, kind="template")
    except RefInvalid as problem:
        raise ApiError(400, str(problem)) from None
    found = Entity.objects.visible_to(user).filter(ref=ref, kind="template").first()
    if found is None:
        raise ApiError(404, f"Template {ref} not found")
    version = found.document.get("apiVersion")
    if version != API_VERSION:
        raise ApiError(400, f"Unsupported apiVersion field in schema entity, {version}")
    return found


def _form(document: Mapping[str, Any]) -> dict[str, Any]:
    metadata, spec = document["metadata"], document["spec"]
    pages = spec.get("parameters") or []
    described = {
        "title": str(metadata.get("title") or metadata["name"]),
        "presentation": spec.get("presentation"),
        "description": metadata.get("description"),
        "ui:options": metadata.get("ui:options"),
        "steps": [_page(page) for page in (pages if isinstance(pages, list) else [pages])],
        "formDecorators": spec.get("formDecorators") or spec.get("EXPERIMENTAL_formDecorators"),
    }
    return {name: value for name, value in described.items() if value is not None}


def _page(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": str(schema["description"])} if schema.get("description") else {}
    return {"title": str(schema.get("title") or UNTITLED), **described, "schema": schema}


def _action(action: Action) -> dict[str, Any]:
    return {
        "id": action.name,
        "description": action.description,
        "examples": [{"description": action.description, "example": action.example}],
        "schema": {"input": action.schema, "output": action.output},
    }


def _filter(told: Extension) -> dict[str, Any]:
    schema = {"input": told.input, "arguments": list(told.arguments), "output": told.output}
    return {
        "description": told.description,
        "schema": {part: value for part, value in schema.items() if value is not None and value != []},
        "examples": [
            {
                "description": example.words,
                "example": example.expression,
                "notes": f"Output: `{example.output}`",
            }
            for example in told.examples
        ],
    }
