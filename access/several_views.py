"""Asking for several at once: the form, its lines as they would be decided, and what was sent together."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from access import forms, several_page, together
from access.models import Batch
from control.errors import InvalidParameters, Refused
from control.models import Intent
from control.web import person


def _wish(request: HttpRequest) -> several_page.Wish:
    data = request.POST if request.method == "POST" else request.GET
    return several_page.read(data, forms.read_common(data))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def several(request: HttpRequest) -> HttpResponse:
    """The form (GET), a look at the lines without JavaScript, and sending (POST)."""
    user, wish = person(request), _wish(request)
    if request.method != "POST" or "look" in request.POST:
        return render(request, "access/several.html", several_page.context(user, wish))
    try:
        drafts = several_page.drafts(user, wish)
        return redirect(together.submit(drafts, by=user, key=wish.common.key))
    except InvalidParameters as refusal:
        errors = refusal.fields
    except Refused as refusal:
        errors = {"what": str(refusal)}
    return render(request, "access/several.html", several_page.context(user, wish, errors), status=422)


@require_safe
@login_required
@never_cache
def lines(request: HttpRequest) -> HttpResponse:
    """The lines for what is chosen so far."""
    return render(request, "access/_lines_answer.html", several_page.context(person(request), _wish(request)))


@require_safe
@login_required
@never_cache
def together_page(request: HttpRequest, key: UUID) -> HttpResponse:
    """What became of each line; of what others asked for, one sees the lines that are theirs to see."""
    user = person(request)
    batch = Batch.objects.select_related("requested_by").filter(pk=key).first()
    lines = Intent.objects.visible_to(user).filter(batch_line__batch=key).order_by("subject_ref", "title")
    found = list(lines.select_related("grant")[: together.MOST_LINES]) if batch else []
    if batch is None or not found:
        raise Http404("Nothing was sent together under this address, or it is not yours to see.")
    return render(request, "access/together.html", {"batch": batch, "lines": found})
