"""The page on which somebody names who decides for them while they are away, and the one that ends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from control import clock, deputies
from control.deputy_forms import DeputyForm, colleagues
from control.errors import InvalidParameters, TooLate
from control.models import Delegation, User
from control.notice_choices import hours_of
from control.web import person

SHOWN = 50  # of each list, what counts or will count first
PAGE_SIZE = 50


@dataclass(frozen=True)
class Shown:
    """`sign` and `word` say whether it counts now; `is_open` whether it can be ended."""

    delegation: Delegation
    sign: str
    word: str
    is_open: bool


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def deputies_page(request: HttpRequest) -> HttpResponse:
    """Moments are read and shown in the person's own time zone."""
    user = person(request)
    zone = hours_of(user).zone
    form = DeputyForm(user, zone, request.POST if request.method == "POST" else None)
    with timezone.override(zone):
        is_valid = form.is_bound and form.is_valid()
    if is_valid and (delegation := _named(form, user)):
        words = f"{delegation.deputy.label} decides for you while you are away. You both hear of it."
        messages.success(request, words)
        return redirect("control:deputies")
    now = clock.now()
    context = {
        "form": form,
        "is_on": settings.PORTICO_DEPUTY_DAYS > 0,
        "colleagues": colleagues(user),
        "mine": _shown(_newest(Delegation.objects.filter(absent=user)), now),
        "theirs": _shown(_newest(Delegation.objects.filter(deputy=user)), now),
    }
    with timezone.override(zone):
        return render(request, "control/deputies.html", context, status=422 if form.is_bound else 200)


def _named(form: DeputyForm, user: User) -> Delegation | None:
    """None when what was wished makes no sense; the form then says why."""
    try:
        return deputies.name(form.wish(), by=user)
    except InvalidParameters as refusal:
        for field, words in refusal.fields.items():
            form.add_error(field, words)
        return None


def _newest(delegations: QuerySet[Delegation]) -> QuerySet[Delegation]:
    """Those that are not over first, the soonest of them at the top."""
    people = delegations.select_related("absent", "deputy", "ended_by")
    return people.order_by("-expires_at", "-pk")[:SHOWN]


def _shown(delegations: Iterable[Delegation], now: datetime) -> list[Shown]:
    return [_one_shown(one, now) for one in delegations]


def _one_shown(one: Delegation, now: datetime) -> Shown:
    if one.ended_at:
        word = "Called off" if one.ended_at < one.starts_at else "Ended early"
        return Shown(one, "unknown", word, is_open=False)
    if one.is_over(now):
        return Shown(one, "dot", "Over", is_open=False)
    if one.is_coming(now):
        return Shown(one, "info", "To come", is_open=True)
    return Shown(one, "ok", "Now", is_open=True)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def end(request: HttpRequest, number: int) -> HttpResponse:
    """A GET asks whether it is meant; a POST does it."""
    user = person(request)
    theirs = Delegation.objects.select_related("absent", "deputy")
    if not user.is_staff:
        theirs = theirs.filter(Q(absent=user) | Q(deputy=user))
    delegation = get_object_or_404(theirs, pk=number)
    is_theirs = user.pk in (delegation.absent_id, delegation.deputy_id)
    if request.method != "POST":
        with timezone.override(hours_of(user).zone):
            return render(request, "control/deputy_end.html", {"one": delegation, "is_theirs": is_theirs})
    try:
        deputies.end(delegation.pk, by=user)
    except TooLate as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(
            request, f"{delegation.deputy.label} does not decide for {delegation.absent.label} any more."
        )
    return redirect("control:deputies" if is_theirs else "control:deputies_of_all")


@require_safe
@login_required
def of_all(request: HttpRequest) -> HttpResponse:
    """For administrators: who stands in for whom anywhere, now and to come. What is over stands in the record."""
    if not person(request).is_staff:
        raise PermissionDenied("Only administrators see who stands in for whom everywhere.")
    found = Delegation.objects.open().select_related("absent", "deputy").order_by("starts_at", "pk")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": _shown(page, clock.now())}
    return render(request, "control/deputies_of_all.html", context)
