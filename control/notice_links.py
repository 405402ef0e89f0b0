"""Signed addresses in mail. Each is good for one thing and for some weeks: to lead to a page, or to stop some mail.

None of them signs anybody in, and none changes anything when it is only fetched, as scanners of mail do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from control.models import Notice, User

LEADS_FOR = timedelta(days=30)
STOPS_FOR = timedelta(days=180)
_LEADS, _STOPS = "portico.notice-leads", "portico.notice-stops"


class LinkOver(Exception):
    """Too old, cut off, or not ours."""


def absolute(path: str) -> str:
    return f"{settings.PORTICO_URL.rstrip('/')}{path}"


def leading(notice: Notice, *, to_action: bool = False) -> str:
    """Leads to the page of what happened, or to what can be done about it."""
    token = signing.dumps([notice.pk, int(to_action)], salt=_LEADS)
    return absolute(reverse("control:notice_link", args=[token]))


def where_it_leads(token: str) -> str:
    """A path of ours. Raises `LinkOver`."""
    number, to_action = _loaded(token, _LEADS, LEADS_FOR)
    notice = Notice.objects.filter(pk=number).select_related("happening").first()
    if notice is None:
        raise LinkOver
    return notice.happening.action_url if to_action else notice.happening.url


def stopping(user: User, topics: Sequence[str]) -> str:
    token = signing.dumps([user.pk, sorted(topics)], salt=_STOPS)
    return absolute(reverse("control:notice_stop", args=[token]))


def what_it_stops(token: str) -> tuple[User, list[str]]:
    """Whose mail, about which topics. Raises `LinkOver`."""
    number, topics = _loaded(token, _STOPS, STOPS_FOR)
    user = User.objects.filter(pk=number, is_active=True).first()
    if user is None:
        raise LinkOver
    return user, topics


def _loaded(token: str, salt: str, length: timedelta) -> list:  # type: ignore[type-arg]  # as it was signed
    try:
        found: list = signing.loads(token, salt=salt, max_age=length)  # type: ignore[type-arg]
    except signing.BadSignature:
        raise LinkOver from None
    return found
