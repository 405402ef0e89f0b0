"""What every tab of an entity's page has in common: finding it, its head, its notes, its tabs.

A tab in another app decorates its view with `entity_view`, renders a template that extends `catalog/entity_base.html`
and passes `shell(request, entity, tab="<slug>")` into the context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Case, Q, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from catalog import custom_kinds, extensions, refs, well_known
from catalog.deprecations import deprecations_of
from catalog.entity_status import status_items
from catalog.location_page import is_owed
from catalog.models import Entity, Location, Problem
from catalog.neighbours import entities_by_ref, people_in
from catalog.ownership import may_change
from catalog.presentation import count_words, icon_of, kind_words, place_words
from catalog.visibility import NOT_SHOWN, covered
from control.models import User
from control.web import person

PROBLEMS_SHOWN = 20
SUGGESTIONS = 3
_SAME_KIND = 0.3  # what the same kind adds to the likeness of a name
WITHOUT_DEPENDENCIES = frozenset({"system", "domain", "group", "user", "location", "template"})
OWNERS = frozenset({"group", "user"})
CONTAINERS = frozenset({"system", "domain"})


@dataclass(frozen=True)
class Fact:
    """One cell of the title block."""

    label: str
    value: str
    url: str = ""
    aside: str = ""
    state: str = ""  # bad, warn or unknown
    mono: bool = False
    since: datetime | None = None  # written after `aside`, as an age


@dataclass(frozen=True)
class TabLink:
    slug: str
    title: str
    url: str
    count: int | None = None


def find_entity(kind: str, namespace: str, name: str, *, user: User) -> Entity:
    """The entity with its location, if `user` may see it; raises Http404."""
    visible = Entity.objects.visible_to(user).defer("term_keys", "search").select_related("location")
    entity = visible.filter(ref=f"{kind}:{namespace}/{name}".lower()).first()
    if entity is None:
        raise Http404(f"The catalogue has no {kind}:{namespace}/{name}.")
    return covered([entity], user)[0]


def entity_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Hand the entity of the address to `view(request, entity)`; answer 404 with near names where there is none."""

    @wraps(view)
    def found(request: HttpRequest, kind: str, namespace: str, name: str, **rest: Any) -> HttpResponse:
        try:
            entity = find_entity(kind, namespace, name, user=person(request))
        except Http404:
            return _missing(request, kind, namespace, name)
        return view(request, entity, **rest)

    return found


def _missing(request: HttpRequest, kind: str, namespace: str, name: str) -> HttpResponse:
    near = (
        Entity.objects.visible_to(person(request))
        .filter(name__trigram_similar=name)
        .annotate(
            likeness=TrigramSimilarity("name", name)
            + Case(When(kind=kind.lower(), then=Value(_SAME_KIND)), default=Value(0.0))
        )
        .light()
        .order_by("-likeness", "name")[:SUGGESTIONS]
    )
    suggestions = [(entity, icon_of(entity.kind, entity.type)) for entity in covered(near, person(request))]
    context = {"ref": f"{kind}:{namespace}/{name}".lower(), "name": name, "suggestions": suggestions}
    return render(request, "catalog/entity_missing.html", context, status=404)


def shell(request: HttpRequest, entity: Entity, *, tab: str) -> dict[str, Any]:
    """The context of `catalog/entity_base.html`. A constant number of queries."""
    words = kind_words(entity.kind, entity.document)
    named = entities_by_ref([entity.owner_ref, entity.system_ref])
    user = person(request)
    problems = problems_of(entity, user)
    return {
        "entity": entity,
        "kind": words,
        "icon": icon_of(entity.kind, entity.type),
        "system": named.get(entity.system_ref),
        "facts": list(_facts(entity, named, user)),
        "tabs": list(_tabs(request, entity)),
        "tab": tab,
        "actions": [*_editing(entity, user), *extensions.actions(request, entity)],
        "may_remove": entity.orphaned_at is not None and may_change(user, entity),
        "problems": problems,
        "has_errors": any(problem.severity == Problem.Severity.ERROR for problem in problems),
        "status_items": status_items(entity),
        "deprecations": deprecations_of(entity),
        "refresh": refresh_state(entity.location),
        "stale_since": entity.location.failing_since,
    }


def _editing(entity: Entity, user: User) -> Iterator[extensions.Action]:
    """Where the descriptor is edited, for who may change the entity."""
    url = well_known.edit_url(entity)
    if url and may_change(user, entity):
        yield extensions.Action("Edit the descriptor", url)


