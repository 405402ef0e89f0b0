"""Telling administrators that mail or a receiver does not work for long, and that it does again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.urls import reverse

from control.models import Channel, User
from control.notice_topics import PLATFORM
from control.notices import News, settle, tell

PATIENCE = timedelta(minutes=15)  # shorter troubles are over before anybody looks
_FAILING = "channel.failing"


def failing(channel: Channel, now: datetime) -> None:
    """In the transaction of a failure; told once for each time that it fails for long."""
    since = channel.failing_since
    if since is None or now - since < PATIENCE:
        return
    what = "Mail cannot be sent" if channel.name == "mail" else f"The receiver {channel.name} takes nothing"
    news = News(
        event=_FAILING,
        topic=PLATFORM,
        key=f"{_FAILING}:{channel.name}:{since.isoformat()}",
        thread=f"channel:{channel.name}",
        title=what,
        detail=f"{channel.last_error} Nothing is lost: it goes out once that works again.",
        url=reverse("control:channels"),
        sign="bad",
    )
    tell(news, User.objects.filter(is_staff=True, is_active=True).values_list("pk", flat=True))


def well(channel: Channel) -> None:
    settle(f"channel:{channel.name}", _FAILING, "It works again.")
