"""Pages of groups, users, systems and domains: lists of what belongs to them, by kind and in pages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.http import HttpRequest

from catalog import list_page
from catalog.known_links import safe_url
from catalog.models import Entity, EntityQuerySet, Relation
from catalog.neighbours import parts_of
from catalog.presentation import kind_words
from catalog.visibility import covered
from control.web import person

PAGE_SIZE = 25


@dataclass(frozen=True)
class KindChoice:
    words: str
    count: int
    query: str  # of the address, empty for all
    is_current: bool


@dataclass(frozen=True)
class Belongings:
    """One page of what belongs to an entity. `title` heads the list, `empty` stands in its place."""

    title: str
    empty: str
    kinds: list[KindChoice]
    page: Page[Entity]
    rows: list[list_page.Row]
    query: str  # of the chosen kind, for links to other pages
    whole_ref: str = ""  # what all of them are part of

    @property
    def shows_system(self) -> bool:
        """Not on the page of a system, where it would say the same in every row."""
        return any(row.entity.system_ref not in ("", self.whole_ref) for row in self.rows)

    @property
    def shows_lifecycle(self) -> bool:
        return any(row.entity.lifecycle for row in self.rows)


def owned(request: HttpRequest, owner: Entity, visible: EntityQuerySet) -> Belongings:
    """What a group owns; for a user also what their groups own. Four queries."""
    owners = [owner.ref]
    if owner.kind == "user":
        owners += (
            Relation.objects.visible_to(person(request))
            .filter(source=owner, type="memberOf")
            .values_list("target_ref", flat=True)[:50]
        )
    title = "Owns, alone and with their groups" if len(owners) > 1 else "Owns"
    empty = f"{owner.label} owns nothing yet. An entity says its owner in spec.owner of its descriptor."
    return _belongings(request, visible.filter(owner_ref__in=owners), title, empty)


def contained(request: HttpRequest, whole: Entity, visible: EntityQuerySet) -> Belongings:
    """What says that it is part of a system or domain. Three queries."""
    field = {"system": "spec.system", "domain": "spec.domain"}.get(whole.kind, "spec")
    empty = f"Nothing belongs to {whole.label} yet. An entity joins it with {field}: {whole.name} in its descriptor."
    parts = visible.filter(pk__in=parts_of(whole.ref).values("source_id"))
    return replace(_belongings(request, parts, "Contains", empty), whole_ref=whole.ref)


def came_from(request: HttpRequest, pointer: Entity, visible: EntityQuerySet) -> Belongings:
    """What was found at the targets of a Location entity."""
    empty = "Nothing was found at these targets. The problems above, or those of the source, say why."
    return _belongings(request, visible.filter(parent=pointer), "Came from here", empty)


def targets_of(pointer: Entity) -> list[tuple[str, str]]:
    """(target as written, address to follow or nothing) of a Location entity."""
    spec = pointer.document.get("spec")
    if not isinstance(spec, dict):
        return []
    written = [spec.get("target"), *(spec["targets"] if isinstance(spec.get("targets"), list) else [])]
    return [(target, safe_url(target)) for target in written if isinstance(target, str)]


def _belongings(request: HttpRequest, found: EntityQuerySet, title: str, empty: str) -> Belongings:
    counts = dict(found.order_by("kind").values_list("kind").annotate(Count("pk")))
    kind = request.GET.get("kind", "").lower()
    kind = kind if kind in counts else ""
    listed = (found.filter(kind=kind) if kind else found).light().order_by("kind", "name", "ref")
    page = Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page"))
    kinds = [KindChoice("All", sum(counts.values()), "", not kind)]
    kinds += [
        KindChoice(kind_words(name).many, count, f"kind={name}", name == kind)
        for name, count in counts.items()
    ]
    rows = list_page.rows(covered(page, person(request)))
    return Belongings(title, empty, kinds, page, rows, f"kind={kind}" if kind else "")
