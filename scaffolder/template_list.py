"""The list of templates: filtered like the catalogue, with how each does and why one cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from catalog.listing import FacetValue, Filters, Page, facets, list_entities
from catalog.models import Entity
from catalog.visibility import covered
from control.models import Intent, User
from scaffolder import document
from scaffolder.forms.schema import FormUnreadable, pages_of
from scaffolder.models import Run
from scaffolder.usage import NEVER, Usage, chosen_most, usage_of

PAGE_SIZE = 30
RECENT_RUNS = 5
_FACETS = {"type": "What", "tag": "Tags", "owner": "Owner"}
_ICONS = {"website": "app-window", "library": "package", "documentation": "book-open", "resource": "database"}


@dataclass(frozen=True)
class Card:
    """A template as the list shows it. `reason` says why it cannot be used."""

    entity: Entity
    usage: Usage
    reason: str

    @property
    def icon(self) -> str:
        return _ICONS.get(self.entity.type.lower(), "box")


@dataclass(frozen=True)
class Facet:
    name: str
    title: str
    values: list[FacetValue]


@dataclass(frozen=True)
class TemplateList:
    filters: Filters
    page: Page
    featured: list[Card]
    cards: list[Card]
    facets: list[Facet]
    recent: list[Run]
    is_by_use: bool  # `featured` is what the person's teams ran most, not what is recommended

    @property
    def is_narrowed(self) -> bool:
        return bool(self.filters.text or any(name in self.filters.chosen for name in _FACETS))


def read(query: QueryDict, *, user: User, number: int) -> TemplateList:
    """The number of queries does not depend on the number of templates."""
    filters = filters_of(query)
    page = list_entities(filters, user=user, page=number, size=PAGE_SIZE)
    is_whole = number == 1 and filters == filters_of(QueryDict())
    most = chosen_most(user) if is_whole else []
    extra = covered(Entity.objects.visible_to(user).filter(ref__in=most).light(), user) if most else []
    entities = {entity.ref: entity for entity in [*page.entities, *extra]}
    cards = _cards(entities.values())
    by_use = [cards[ref] for ref in most if ref in cards]
    featured = by_use or (_recommended(cards.values()) if is_whole else [])
    shown = {card.entity.ref for card in featured}
    return TemplateList(
        filters,
        page,
        featured,
        [cards[entity.ref] for entity in page.entities if entity.ref not in shown],
        _facets(filters, user),
        recent_runs(user),
        bool(by_use),
    )


def filters_of(query: QueryDict) -> Filters:
    chosen = {name: tuple(sorted({v.lower() for v in query.getlist(name) if v})) for name in _FACETS}
    known = {name: values for name, values in chosen.items() if values}
    return Filters({"kind": ("template",), **known}, query.get("q", "").strip())


def _recommended(cards: Iterable[Card]) -> list[Card]:
    return [card for card in cards if "recommended" in card.entity.tags][:4]


def _cards(entities: Iterable[Entity]) -> dict[str, Card]:
    found = {entity.pk: entity for entity in entities}
    documents: Mapping[Any, Any] = dict(Entity.objects.filter(pk__in=found).values_list("pk", "document"))
    usage = usage_of(entity.ref for entity in found.values())
    return {
        entity.ref: Card(entity, usage.get(entity.ref, NEVER), unusable(documents.get(pk, {})))
        for pk, entity in found.items()
    }


def unusable(template: Mapping[str, Any]) -> str:
    """Why a template cannot be used, in one sentence; empty when it can."""
    return next((reason.partition(". ")[0].rstrip(".") + "." for reason in reasons(template)), "")


def reasons(template: Mapping[str, Any]) -> list[str]:
    """Everything that keeps a template from being used: its steps, its form."""
    found = document.problems_of(template)
    try:
        pages_of(template)
    except FormUnreadable as problem:
        return [*found, str(problem)]
    return found


def _facets(filters: Filters, user: User) -> list[Facet]:
    counted = facets(filters, user=user)
    return [Facet(name, title, counted[name]) for name, title in _FACETS.items() if counted[name]]


def recent_runs(user: User) -> list[Run]:
    mine = Run.objects.filter(intent__in=Intent.objects.involving(user)).select_related("intent")
    return list(mine.order_by("-intent__requested_at").defer("template", "values", "output")[:RECENT_RUNS])
