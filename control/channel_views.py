"""For administrators: whether mail and receivers work, what waits for them, and trying again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from control import deliveries
from control.models import Channel, Delivery, User
from control.notice_choices import mail_is_set_up
from control.receivers import receivers
from control.web import person


@dataclass(frozen=True)
class Way:
    """One way to the outside as the page shows it."""

    name: str
    title: str
    is_set_up: bool
    channel: Channel | None
    waiting: int
    failed: int


@require_safe
@login_required
@never_cache
def channels(request: HttpRequest) -> HttpResponse:
    _administrator(request)
    return render(request, "control/channels.html", {"ways": _ways()})


@require_POST
@login_required
def try_now(request: HttpRequest) -> HttpResponse:
    deliveries.try_now(request.POST.get("name", "")[:63], by=_administrator(request))
    messages.success(request, "Tried again now. This page shows in a moment how it went.")
    return redirect("control:channels")


@require_POST
@login_required
def send_test(request: HttpRequest) -> HttpResponse:
    user, name = _administrator(request), request.POST.get("name", "")
    if name not in {way.name for way in _ways() if way.is_set_up}:
        raise Http404("There is no such way to the outside.")
    deliveries.send_test(name, by=user)
    where = f"to {user.email}" if name == deliveries.MAIL else f"to {name}"
    messages.success(request, f"A test goes {where}. This page shows in a moment how it went.")
    return redirect("control:channels")


def _administrator(request: HttpRequest) -> User:
    user = person(request)
    if not user.is_staff:
        raise Http404("Only administrators see this.")
    return user


def _ways() -> list[Way]:
    """Three queries, whatever waits."""
    known = {channel.name: channel for channel in Channel.objects.all()[:200]}
    counted = Delivery.objects.filter(state__in=[Delivery.State.QUEUED, Delivery.State.FAILED]).values(
        "channel"
    )
    numbers: dict[str, Mapping[str, Any]] = {
        row["channel"]: row
        for row in counted.annotate(
            waiting=Count("pk", filter=Q(state=Delivery.State.QUEUED)),
            failed=Count("pk", filter=Q(state=Delivery.State.FAILED)),
        )
    }
    titles = {deliveries.MAIL: ("Mail", mail_is_set_up())} | {
        one.name: (one.name, True) for one in receivers()
    }
    return [
        Way(
            name,
            title,
            is_set_up,
            known.get(name),
            numbers.get(name, {}).get("waiting", 0),
            numbers.get(name, {}).get("failed", 0),
        )
        for name, (title, is_set_up) in titles.items()
    ]
