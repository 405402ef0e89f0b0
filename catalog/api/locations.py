"""Locations over HTTP: the registered ones, what registering would do, and what a place could begin with."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from catalog import locations, refs
from catalog.api.asked import Parameters, body_of, bounded
from catalog.errors import Unreadable
from catalog.forms import guess_type
from catalog.location_query import location_q
from catalog.models import Entity, Location
from catalog.naming import location_ref
from catalog.predicates import PredicateError
from catalog.preview import Preview, PreviewedEntity, preview
from catalog.starter import starter
from catalog.validate import faults_of, is_url, kind_of
from control.api import ApiError, answer_data, nothing, refusal_data
from control.errors import InvalidParameters
from control.models import User

DEFAULT_LIMIT = 100
MOST = 1_000  # of one page
_LOCATION = {
    "type": "object",
    "required": ["type", "target"],
    "properties": {"type": {"type": "string"}, "target": {"type": "string"}},
}
_STRICT_LOCATION = {**_LOCATION, "additionalProperties": False}
_QUERY_BODY = {
    "type": "object",
    "properties": {
        "cursor": {"type": "string"},
        "limit": {"type": "number"},
        "query": {"type": "object"},
    },
}
_ANALYZE_BODY = {
    "type": "object",
    "required": ["location"],
    "properties": {"location": _STRICT_LOCATION, "catalogFileName": {"type": "string"}},
}
_VALIDATE_BODY = {
    "type": "object",
    "required": ["location", "entity"],
    "properties": {"location": {"type": "string"}, "entity": {"type": "object"}},
}
_REFRESH_BODY = {
    "type": "object",
    "required": ["entityRef"],
    "properties": {"entityRef": {"type": "string"}, "authorizationToken": {"type": "string"}},
    "additionalProperties": False,
}


def shown(location: Location) -> dict[str, str]:
    return {
        "id": str(location.pk),
        "type": location.type,
        "target": location.target,
        "entityRef": location_ref(location),
    }


def listed(request: HttpRequest, user: User) -> HttpResponse:
    Parameters(request)
    rows = Location.objects.visible_to(user).order_by("target", "type").only("pk", "type", "target")
    return answer_data([{"data": shown(location)} for location in rows.iterator()])


def queried(request: HttpRequest, user: User) -> HttpResponse:
    """Pages in the order of ids; the cursor carries the question."""
    Parameters(request)
    body = body_of(request, _QUERY_BODY, is_required=False)
    query, last = _continued(body["cursor"]) if body.get("cursor") else (body.get("query"), None)
    try:
        found = Location.objects.visible_to(user).filter(location_q(query) if query is not None else Q())
    except PredicateError as error:
        raise ApiError(400, f"Invalid query: {error}") from error
    limit = min(bounded(int(body.get("limit", DEFAULT_LIMIT)), "request/body/limit"), MOST)
    after = found.filter(pk__gt=last) if last else found
    rows = list(after.order_by("pk")[: limit + 1])
    more = {"nextCursor": _cursor(query, rows[limit - 1])} if 0 < limit < len(rows) else {}
    items = [shown(location) for location in rows[:limit]]
    return answer_data({"items": items, "totalItems": found.count(), "pageInfo": more})


def _cursor(query: Any, last: Location) -> str:
    said = json.dumps({"q": query, "id": str(last.pk)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode()


def _continued(cursor: str) -> tuple[Any, UUID]:
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return said["q"], UUID(said["id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ApiError(400, f"Malformed cursor: {type(error).__name__}") from error


def one(request: HttpRequest, user: User, id: str) -> HttpResponse:
    Parameters(request)
    return answer_data(shown(_location(id, user)))


def by_entity(request: HttpRequest, user: User, kind: str, namespace: str, name: str) -> HttpResponse:
    """The registered location that an entity came from."""
    Parameters(request)
    ref = f"{kind}:{namespace}/{name}".lower()
    location = _of_ref(ref, user)
    if location is None:
        raise ApiError(404, f"found no entity for ref {ref}")
    return answer_data(shown(location))


def _of_ref(ref: str, user: User) -> Location | None:
    entity = Entity.objects.visible_to(user).filter(ref=ref).select_related("location").light().first()
    if entity is not None:
        return entity.location
    if not ref.startswith("location:default/generated-"):
        return None
    rows = Location.objects.visible_to(user).only("pk", "type", "target").iterator()
    return next((location for location in rows if location_ref(location) == ref), None)


def _location(id: str, user: User) -> Location:
    try:
        location = Location.objects.visible_to(user).filter(pk=UUID(id)).first()
    except ValueError:
        location = None
    if location is None:
        raise ApiError(404, f"Found no location with ID {id}")
    return location


def create(request: HttpRequest, user: User) -> HttpResponse:
    asked = Parameters(request, "dryRun", "onConflict")
    conflict = asked.choice("onConflict", "reject", "refresh")
    body = body_of(request, _LOCATION)
    type, target = _typed(body["type"]), body["target"]
    if asked.text("dryRun").lower() == "true":
        return answer_data(_dry(type, target, user), 201)
    if conflict == "refresh":
        location = locations.register(type, target, by=user)
    else:
        location = locations.register_new(type, target, by=user)
    return answer_data({"location": shown(location), "entities": []}, 201)


def _typed(type: str) -> str:
    allowed = [Location.Type.URL, Location.Type.GIT, Location.Type.FILE]
    if type not in allowed:
        raise ApiError(400, f"Registered locations must be of an allowed type {json.dumps(allowed)}")
    return type


def _dry(type: str, target: str, user: User) -> dict[str, Any]:
    found = preview(type, target, by=user)
    if found.problems and not found.entities:
        raise ApiError(400, " ".join(problem.message for problem in found.problems[:3]))
    return {
        "location": {**shown(found.location), "id": str(found.location)},
        "entities": [_previewed(found, entity) for entity in found.entities],
        "exists": found.is_registered,
        "problems": [
            {"message": problem.message, "path": problem.path, "line": problem.line}
            for problem in found.problems
        ],
    }


def _previewed(found: Preview, entity: PreviewedEntity) -> dict[str, Any]:
    """As it would be: with what the server adds, but no uid yet."""
    metadata = entity.document["metadata"]
    place = f"url:{entity.path}" if is_url(entity.path) else str(found.location)
    origin = {
        "backstage.io/managed-by-location": place,
        "backstage.io/managed-by-origin-location": str(found.location),
    }
    annotations = {**metadata.get("annotations", {}), **origin}
    relations = [{"type": type, "targetRef": target} for type, target in sorted(entity.relations)]
    return {
        **entity.document,
        "metadata": {"namespace": refs.DEFAULT_NAMESPACE, **metadata, "annotations": annotations},
        "relations": relations,
    }


def update(request: HttpRequest, user: User, id: str) -> HttpResponse:
    Parameters(request)
    body = body_of(request, _STRICT_LOCATION)
    location = _location(id, user)
    moved = locations.move(location.pk, _typed(body["type"]), body["target"], by=user)
    return answer_data(shown(moved))


def delete(request: HttpRequest, user: User, id: str) -> HttpResponse:
    Parameters(request)
    locations.remove(_location(id, user).pk, by=user)
    return nothing(204)


def refresh(request: HttpRequest, user: User) -> HttpResponse:
    """Have the location read again that an entity came from."""
    Parameters(request)
    given = body_of(request, _REFRESH_BODY)["entityRef"]
    try:
        location = _of_ref(refs.canonical(given), user)
    except refs.RefInvalid as error:
        raise ApiError(400, str(error)) from error
    if location is None:
        raise ApiError(404, f"Entity {given} not found")
    locations.ask_refresh(location.pk, by=user)
    return nothing(200)


def validate(request: HttpRequest, _user: User) -> HttpResponse:
    """Also a request that makes no sense is answered with `errors`, beside the usual members, as the schema has it."""
    try:
        return _validated(request)
    except ApiError as error:
        body = refusal_data(request, error.status, str(error))
        return answer_data({**body, "errors": [body["error"]]}, error.status)


def _validated(request: HttpRequest) -> HttpResponse:
    Parameters(request)
    body = body_of(request, _VALIDATE_BODY)
    type, colon, target = body["location"].partition(":")
    if not (type and colon and target):
        raise ApiError(
            400, f"Unable to parse location reference '{body['location']}', expected '<type>:<target>'"
        )
    messages = [fault.message for fault in faults_of(body["entity"])] or list(_foreign(body["entity"]))
    if not messages:
        return nothing(200)
    return answer_data({"errors": [{"name": "InputError", "message": text} for text in messages]}, 400)


def _foreign(document: dict[str, Any]) -> Iterable[str]:
    if kind_of(document) is None:
        yield (
            f"No processor recognized the entity {refs.ref_of(document)} as valid, possibly caused by a foreign kind "
            "or apiVersion"
        )


def analyze(request: HttpRequest, user: User) -> HttpResponse:
    """What lies there already, or a first document for it. A place that cannot be read has nothing that is known."""
    Parameters(request)
    body = body_of(request, _ANALYZE_BODY)
    target = body["location"]["target"]
    if not is_url(target) or guess_type(target) not in (Location.Type.GIT, Location.Type.URL):
        raise ApiError(400, f"Could not analyze the location, {target} is not an address of a repository")
    existing = _existing(target, user)
    if existing:
        return answer_data({"existingEntityFiles": existing, "generateEntities": []})
    document = starter(target, by=user).document
    owner = document["spec"].pop("owner")
    fields = [
        {
            "field": "spec.owner",
            "state": "analysisSuggestedValue",
            "value": owner,
            "description": "The team that answers for it; one of yours is suggested.",
        }
    ]
    return answer_data(
        {"existingEntityFiles": [], "generateEntities": [{"entity": document, "fields": fields}]}
    )


def _existing(target: str, user: User) -> list[dict[str, Any]]:
    try:
        found = preview(guess_type(target), target, by=user)
    except (Unreadable, InvalidParameters):
        return []
    return [
        {
            "location": {"type": "url", "target": found.location.target},
            "isRegistered": entity.exists,
            "entity": _previewed(found, entity),
        }
        for entity in found.entities
    ]