def problems_of(entity: Entity, user: User) -> list[Problem]:
    mine = Problem.objects.visible_to(user).filter(Q(entity=entity) | Q(entity_ref=entity.ref))
    return list(mine.select_related("location").order_by("severity", "id")[:PROBLEMS_SHOWN])


def refresh_state(location: Location) -> str:
    """`reading`, `asked` or nothing: what is under way for the place that an entity comes from."""
    if location.reading_since:
        return "reading"
    return "asked" if is_owed(location) else ""


def _facts(entity: Entity, named: dict[str, Entity], user: User) -> Iterator[Fact]:
    if entity.kind not in OWNERS and entity.kind != "location":
        yield _owner_fact(entity, named.get(entity.owner_ref), user)
    if entity.lifecycle:
        yield Fact(
            "Lifecycle", entity.lifecycle, state="warn" if entity.lifecycle.lower() == "deprecated" else ""
        )
    if entity.type:
        yield Fact("Type", entity.type)
    if entity.system_ref:
        yield _named_fact("System", entity.system_ref, named.get(entity.system_ref), entity)
    yield from _defined_facts(entity)
    yield from _profile_facts(entity)
    yield _source_fact(entity)


def _owner_fact(entity: Entity, owner: Entity | None, user: User) -> Fact:
    if not entity.owner_ref:
        return Fact("Owner", "No owner", state="bad")
    fact = _named_fact("Owner", entity.owner_ref, owner, entity)
    if owner is None or owner.kind != "group":
        return fact
    people = count_words(people_in(owner.ref, user=user), "person", "people")
    return Fact(fact.label, fact.value, fact.url, aside=people)


def _named_fact(label: str, ref: str, target: Entity | None, beside: Entity) -> Fact:
    if ref == NOT_SHOWN:
        return Fact(label, refs.short(ref), state="unknown")
    if target is None:
        return Fact(
            label, refs.short(ref, namespace=beside.namespace), aside="not in the catalogue", state="unknown"
        )
    return Fact(label, target.label, target.get_absolute_url())


def _defined_facts(entity: Entity) -> Iterator[Fact]:
    """What the definition of its kind says is worth showing."""
    kind = custom_kinds.shown(entity.kind)
    columns = kind.columns if kind else ()
    for column, value in zip(columns, custom_kinds.column_values(columns, entity.document), strict=True):
        if value:
            yield Fact(column.title, value)


def _profile_facts(entity: Entity) -> Iterator[Fact]:
    spec = entity.document.get("spec")
    profile = spec.get("profile") if isinstance(spec, dict) else None
    email = profile.get("email") if isinstance(profile, dict) else None
    if entity.kind in OWNERS and isinstance(email, str) and "@" in email and not any(map(str.isspace, email)):
        yield Fact("E-mail", email, f"mailto:{email}")


def _source_fact(entity: Entity) -> Fact:
    location = entity.location
    aside = "read" if location.read_at else "not read yet"
    return Fact(
        "Source",
        place_words(location),
        location.get_absolute_url(),
        aside=aside,
        mono=True,
        since=location.read_at,
    )


def _tabs(request: HttpRequest, entity: Entity) -> Iterator[TabLink]:
    place = [entity.kind, entity.namespace, entity.name]
    own = [("overview", "Overview", "catalog:entity", True)]
    own.append(
        ("dependencies", "Dependencies", "catalog:dependencies", entity.kind not in WITHOUT_DEPENDENCIES)
    )
    own.append(("api", "API", "catalog:api", entity.kind == "api" or _has_apis(entity)))
    own.append(
        (
            "docs",
            "Docs",
            "catalog:docs",
            well_known.docs_ref(entity) != "" or well_known.docs_owner(entity) != "",
        )
    )
    for slug, title, name, applies in own:
        if applies:
            yield TabLink(slug, title, reverse(name, args=place))
    for tab in extensions.tabs(entity):
        count = tab.count(entity, person(request))
        yield TabLink(tab.slug, tab.title, reverse(tab.url_name, args=place), count or None)
    yield TabLink("activity", "Activity", reverse("catalog:activity", args=place))
    yield TabLink("source", "Source", reverse("catalog:source", args=place))


def _has_apis(entity: Entity) -> bool:
    spec = entity.document.get("spec")
    return isinstance(spec, dict) and bool(spec.get("providesApis") or spec.get("consumesApis"))
