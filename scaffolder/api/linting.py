"""Looking for mistakes in a template that somebody sends: not Backstage's, for editors and pipelines."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.http import HttpRequest, HttpResponse

from catalog.api.asked import body_of
from control.api import ApiError, answer_data
from control.models import User
from scaffolder import beside
from scaffolder.errors import ActionFailed
from scaffolder.linting import Severity, lint_text

MAX_TEMPLATE = 500_000  # characters
_BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "template": {"type": "string"},
        "files": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["template"],
}


def lint(request: HttpRequest, _user: User) -> HttpResponse:
    """`files`, by path beside the template, are looked at too; without them nothing is said of skeletons."""
    body = body_of(request, _BODY)
    if len(body["template"]) > MAX_TEMPLATE:
        raise ApiError(413, f"The template has more than {MAX_TEMPLATE:,} characters. Shorten it.")
    files = {path: content.encode("utf-8", "replace") for path, content in body.get("files", {}).items()}
    try:
        with beside.tree_of(files) if files else nullcontext() as tree:
            findings = lint_text(body["template"], file="template.yaml", tree=tree)
    except ActionFailed as problem:
        raise ApiError(400, str(problem)) from None
    is_fine = all(finding.severity != Severity.ERROR for finding in findings)
    return answer_data({"valid": is_fine, "findings": [finding.as_data() for finding in findings]})
