"""The numbers beside Inbox and the bell, on every page."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from control.inbox import COUNT_LIMIT
from control.models import Intent, User
from control.notice_list import unread_count
from control.prepared import OfPerson
from control.seats import is_deputy, rotas_of


def inbox_count(request: HttpRequest) -> dict[str, Any]:
    """`inbox_count`: requests that wait for this person, at most 100; counted only if the page shows it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_authenticated:
        return {"inbox_count": 0}
    return {"inbox_count": SimpleLazyObject(partial(count_for, user))}


def bell_count(request: HttpRequest) -> dict[str, Any]:
    """`bell_count`: unread notifications, at most 100; counted only if the page shows the bell."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_authenticated:
        return {"bell_count": 0}
    return {"bell_count": SimpleLazyObject(partial(unread_count, user))}


_WAITING = OfPerson(lambda user: Intent.objects.waiting_by_name(user).order_by().values("pk")[:COUNT_LIMIT])


def count_for(user: User) -> int:
    if rotas_of(user) or is_deputy(user):
        return Intent.objects.waiting_for(user)[:COUNT_LIMIT].count()
    return len(_WAITING.rows(user))
