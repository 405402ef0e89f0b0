"""GET /api/search/query: the catalogue's search in the shape of Backstage's search plugin."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse

from catalog.api import kept
from catalog.api.asked import Parameters
from catalog.models import Entity
from catalog.search import search_part
from catalog.words import words
from control.api import ApiError, answer_data
from control.models import User

TYPE = "software-catalog"
PAGE = 25
MOST = 100  # results of one page
LAST_PAGE = 1_000
LONGEST_TERM = 200
_TYPES = re.compile(r"types(\[\d*\])?")
_KINDS = re.compile(r"filters\[kind\](\[\d*\])?")


def query(request: HttpRequest, user: User) -> HttpResponse:
    return kept.whole(request, user, lambda: _found(request, user))


def _found(request: HttpRequest, user: User) -> HttpResponse:
    listed = [name for name in request.GET if _TYPES.fullmatch(name) or _KINDS.fullmatch(name)]
    asked = Parameters(request, "term", "pageCursor", "pageLimit", *listed)
    for name in filter(_TYPES.fullmatch, listed):
        for type in asked.many(name):
            if type != TYPE:
                raise ApiError(400, f"Invalid query, the document type {type} is not known; it is {TYPE}")
    kinds = [kind for name in filter(_KINDS.fullmatch, listed) for kind in asked.many(name)]
    size = _size(asked)
    page, term = _page(asked.text("pageCursor")), asked.text("term")[:LONGEST_TERM]
    found, total = search_part(term, user=user, kinds=kinds, start=page * size, size=size)
    return answer_data(_results(found, total, page, size, term))


def _size(asked: Parameters) -> int:
    size = asked.integer("pageLimit")
    if size is not None and not 0 < size <= MOST:
        raise ApiError(400, f"The page limit of {size} is not between 1 and {MOST}")
    return size or PAGE


def _page(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        page = int(base64.b64decode(cursor.encode()))
    except ValueError as error:
        raise ApiError(400, "Malformed page cursor, could not be parsed") from error
    if not 0 <= page <= LAST_PAGE:
        raise ApiError(400, f"There are no pages after {LAST_PAGE}: search for more words")
    return page


def _results(found: list[Entity], total: int, page: int, size: int, term: str) -> dict[str, Any]:
    mark = str(uuid.uuid4())
    first = page * size + 1
    results = [_result(entity, first + i, term, mark) for i, entity in enumerate(found)]
    answer: dict[str, Any] = {"numberOfResults": total, "results": results}
    if (page + 1) * size < total and page < LAST_PAGE:
        answer["nextPageCursor"] = _cursor(page + 1)
    if page:
        answer["previousPageCursor"] = _cursor(page - 1)
    return answer


def _cursor(page: int) -> str:
    return base64.b64encode(str(page).encode()).decode()


def _result(entity: Entity, rank: int, term: str, mark: str) -> dict[str, Any]:
    document = {
        "title": entity.label,
        "text": entity.description,
        "componentType": entity.type or "other",
        "type": entity.type or "other",
        "namespace": entity.namespace,
        "kind": entity.kind,
        "lifecycle": entity.lifecycle,
        "owner": entity.owner_ref,
        "location": f"/catalog/{entity.namespace}/{entity.kind}/{entity.name}",
    }
    shown = {name: _marked(document[name], term, mark) for name in ("text", "title", "location")}
    highlight = {"preTag": f"<{mark}>", "postTag": f"</{mark}>", "fields": {**shown, "path": ""}}
    return {"type": TYPE, "document": document, "rank": rank, "highlight": highlight}


def _marked(text: str, term: str, mark: str) -> str:
    typed = words(term)
    if not typed:
        return text
    pattern = re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, typed))})", re.IGNORECASE)
    return pattern.sub(lambda found: f"<{mark}>{found[0]}</{mark}>", text)
