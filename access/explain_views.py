"""“Who can do what”: for one entity, or the choice of one. Read-only."""

from __future__ import annotations

from dataclasses import replace

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from access import entity_pages, explain_page
from catalog.models import Entity
from control import subjects
from control.web import person


@require_safe
@login_required
@never_cache
def explain(request: HttpRequest) -> HttpResponse:
    """?entity=REF[&environment=&person=&role=&duration=]; without an entity, one is chosen."""
    user, ref = person(request), request.GET.get("entity", "").strip().lower()
    if not ref:
        text = request.GET.get("q", "")
        return render(
            request, "access/explain_choose.html", entity_pages.choices(user, text, explain_page.url_of)
        )
    entity = Entity.objects.visible_to(user).light().filter(ref=ref).first()
    if entity is None:
        raise Http404(f"The catalogue has no {ref}.")
    subject = replace(subjects.resolve(entity.ref), url=entity.get_absolute_url())
    context = explain_page.context(user, subject, request.GET.dict())
    return render(request, "access/explain.html", context)
