"""The page of an entity, one view for each of the catalogue's own tabs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import entity_graph, extensions, known_links, locations, owner_page, removal, well_known
from catalog.definitions import definition_of
from catalog.doc_tree import read_docs
from catalog.entity_page import (
    CONTAINERS,
    OWNERS,
    WITHOUT_DEPENDENCIES,
    entity_view,
    problems_of,
    shell,
)
from catalog.errors import Unreadable
from catalog.highlight import source_lines
from catalog.models import Entity
from catalog.neighbours import relation_groups
from catalog.ownership import may_change
from catalog.visibility import hidden_among, hidden_targets_of, masked
from control.models import AuditEvent, User
from control.web import person, wants_fragment

EVENTS_SHOWN = 30
LAST_EVENTS = 5


@require_safe
@login_required
@entity_view
def overview(request: HttpRequest, entity: Entity) -> HttpResponse:
    """What a kind is looked up for: neighbours, what a group owns, what a system contains, what a location led to."""
    context = shell(request, entity, tab="overview")
    visible = Entity.objects.visible_to(person(request))
    if entity.kind in OWNERS:
        context["belongings"] = owner_page.owned(request, entity, visible)
    elif entity.kind in CONTAINERS:
        context["belongings"] = owner_page.contained(request, entity, visible)
    elif entity.kind == "location":
        context["belongings"] = owner_page.came_from(request, entity, visible)
        context["targets"] = owner_page.targets_of(entity)
    shown_as_list = (
        ("ownerOf",) if entity.kind in OWNERS else ("hasPart",) if entity.kind in CONTAINERS else ()
    )
    groups = relation_groups(entity, user=person(request), without=shown_as_list)
    if "belongings" not in context and entity.kind not in WITHOUT_DEPENDENCIES:
        context |= entity_graph.overview(entity, groups, user=person(request))
    context |= {
        "groups": groups,
        "links": known_links.written_links(entity),
        "known_links": _known_links(entity, person(request)),
        "panels": extensions.panels(request, entity),
        "events": _events(entity)[:LAST_EVENTS],
    }
    return render(request, "catalog/entity_overview.html", context)


def _known_links(entity: Entity, user: User) -> list[known_links.Link]:
    """What its annotations stand for, and the template that it was made from."""
    found = well_known.annotation_links(entity)
    ref = well_known.source_template(entity)
    made_from = Entity.objects.visible_to(user).light().filter(ref=ref).first() if ref else None
    if made_from:
        link = known_links.Link(
            f"Made from {made_from.label}", made_from.get_absolute_url(), "layout-template"
        )
        return [link, *found]
    return found


@require_safe
@login_required
@entity_view
def dependencies(request: HttpRequest, entity: Entity) -> HttpResponse:
    context = shell(request, entity, tab="dependencies")
    context |= entity_graph.whole(entity, user=person(request))
    return render(request, "catalog/entity_dependencies.html", context)


@require_safe
@login_required
@entity_view
def api(request: HttpRequest, entity: Entity) -> HttpResponse:
    """The definition of an API; for others the APIs they provide and consume."""
    context = shell(request, entity, tab="api")
    definition = definition_of(entity)
    if definition:
        context |= {"definition": definition, "source": source_lines(definition.text, definition.language)}
    else:
        groups = relation_groups(entity, user=person(request), only=("providesApi", "consumesApi"))
        context["groups"] = groups
    return render(request, "catalog/entity_api.html", context)


@require_safe
@login_required
@entity_view
def docs(request: HttpRequest, entity: Entity) -> HttpResponse:
    owner = _docs_owner(entity, person(request))
    ref = well_known.docs_ref(owner)
    context: dict[str, Any] = shell(request, entity, tab="docs") | {"docs_ref": ref}
    status = 200
    try:
        context["docs"] = read_docs(owner, ref, request.GET.get("page", ""))
    except Unreadable as error:
        context["trouble"] = str(error)
        status = 404 if request.GET.get("page") else 200
    return render(request, "catalog/entity_docs.html", context, status=status)


def _docs_owner(entity: Entity, user: User) -> Entity:
    """Itself, or the entity whose documentation it shares; itself too where that one is not there."""
    ref = well_known.docs_owner(entity)
    shared = (
        Entity.objects.visible_to(user).select_related("location").filter(ref=ref).first() if ref else None
    )
    return shared or entity


@require_safe
@login_required
@entity_view
def source(request: HttpRequest, entity: Entity) -> HttpResponse:
    """The YAML of this document with its own line numbers and what is wrong in them; all annotations and labels."""
    user = person(request)
    named = [well_known.docs_owner(entity), well_known.source_template(entity)]
    hidden = hidden_among(named, user) | hidden_targets_of(entity, user)
    problems = {
        problem.line: problem.message
        for problem in problems_of(entity, user)
        if problem.line
        and problem.path in ("", entity.source_path)
        and problem.location_id == entity.location_id
    }
    context = shell(request, entity, tab="source") | {
        "source": source_lines(
            masked(entity.source_text, hidden), "yaml", first=entity.source_line, problems=problems
        ),
        "annotations": [
            (key, masked(value, hidden)) for key, value in sorted(known_links.annotations_of(entity).items())
        ],
        "labels": sorted(known_links.labels_of(entity).items()),
    }
    return render(request, "catalog/entity_source.html", context)


@require_safe
@login_required
@entity_view
def activity(request: HttpRequest, entity: Entity) -> HttpResponse:
    page = Paginator(_events(entity), EVENTS_SHOWN).get_page(request.GET.get("page"))
    context = shell(request, entity, tab="activity") | {"page": page}
    return render(request, "catalog/entity_activity.html", context)


@require_POST
@login_required
@vary_on_headers("HX-Request")
@entity_view
def refresh(request: HttpRequest, entity: Entity) -> HttpResponse:
    """Ask for the location of this entity to be read again; anybody may."""
    locations.ask_refresh(entity.location_id, by=person(request))
    if wants_fragment(request):
        return render(request, "catalog/_refresh.html", {"entity": entity, "refresh": "asked"})
    messages.success(request, "Asked. Portico reads its source again now.")
    return redirect(reverse("catalog:entity", args=[entity.kind, entity.namespace, entity.name]))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@entity_view
def remove(request: HttpRequest, entity: Entity) -> HttpResponse:
    """A GET says what would happen; a POST removes an orphan. `removal.remove_orphan` says who may, and when."""
    if request.method == "POST":
        removal.remove_orphan(entity.pk, by=person(request))
        messages.success(request, f"Removed {entity.label} from the catalogue.")
        return redirect("catalog:list")
    may = may_change(person(request), entity)
    context = {"entity": entity, "may_remove": may and entity.orphaned_at is not None, "may_change": may}
    return render(request, "catalog/entity_remove.html", context, status=200 if may else 403)


def _events(entity: Entity) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(subject_ref=entity.ref).select_related("intent").order_by("-id")
