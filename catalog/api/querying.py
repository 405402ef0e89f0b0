"""Pages of /entities/by-query: a question, where in its answer one is, and the cursors to both sides.

A cursor carries the whole question with the total of the first page, and the value and id of the row that it starts
beyond, so that a page costs the same however deep it lies. It holds nothing that its bearer may not know, and is
checked like any other input. It has no member `query`, which tells Backstage's client to go on with GET.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Q

from catalog import per_revision
from catalog.api import documents
from catalog.api.asked import filter_of
from catalog.api.documents import Selection
from catalog.api.ordering import Order
from catalog.filter_sql import holds
from catalog.models import Entity
from catalog.predicates import PredicateError, predicate_q
from catalog.visibility import names_hidden, visible_q
from control.api import ApiError
from control.models import User

DEFAULT_LIMIT = 200
MOST = 10_000  # of one page: the rest is behind the cursor
MOST_TEXT_FIELDS = 20


@dataclass(frozen=True)
class Question:
    """What is asked for. `query` is a predicate, `filters` are texts of the filter language; both must hold."""

    filters: tuple[str, ...] = ()
    query: Mapping[str, Any] | None = None
    order: Order = field(default_factory=Order)
    term: str = ""
    term_fields: tuple[str, ...] = ()

    def matching(self, user: User) -> Any:
        """The entities that are meant, each with the `value` that it is ordered by."""
        found = Entity.objects.visible_to(user).filter(visible_q(filter_of(list(self.filters)), user))
        if self.query is not None:
            found = found.filter(query_q(self.query, user))
        if self.term:
            found = found.filter(self._holds_term(user))
        return found.annotate(value=self.order.value(user)).filter(self.order.has_value)

    def _holds_term(self, user: User) -> Q:
        result = Q()
        for name in self.term_fields or (self.order.field or "metadata.uid",):
            result |= holds(name, self.term) & ~names_hidden(name, user)
        return result


@dataclass(frozen=True)
class Place:
    """Where a page begins: beyond the row of `value` and `id`, towards the beginning if `is_previous`."""

    question: Question
    total: int
    value: str = ""
    id: str = ""
    is_previous: bool = False

    def encoded(self) -> str:
        question = self.question
        said = {
            "f": question.filters,
            "q": question.query,
            "o": [question.order.field, question.order.is_descending],
            "t": [question.term, *question.term_fields],
            "n": self.total,
            "at": [self.value, self.id],
            "back": self.is_previous,
        }
        return base64.urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()


def decoded(cursor: str) -> Place:
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        [by, is_descending], [term, *fields], [value, id] = said["o"], said["t"], said["at"]
        texts = [*_list(said["f"]), by, term, *fields, value]
        if not all(isinstance(text, str) and "\x00" not in text for text in texts):
            raise ValueError("what is no text")
        question = Question(tuple(said["f"]), said["q"], Order(by, bool(is_descending)), term, tuple(fields))
        return Place(question, int(said["n"]), value, str(UUID(id)), bool(said["back"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ApiError(400, f"Malformed cursor: {type(error).__name__}") from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def query_q(query: Any, user: User) -> Q:
    try:
        return predicate_q(query, user)
    except PredicateError as error:
        raise ApiError(400, f"Invalid query: {error}") from error


@dataclass(frozen=True)
class Page:
    texts: list[str]
    total: int
    following: str = ""  # cursor
    previous: str = ""

    def as_json(self) -> str:
        info = {"nextCursor": self.following, "prevCursor": self.previous}
        shown = json.dumps({name: cursor for name, cursor in info.items() if cursor})
        return f'{{"items":[{",".join(self.texts)}],"totalItems":{self.total},"pageInfo":{shown}}}'


def first_page(
    question: Question, *, user: User, selection: Selection, limit: int, offset: int = 0, counts: bool = True
) -> Page:
    """Three queries at most: the page, the revision, and the total unless it is kept or all of it is on the page."""
    found = question.matching(user)
    part = _part(Place(question, 0), found, user, selection, limit, offset)
    place = Place(question, (part.whole(offset) or per_revision.total(found)) if counts else 0)
    following = _cursor(place, part.rows[-1], is_previous=False) if part.has_more else ""
    return Page(part.texts, place.total, following)


def page_at(place: Place, *, user: User, selection: Selection, limit: int) -> Page:
    """The page that a cursor leads to. One query."""
    question = place.question
    beyond = question.order.beyond(place.value, place.id, is_reversed=place.is_previous)
    part = _part(place, question.matching(user).filter(beyond), user, selection, limit)
    if place.is_previous:
        part.rows.reverse()
    has_following = bool(part.rows) if place.is_previous else part.has_more
    has_previous = part.has_more if place.is_previous else bool(part.rows)
    return Page(
        part.texts,
        place.total,
        _cursor(place, part.rows[-1], is_previous=False) if has_following else "",
        _cursor(place, part.rows[0], is_previous=True) if has_previous else "",
    )


@dataclass(frozen=True)
class Part:
    """Rows of one page, (text, value that sorts, id), and whether there are more behind them."""

    rows: list[tuple[str, str, UUID]]
    has_more: bool

    @property
    def texts(self) -> list[str]:
        return [text for text, _, _ in self.rows]

    def whole(self, offset: int) -> int:
        """How many there are in all, where the last of them is among these rows; 0 where that is not known."""
        return offset + len(self.rows) if self.rows and not self.has_more else 0


def _part(place: Place, found: Any, user: User, selection: Selection, limit: int, offset: int = 0) -> Part:
    limit = min(limit, MOST)
    if limit == 0:
        return Part([], False)
    ordered = found.order_by(*place.question.order.sorted(is_reversed=place.is_previous))
    rows = documents.page(ordered.values_list("pk", "value")[offset : offset + limit + 1], selection, user)
    return Part(rows[:limit], len(rows) > limit)


def _cursor(place: Place, row: tuple[str, str, UUID], *, is_previous: bool) -> str:
    return replace(place, value=row[1], id=str(row[2]), is_previous=is_previous).encoded()
