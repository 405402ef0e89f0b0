"""What the list page shows around its rows: views, facets, applied filters, sort and page links, all as addresses.

Every link is made from the address that is shown, so that counts and address always agree. Which rows there are and how
many is `listing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, Q
from django.http import QueryDict
from django.urls import reverse

from catalog import custom_kinds, per_revision, refs
from catalog.kind_definitions import Column
from catalog.listing import FacetValue, Filters, Order, Page, question
from catalog.location_page import troubled
from catalog.models import Entity, Location
from catalog.neighbours import addresses_by_ref
from catalog.presentation import kind_words
from catalog.scopes import OWNED_KINDS, SCOPES
from catalog.visibility import NOT_SHOWN
from control.models import User

FACETS_OPEN = 6  # values shown before "12 more"
_FACET_WORDS = {
    "kind": ("Kind", "kinds"),
    "type": ("Type", "types"),
    "lifecycle": ("Lifecycle", "lifecycles"),
    "owner": ("Owner", "owners"),
    "tag": ("Tag", "tags"),
}
_COLUMNS = (  # title, order, class of the cell
    ("Name", Order.NAME, "name"),
    ("Owner", Order.OWNER, "owner"),
    ("System", None, "system"),
    ("Type", Order.KIND, "type"),
    ("Lifecycle", Order.LIFECYCLE, "lifecycle"),
    ("Changed", Order.CHANGED, "changed"),
)
LONGEST_ABOUT, LONGEST_NAME, LONGEST_WORD = 140, 28, 24  # characters in a row
_LIFECYCLE_CLASSES = {"deprecated": "is-warn", "experimental": "is-info"}


@dataclass(frozen=True)
class View:
    title: str
    url: str
    count: int
    is_current: bool


@dataclass(frozen=True)
class Choice:
    """One value of a facet: a checkbox with its count."""

    value: str
    words: str
    count: int
    is_chosen: bool


@dataclass(frozen=True)
class Facet:
    name: str
    title: str
    shown: list[Choice]
    hidden: list[Choice]
    more: str  # "12 more owners"


@dataclass(frozen=True)
class Chip:
    """An applied filter with the address of the list without it."""

    key: str
    value: str
    without_url: str


@dataclass(frozen=True)
class ColumnHead:
    title: str
    slug: str
    url: str  # empty: cannot be sorted by
    sorted: str  # ascending, descending or nothing, for aria-sort


@dataclass(frozen=True)
class Named:
    words: str
    url: str = ""
    state: str = ""  # unknown: nothing declares it; bad: there should be one


@dataclass(frozen=True)
class Row:
    entity: Entity
    kind: str
    about: str  # the title where it says more than the name, and the description
    owner: Named
    system: Named
    type: str
    lifecycle: str
    lifecycle_class: str = ""
    cells: Sequence[str] = ()  # of the columns that the definition of its kind adds


@dataclass(frozen=True)
class Head:
    entities: int
    locations: int
    read_at: datetime | None
    troubled: int


class Address:
    """The query of the list page; each change starts again on the first page."""

    def __init__(self, query: QueryDict) -> None:
        self._query = query.copy()
        for key in [key for key, values in self._query.lists() if not any(values)]:
            del self._query[key]
        self._query.pop("page", None)

    def with_(self, key: str, value: str) -> str:
        changed = self._query.copy()
        changed[key] = value
        return self._url(changed)

    def without(self, key: str, value: str = "") -> str:
        """Without one value of `key`, or without `key`."""
        changed = self._query.copy()
        kept = [found for found in changed.getlist(key) if value and found.lower() != value.lower()]
        changed.setlist(key, kept)
        return self._url(changed)

    def __str__(self) -> str:
        return self._url(self._query)

    def page(self, number: int) -> str:
        return self.with_("page", str(number)) if number > 1 else self._url(self._query)

    @staticmethod
    def _url(query: QueryDict) -> str:
        text = query.urlencode(safe="/:=")
        return reverse("catalog:list") + (f"?{text}" if text else "")


def facet_groups(counted: dict[str, list[FacetValue]]) -> list[Facet]:
    """Facets with something to choose; chosen values are never hidden."""
    return [_facet(name, values) for name, values in counted.items() if values]


def _facet(name: str, values: Iterable[FacetValue]) -> Facet:
    title, many = _FACET_WORDS[name]
    choices = [Choice(v.value, _value_words(name, v.value), v.count, v.is_chosen) for v in values]
    shown = [c for i, c in enumerate(choices) if i < FACETS_OPEN or c.is_chosen]
    hidden = [c for i, c in enumerate(choices) if i >= FACETS_OPEN and not c.is_chosen]
    return Facet(name, title, shown, hidden, f"{len(hidden)} more {many}" if hidden else "")


def _value_words(facet: str, value: str) -> str:
    if facet == "kind":
        return kind_words(value).one
    return refs.short(value, kind="group") if facet == "owner" else value


def chips(filters: Filters, address: Address, texts: list[str]) -> list[Chip]:
    """Everything that narrows the list now; `texts` are the filters of the filter language."""
    found = [
        Chip(facet, _value_words(facet, value), address.without(facet, value))
        for facet, values in filters.chosen.items()
        for value in values
    ]
    if filters.text:
        found.append(Chip("words", filters.text, address.without("q")))
    if filters.scope:
        found.append(Chip("view", SCOPES[filters.scope].title.lower(), address.without("show")))
    return found + [Chip("filter", text, address.without("filter", text)) for text in texts]


def columns(address: Address, order: Order) -> list[ColumnHead]:
    heads = []
    for title, key, slug in _COLUMNS:
        direction = ("descending" if key == Order.CHANGED else "ascending") if key == order else ""
        heads.append(ColumnHead(title, slug, address.with_("sort", key) if key else "", direction))
    return heads


def own_columns(filters: Filters) -> Sequence[Column]:
    """What the definition of a kind adds to a list of that kind alone."""
    kinds = filters.chosen.get("kind", ())
    defined = custom_kinds.shown(kinds[0]) if len(kinds) == 1 else None
    return defined.columns if defined else ()


def rows(entities: Iterable[Entity], added: Sequence[Column] = ()) -> list[Row]:
    """The rows with the names of owners and systems, in one query; one more for columns that are added."""
    listed = list(entities)
    cells = _cells(listed, added) if added else {}
    named = addresses_by_ref(ref for entity in listed for ref in (entity.owner_ref, entity.system_ref))
    return [
        Row(
            entity=entity,
            kind=kind_words(entity.kind).one,
            about=cut(about(entity), LONGEST_ABOUT),
            owner=_owner(entity, named),
            system=_named(entity.system_ref, entity, named),
            type=cut(entity.type, LONGEST_WORD),
            lifecycle=cut(entity.lifecycle, LONGEST_WORD),
            lifecycle_class=_LIFECYCLE_CLASSES.get(entity.lifecycle, ""),
            cells=cells.get(entity.pk, ()),
        )
        for entity in listed
    ]


def _cells(listed: list[Entity], added: Sequence[Column]) -> dict[UUID, list[str]]:
    found = Entity.objects.filter(pk__in=[entity.pk for entity in listed]).values_list("pk", "document")
    return {pk: custom_kinds.column_values(added, document) for pk, document in found}


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def about(entity: Entity) -> str:
    """Lists show and sort by names; a title that is the name in other letters is not repeated."""
    plain = entity.name.replace("-", " ").replace("_", " ").lower()
    title = entity.title if entity.title.lower() not in (plain, entity.name.lower()) else ""
    return ". ".join(filter(None, (title, entity.description)))


def _owner(entity: Entity, named: dict[str, Entity]) -> Named:
    if entity.owner_ref or entity.kind not in OWNED_KINDS:
        return _named(entity.owner_ref, entity, named)
    return Named("No owner", state="bad")


def _named(ref: str, beside: Entity, named: dict[str, Entity]) -> Named:
    if not ref:
        return Named("")
    if ref == NOT_SHOWN:
        return Named(refs.short(ref), state="unknown")
    words = cut(refs.short(ref, namespace=beside.namespace), LONGEST_NAME)
    target = named.get(ref)
    return Named(words, target.get_absolute_url()) if target else Named(words, state="unknown")


def page_links(page: Page, address: Address) -> list[tuple[int, str]]:
    """(number, address) for the first, the last and the pages around this one; (0, "") for a gap."""
    wanted = sorted(
        {1, 2, page.pages, *range(page.number - 1, page.number + 2)} & set(range(1, page.pages + 1))
    )
    links: list[tuple[int, str]] = []
    for number in wanted:
        if links and number > links[-1][0] + 1:
            links.append((0, ""))
        links.append((number, address.page(number)))
    return links


def head(user: User) -> Head:
    """How much there is and how fresh it is. Two queries, one of them kept per revision of the catalogue."""
    found = Location.objects.visible_to(user).aggregate(
        locations=Count("pk"), read_at=Max("read_at"), troubled=Count("pk", filter=troubled(user))
    )
    return Head(_kept_counts(user)["all"], found["locations"], found["read_at"], found["troubled"])


def views(filters: Filters, user: User, *, is_plain: bool) -> list[View]:
    """The lists that people come back to. `is_plain` says that nothing else than `filters` is in the address."""
    teams = sorted(user.groups.values_list("name", flat=True))
    owned = Entity.objects.visible_to(user).filter(owner_ref__in=teams)
    mine = per_revision.kept("owned", question(teams, user), owned.count) if teams else 0
    return list(_views(filters, _kept_counts(user), teams, mine, is_plain))


def _views(
    filters: Filters, counts: dict[str, int], teams: list[str], owned: int, is_plain: bool
) -> Iterator[View]:
    start = reverse("catalog:list")
    bare = is_plain and not filters.text and not filters.query.alternatives
    components = bare and not filters.scope and filters.chosen == {"kind": ("component",)}
    yield View("Everything", start, counts["all"], bare and not filters)
    yield View("All components", f"{start}?kind=component", counts["components"], components)
    if teams:
        owners = QueryDict(mutable=True)
        owners.setlist("owner", teams)
        mine = bare and not filters.scope and filters.chosen == {"owner": tuple(teams)}
        yield View("Owned by my teams", f"{start}?{owners.urlencode(safe='/:')}", owned, mine)
    for slug, scope in SCOPES.items():
        is_current = bare and filters.scope == slug and not filters.chosen
        yield View(scope.title, f"{start}?show={slug}", counts[slug], is_current)


def _kept_counts(user: User) -> dict[str, int]:
    """Counts over what the person sees."""
    return per_revision.kept("counts", question("", user), lambda: _counts(user))


def _counts(user: User) -> dict[str, int]:
    return Entity.objects.visible_to(user).aggregate(
        all=Count("pk"),
        components=Count("pk", filter=Q(kind="component")),
        **{slug: Count("pk", filter=scope.condition()) for slug, scope in SCOPES.items()},
    )
