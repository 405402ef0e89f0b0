"""Locations: the list, registering one, watching it being read, reading it again, removing it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import list_page, location_page, locations
from catalog.forms import RegisterForm
from catalog.models import Entity, Location
from catalog.targets import DISCOVERIES
from catalog.visibility import covered
from control.errors import InvalidParameters
from control.models import User
from control.web import person, wants_fragment

PAGE_SIZE = 30
ENTITIES_SHOWN = 30
PROBLEMS_SHOWN = 50
CHILDREN_SHOWN = 30


@require_safe
@login_required
def location_list(request: HttpRequest) -> HttpResponse:
    """What was registered; what discoveries found stands on their pages, or in a list of its own."""
    user = person(request)
    every = Location.objects.visible_to(user).select_related("registered_by").order_by("target", "type")
    choices = {
        "": every.filter(parent=None),
        "found": every.exclude(parent=None),
        "problems": every.filter(location_page.troubled(user)),
    }
    only = request.GET.get("state", "")
    only = only if only in choices else ""
    page = Paginator(choices[only], PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [location_page.row(location) for location in location_page.with_seen_counts(page, user)],
        "only": only,
        "total": choices[""].count(),
        "found": choices["found"].count(),
        "troubled": choices["problems"].count(),
    }
    return render(request, "catalog/location_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@vary_on_headers("HX-Request")
def register(request: HttpRequest) -> HttpResponse:
    """The form, with what it would do; a POST registers and leads to the page that shows the reading."""
    user = person(request)
    if request.method == "POST":
        return _register(request, user)
    form = RegisterForm(request.GET if "target" in request.GET else None, by=user)
    return _registration(request, form)


def _register(request: HttpRequest, user: User) -> HttpResponse:
    form = RegisterForm(request.POST, by=user)
    if not form.is_valid():
        return _registration(request, form, status=422)
    data = form.cleaned_data
    try:
        location = locations.register(
            data["type"], data["target"], by=user, is_org_source=data.get("is_org_source", False)
        )
    except InvalidParameters as refusal:
        for field, message in refusal.fields.items():
            form.add_error(field if field in form.fields else None, message)
        return _registration(request, form, status=422)
    messages.success(request, "Registered. Portico reads it now.")
    return redirect(location)


def _registration(request: HttpRequest, form: RegisterForm, status: int = 200) -> HttpResponse:
    effect = location_page.effect_of(form)
    template = (
        "catalog/_register_effect.html" if wants_fragment(request) else "catalog/location_register.html"
    )
    return render(request, template, {"form": form, "effect": effect}, status=status)


@require_safe
@login_required
@vary_on_headers("HX-Request")
def location_detail(request: HttpRequest, location_id: UUID) -> HttpResponse:
    return _detail(request, _location(request, location_id))


@require_POST
@login_required
def refresh(request: HttpRequest, location_id: UUID) -> HttpResponse:
    location = _location(request, location_id)
    locations.ask_refresh(location.pk, by=person(request))
    if wants_fragment(request):
        return _detail(request, _location(request, location_id))
    messages.success(request, "Portico reads it again now.")
    return redirect(location)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, location_id: UUID) -> HttpResponse:
    """A GET names what would happen; a POST does it. `locations.remove` says who may."""
    location, user = _location(request, location_id), person(request)
    if request.method == "POST":
        locations.remove(location.pk, by=user)
        messages.success(request, f"Removed {location.target} and the entities that came from it.")
        return redirect("catalog:locations")
    may = location_page.may_remove(location, user)
    context = {"location": location, "may_remove": may, **_entities(request, location)}
    return render(request, "catalog/location_remove.html", context, status=200 if may else 403)


def _location(request: HttpRequest, location_id: UUID) -> Location:
    user = person(request)
    visible = Location.objects.visible_to(user).select_related("registered_by", "parent")
    return location_page.with_seen_counts([get_object_or_404(visible, pk=location_id)], user)[0]


def _detail(request: HttpRequest, location: Location) -> HttpResponse:
    problems = (
        location.problems.visible_to(person(request))
        .select_related("entity")
        .order_by("severity", "path", "line", "id")
    )
    context: dict[str, Any] = {
        "location": location,
        "state": location_page.row(location),
        "may_remove": location_page.may_remove(location, person(request)),
        "is_postponed": location_page.is_postponed(location),
        "problems": problems[:PROBLEMS_SHOWN],
        **_entities(request, location),
        **_children(request, location),
    }
    template = "catalog/_location.html" if wants_fragment(request) else "catalog/location.html"
    return render(request, template, context)


def _children(request: HttpRequest, location: Location) -> dict[str, Any]:
    """What a discovery found, the troubled first."""
    if location.type not in DISCOVERIES:
        return {}
    user = person(request)
    seen = Location.objects.visible_to(user).filter(parent=location)
    ordered = seen.order_by(F("failing_since").desc(nulls_last=True), "-problem_count", "target")
    page = Paginator(ordered, CHILDREN_SHOWN).get_page(request.GET.get("page"))
    troubled = seen.filter(location_page.troubled(user)).count()
    return {
        "is_discovery": True,
        "page": page,
        "children": [location_page.row(child) for child in location_page.with_seen_counts(page, user)],
        "troubled_children": troubled,
    }


def _entities(request: HttpRequest, location: Location) -> dict[str, Any]:
    visible = Entity.objects.visible_to(person(request)).filter(location=location).light()
    page = Paginator(visible.order_by("kind", "name"), ENTITIES_SHOWN).get_page(request.GET.get("page"))
    return {"page": page, "rows": list_page.rows(covered(page, person(request)))}
