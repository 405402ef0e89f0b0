"""Entities over HTTP: one, those named, all, and pages of a query. What they look like is `documents.py`."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from catalog import refs, removal
from catalog.api import documents, kept, querying
from catalog.api.ancestry import ancestry_of
from catalog.api.asked import Parameters, body_of, bounded, fields_of
from catalog.api.documents import Selection
from catalog.api.facets import facets
from catalog.api.ordering import Order, order_fields, orders
from catalog.api.querying import Place, Question
from catalog.models import Entity
from catalog.visibility import sight_of, visible_q
from control.api import JSON, ApiError, answer, answer_data, nothing
from control.models import User

MOST_REFS = 10_000  # of one request
_TEXTS = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_REFS}
_QUERY_BODY = {
    "type": "object",
    "properties": {
        "cursor": {"type": "string"},
        "limit": {"type": "number"},
        "offset": {"type": "number"},
        "orderBy": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "order"],
                "properties": {"field": {"type": "string"}, "order": {"enum": ["asc", "desc"]}},
            },
        },
        "fullTextFilter": {
            "type": "object",
            "properties": {"term": {"type": "string"}, "fields": _TEXTS},
        },
        "fields": _TEXTS,
        "totalItems": {"enum": ["include", "exclude"]},
        "query": {"type": "object"},
    },
}
_REFS_BODY = {
    "type": "object",
    "required": ["entityRefs"],
    "properties": {"entityRefs": _TEXTS, "fields": _TEXTS, "query": {"type": "object"}},
}
_FACETS_BODY = {
    "type": "object",
    "required": ["facets"],
    "properties": {"facets": _TEXTS, "query": {"type": "object"}},
}


def by_name(request: HttpRequest, user: User, kind: str, namespace: str, name: str) -> HttpResponse:
    return kept.whole(request, user, lambda: _by_name(request, user, kind, namespace, name))


def _by_name(request: HttpRequest, user: User, kind: str, namespace: str, name: str) -> HttpResponse:
    Parameters(request)
    ref = f"{kind}:{namespace}/{name}".lower()
    if sight_of(user).is_whole:
        text = documents.named(ref)
    else:
        text = documents.one(Entity.objects.visible_to(user).filter(ref=ref), user)
    if text is None:
        raise ApiError(404, f"No entity named '{name}' found, with kind '{kind}' in namespace '{namespace}'")
    return answer(text)


def by_uid(request: HttpRequest, user: User, uid: str) -> HttpResponse:
    Parameters(request)
    id = _uuid(uid)
    text = documents.one(Entity.objects.visible_to(user).filter(pk=id), user) if id else None
    if text is None:
        raise ApiError(404, f"No entity with uid {uid}")
    return answer(text)


def remove_by_uid(request: HttpRequest, user: User, uid: str) -> HttpResponse:
    """Also says so when nothing was there: the wish is fulfilled."""
    Parameters(request)
    id = _uuid(uid)
    if id:
        removal.remove_entity(id, by=user)
    return nothing(204)


def ancestry(request: HttpRequest, user: User, kind: str, namespace: str, name: str) -> HttpResponse:
    Parameters(request)
    ref = f"{kind}:{namespace}/{name}".lower()
    entity = Entity.objects.visible_to(user).filter(ref=ref).only("ref", "parent_id", "location_id").first()
    if entity is None:
        raise ApiError(404, f"No such entity {ref}")
    return answer(ancestry_of(entity, user))


def by_refs(request: HttpRequest, user: User) -> HttpResponse:
    """In the order of the references, null for those that are not there."""
    filter = Parameters(request, "filter").filter()
    body = body_of(request, _REFS_BODY)
    found = Entity.objects.visible_to(user).filter(visible_q(filter, user))
    if "query" in body:
        found = found.filter(querying.query_q(body["query"], user))
    wanted = [_canonical(ref) for ref in body["entityRefs"]]
    selection = Selection(fields_of(body.get("fields", [])))
    texts = documents.by_ref(found.filter(ref__in=set(wanted)), selection, user)
    return answer(f'{{"items":[{",".join(texts.get(ref, "null") for ref in wanted)}]}}')


def _canonical(ref: str) -> str:
    try:
        return refs.canonical(ref)
    except refs.RefInvalid:
        return ""  # no entity has it


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# All of them, or a part by offset.


def listed(request: HttpRequest, user: User) -> HttpResponseBase:
    """A bare array; without limit, offset and after it is streamed, however long."""
    asked = Parameters(request, "fields", "limit", "filter", "offset", "after", "order")
    found = Entity.objects.visible_to(user).filter(visible_q(asked.filter(), user))
    selection = Selection(fields_of(asked.words("fields")))
    ordered = found.order_by(*(order.lacking_last(user) for order in orders(asked.many("order"))), "ref")
    start, limit = _span(asked)
    if start is None:
        return StreamingHttpResponse(
            documents.stream(ordered.values_list("pk"), selection, user), content_type=JSON
        )
    return _part(request, user, ordered, selection, start, limit)


def _span(asked: Parameters) -> tuple[int | None, int]:
    """Where to begin (None: everything is meant) and how many there may be."""
    limit, offset = asked.integer("limit"), asked.integer("offset")
    if limit == 0:
        raise ApiError(400, "Invalid limit, must be greater than zero")
    if after := asked.text("after"):
        return _after(after, limit)
    if limit is None and offset is None:
        return None, 0
    return offset or 0, min(limit or querying.MOST, querying.MOST)


def _after(cursor: str, limit: int | None) -> tuple[int, int]:
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
        offset, most = int(said["offset"]), int(said["limit"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ApiError(400, "Malformed after cursor, could not be parsed") from error
    number = limit or most
    if number < 1:
        raise ApiError(400, "Malformed after cursor, could not be parsed")
    return bounded(offset, "request/query/after"), min(number, querying.MOST)


def _part(
    request: HttpRequest,
    user: User,
    ordered: QuerySet[Entity],
    selection: Selection,
    start: int,
    limit: int,
) -> HttpResponse:
    rows = documents.page(ordered.values_list("pk", "ref")[start : start + limit + 1], selection, user)
    response = answer(f"[{','.join(text for text, _, _ in rows[:limit])}]")
    if len(rows) > limit:
        said = json.dumps({"limit": limit, "offset": start + limit}, separators=(",", ":")).encode()
        query = [(k, v) for k, values in request.GET.lists() for v in values if k not in ("after", "offset")]
        query.append(("after", base64.b64encode(said).decode()))
        response["Link"] = f'</entities?{urlencode(query)}>; rel="next"'
    return response


# Pages of a query.


def queried(request: HttpRequest, user: User) -> HttpResponse:
    return kept.whole(request, user, lambda: _queried(request, user))


def _queried(request: HttpRequest, user: User) -> HttpResponse:
    asked = Parameters(
        request,
        *("fields", "limit", "offset", "orderField", "cursor", "filter", "totalItems"),
        *("fullTextFilterTerm", "fullTextFilterFields"),
    )
    selection, limit = Selection(fields_of(asked.words("fields"))), asked.integer("limit")
    counts = asked.choice("totalItems", "include", "exclude") == "include"
    offset, order = asked.integer("offset"), order_fields(asked.many("orderField"))
    if cursor := asked.text("cursor"):
        return _at(querying.decoded(cursor), user, selection, limit)
    question = Question(
        filters=tuple(asked.many("filter")),
        order=order[0] if order else Order(),
        term=asked.text("fullTextFilterTerm").strip(),
        term_fields=_few_fields(asked.words("fullTextFilterFields")),
    )
    return _first(question, user, selection, limit, offset, counts=counts)


def queried_by_body(request: HttpRequest, user: User) -> HttpResponse:
    Parameters(request)
    body = body_of(request, _QUERY_BODY, is_required=False)
    selection, limit = Selection(fields_of(body.get("fields", []))), _number(body, "limit")
    offset = _number(body, "offset")
    if cursor := body.get("cursor"):
        return _at(querying.decoded(cursor), user, selection, limit)
    text: dict[str, Any] = body.get("fullTextFilter", {})
    by = body.get("orderBy", [])
    question = Question(
        query=body.get("query"),
        order=Order(by[0]["field"], by[0]["order"] == "desc") if by else Order(),
        term=text.get("term", "").strip(),
        term_fields=_few_fields(text.get("fields", [])),
    )
    counts = body.get("totalItems", "include") == "include"
    return _first(question, user, selection, limit, offset, counts=counts)


def _first(
    question: Question,
    user: User,
    selection: Selection,
    limit: int | None,
    offset: int | None,
    *,
    counts: bool,
) -> HttpResponse:
    page = querying.first_page(
        question,
        user=user,
        selection=selection,
        limit=querying.DEFAULT_LIMIT if limit is None else limit,
        offset=offset or 0,
        counts=counts,
    )
    return answer(page.as_json())


def _at(place: Place, user: User, selection: Selection, limit: int | None) -> HttpResponse:
    number = querying.DEFAULT_LIMIT if limit is None else limit
    return answer(querying.page_at(place, user=user, selection=selection, limit=number).as_json())


def _few_fields(fields: list[str]) -> tuple[str, ...]:
    if len(fields) > querying.MOST_TEXT_FIELDS:
        raise ApiError(400, f"At most {querying.MOST_TEXT_FIELDS} fields can be searched.")
    return tuple(fields)


def _number(body: dict[str, Any], name: str) -> int | None:
    number = body.get(name)
    if number is None:
        return None
    if number != int(number):
        raise ApiError(400, f"request/body/{name} must be integer")
    return bounded(int(number), f"request/body/{name}")


# Facets.


def faceted(request: HttpRequest, user: User) -> HttpResponse:
    return kept.whole(request, user, lambda: _faceted(request, user))


def _faceted(request: HttpRequest, user: User) -> HttpResponse:
    asked = Parameters(request, "facet", "filter")
    names = asked.many("facet")
    if not names:
        raise ApiError(400, "request/query must have required property 'facet'")
    found = Entity.objects.visible_to(user).filter(visible_q(asked.filter(), user))
    return answer_data({"facets": facets(found, names, user)})


def faceted_by_body(request: HttpRequest, user: User) -> HttpResponse:
    Parameters(request)
    body = body_of(request, _FACETS_BODY)
    found = Entity.objects.visible_to(user)
    if "query" in body:
        found = found.filter(querying.query_q(body["query"], user))
    return answer_data({"facets": facets(found, body["facets"], user)})
