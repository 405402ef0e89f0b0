"""The catalogue as a list: filters that live in the address, sorted pages, and the facets with their counts.

Every list starts from what the person may see. Ranking by words is `search.py`; here words only narrow the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.cache import cache
from django.db import models
from django.db.models import Count, Func, Q, QuerySet
from django.http import QueryDict

from catalog import per_revision
from catalog.models import CatalogRevision, Entity
from catalog.scopes import SCOPES
from catalog.search import narrowed
from catalog.visibility import covered, hidden_among, sight_of, visible_q
from control.filters import EVERYTHING, Filter, parse
from control.models import User

PAGE_SIZE = 50
MOST_PAGES = 2_000  # beyond, an offset costs more than the answer is worth: narrow the list
KEPT_SECONDS = 600  # counts of one sight; the key changes with the catalogue and the rules
FACET_VALUES = 40  # values offered per facet, the most frequent; the filter language has the others


class Order(models.TextChoices):
    NAME = "name", "Name"
    KIND = "kind", "Kind"
    OWNER = "owner", "Owner"
    LIFECYCLE = "lifecycle", "Lifecycle"
    CHANGED = "changed", "Last change"


_ORDERINGS = {
    Order.NAME: ("name", "ref"),
    Order.KIND: ("kind", "type", "name", "ref"),
    Order.OWNER: ("owner_ref", "kind", "name", "ref"),
    Order.LIFECYCLE: ("lifecycle", "name", "ref"),
    Order.CHANGED: ("-changed_at", "ref"),
}
# Facet → column. The order is that of the page.
FACETS = {"kind": "kind", "type": "type", "lifecycle": "lifecycle", "owner": "owner_ref", "tag": "tags"}


@dataclass(frozen=True)
class Filters:
    """What narrows a list. Values of one facet are alternatives; facets, words and `query` must all hold."""

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # facet → values
    text: str = ""
    query: Filter = EVERYTHING  # the filter language
    query_text: str = ""
    scope: str = ""  # one of `scopes.SCOPES`

    @classmethod
    def from_query(cls, query: QueryDict) -> Filters:
        """From `?kind=component&type=service&tag=java&q=pay&show=orphans&filter=…`. Raises `FilterError`."""
        chosen = {facet: tuple(sorted({v.lower() for v in query.getlist(facet) if v})) for facet in FACETS}
        texts = [text for text in query.getlist("filter") if text.strip()]
        return cls(
            {facet: values for facet, values in chosen.items() if values},
            query.get("q", "").strip(),
            parse(texts) if texts else EVERYTHING,
            query.get("filter", ""),
            query.get("show", "") if query.get("show") in SCOPES else "",
        )

    def __bool__(self) -> bool:
        return bool(self.chosen or self.text or self.query.alternatives or self.scope)

    def without(self, facet: str) -> Filters:
        return replace(self, chosen={name: values for name, values in self.chosen.items() if name != facet})


@dataclass(frozen=True)
class Page:
    entities: list[Entity]  # without document, terms and source text
    number: int
    total: int
    size: int

    @property
    def pages(self) -> int:
        return min(MOST_PAGES, max(1, -(-self.total // self.size)))

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def has_next(self) -> bool:
        return self.number < self.pages

    @property
    def first(self) -> int:
        """Position of the first row in the whole list, from 1; 0 in an empty list."""
        return (self.number - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.entities)


@dataclass(frozen=True)
class FacetValue:
    value: str
    count: int
    is_chosen: bool = False


def list_entities(
    filters: Filters, *, user: User, order: Order = Order.NAME, page: int = 1, size: int = PAGE_SIZE
) -> Page:
    """Page `page` (from 1; a number past the end is the last page). Two queries."""
    found = _matching(filters, user)
    total = per_revision.kept("total", question(filters, user), found.count)
    last = min(MOST_PAGES, max(1, -(-total // size)))
    number = min(max(page, 1), last)
    start = (number - 1) * size
    rows = found.light().order_by(*_ORDERINGS[order])[start : start + size]
    return Page(covered(rows, user), number, total, size)


def facets(filters: Filters, *, user: User) -> dict[str, list[FacetValue]]:
    """For each facet its values with exact counts, were it the only one not chosen; most frequent first.

    One query; up to five more when nobody asked since the catalogue changed.
    """
    counted = _counted_without(filters, user) if filters else _kept_counts(user)
    return {facet: _values(counted[facet], filters.chosen.get(facet, ())) for facet in FACETS}


def question(what: object, user: User) -> str:
    """What is counted and how much of the catalogue is seen, in the words by which `per_revision` keeps the answer."""
    return f"{what!r} {sight_of(user).key}"


def _matching(filters: Filters, user: User) -> Any:
    found = Entity.objects.visible_to(user).filter(visible_q(filters.query, user))
    if filters.scope:
        found = found.filter(SCOPES[filters.scope].condition())
    hidden = hidden_among(filters.chosen.get("owner", ()), user)
    for facet, values in filters.chosen.items():
        found = found.filter(_is_one_of(facet, [value for value in values if value not in hidden]))
    return narrowed(found, filters.text) if filters.text else found


def _is_one_of(facet: str, values: Sequence[str]) -> Q:
    return Q(**{f"{FACETS[facet]}__{'overlap' if facet == 'tag' else 'in'}": values})


def _counted_without(filters: Filters, user: User) -> dict[str, list[tuple[str, int]]]:
    """Kept for each facet alone, so that whoever goes from owner to owner has the owners counted once."""
    return {facet: _kept_facet(facet, filters.without(facet), user) for facet in FACETS}


def _kept_facet(facet: str, others: Filters, user: User) -> list[tuple[str, int]]:
    asked = question((facet, others), user)
    return per_revision.kept("facet", asked, lambda: _shown(facet, _matching(others, user), user))


def _counted(user: User) -> dict[str, list[tuple[str, int]]]:
    every = Entity.objects.visible_to(user)
    return {facet: _shown(facet, every, user) for facet in FACETS}


def _shown(facet: str, entities: QuerySet[Entity], user: User) -> list[tuple[str, int]]:
    """The values of a facet; an owner that is hidden is not among them."""
    counted = _count(entities, facet)
    hidden = hidden_among((value for value, _ in counted), user) if facet == "owner" else ()
    return [(value, count) for value, count in counted if value not in hidden]


def _count(entities: QuerySet[Entity], facet: str) -> list[tuple[str, int]]:
    column: Any = Func("tags", function="unnest") if facet == "tag" else models.F(FACETS[facet])
    rows = entities.order_by().annotate(value=column).values("value").annotate(found=Count("*"))
    return list(
        rows.exclude(**_nothing(facet))
        .order_by("-found", "value")
        .values_list("value", "found")[:FACET_VALUES]
    )


def _nothing(facet: str) -> dict[str, Any]:
    return {"tags": []} if facet == "tag" else {FACETS[facet]: ""}


def _values(counted: list[tuple[str, int]], chosen: tuple[str, ...]) -> list[FacetValue]:
    """Chosen values stay on the page when nothing matches them any more."""
    found = [FacetValue(value, count, value in chosen) for value, count in counted]
    known = {value for value, _ in counted}
    return found + [FacetValue(value, 0, True) for value in chosen if value not in known]


def _kept_counts(user: User) -> dict[str, list[tuple[str, int]]]:
    """Counted once per revision. The number is read before counting, so a change meanwhile only costs a recount.

    Counts of those who see everything stand in the row; of others, in the cache for each sight.
    """
    revision, _ = CatalogRevision.objects.get_or_create(pk=1)
    if sight := sight_of(user).key:
        return _counts_of_sight(f"catalog-facets-{revision.number}-{sight}", user)
    if revision.facets and revision.facets_number == revision.number:
        return {facet: [(value, count) for value, count in revision.facets[facet]] for facet in FACETS}
    counted = _counted(user)
    CatalogRevision.objects.filter(pk=1, number=revision.number).update(
        facets=counted, facets_number=revision.number
    )
    return counted


def _counts_of_sight(key: str, user: User) -> dict[str, list[tuple[str, int]]]:
    counted: dict[str, list[tuple[str, int]]] | None = cache.get(key)
    if counted is None:
        counted = _counted(user)
        cache.set(key, counted, KEPT_SECONDS)
    return counted
