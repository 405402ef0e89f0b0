"""Before registering: what a place would add, and a first file for a place that has none."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from catalog.errors import Missing, Unreadable
from catalog.forms import RegisterForm
from catalog.preview import preview as preview_of
from catalog.starter import starter
from catalog.targets import DEFAULT_FILE
from control.web import person

ENTITIES_SHOWN = 100
PROBLEMS_SHOWN = 50
LONGEST_TARGET = 2_000


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def preview(request: HttpRequest) -> HttpResponse:
    """Reads the place of the registration form and writes nothing. Only a POST may reach out to other machines."""
    if request.method != "POST":
        return redirect("catalog:register")
    user = person(request)
    form = RegisterForm(request.POST, by=user)
    if not form.is_valid():
        return render(request, "catalog/location_register.html", {"form": form}, status=422)
    target = form.cleaned_data["target"]
    context = {"form": form, "target": target, "type": form.cleaned_data["type"]}
    try:
        found = preview_of(form.cleaned_data["type"], target, by=user)
    except Unreadable as error:
        first = starter(target, by=user) if isinstance(error, Missing) else None
        context |= {"failure": str(error), "starter": first}
        return render(request, "catalog/location_preview.html", context, status=422)
    context |= {
        "preview": found,
        "entities": found.entities[:ENTITIES_SHOWN],
        "problems": found.problems[:PROBLEMS_SHOWN],
        "new": sum(not entity.exists for entity in found.entities),
    }
    return render(request, "catalog/location_preview.html", context)


@require_safe
@login_required
def starter_file(request: HttpRequest) -> HttpResponse:
    """A first descriptor, to be saved."""
    first = starter(request.GET.get("target", "")[:LONGEST_TARGET], by=person(request))
    response = HttpResponse(first.text, content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{DEFAULT_FILE}"'
    return response
