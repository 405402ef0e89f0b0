"""Telling people that a location cannot be read: who registered it, and the teams whose entities come from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from catalog.models import Entity, Location
from control.models import User
from control.notice_topics import Topic
from control.notices import News, settle, tell

CATALOGUE = Topic(
    "catalogue",
    "What you look after cannot be read",
    "A location that you registered, or that describes what you own.",
)
# Most failures are over at the next read; people hear of those that stay.
PATIENCE = timedelta(minutes=10)
_FAILING = "location.failing"


def failing(location: Location, message: str, *, at: datetime) -> None:
    """After a failed read at `at`, in its transaction; told once for each time it fails for long."""
    since = location.failing_since or at
    if at - since < PATIENCE and not location.is_read_once:
        return
    owners = _owners(location)
    news = News(
        event=_FAILING,
        topic=CATALOGUE.name,
        key=f"{_FAILING}:{location.pk}:{since.isoformat()}",
        thread=_thread(location),
        title=f"Cannot be read: {location}",
        detail=f"{message} What was read before stays.",
        url=location.get_absolute_url(),
        sign="warn",
        groups=tuple(ref for ref in owners if ref.startswith("group:")),
    )
    theirs = User.objects.filter(Q(groups__name__in=owners) | Q(entity_ref__in=owners)).values_list(
        "pk", flat=True
    )
    registrant = [location.registered_by_id] if location.registered_by_id else []
    tell(news, [*theirs, *registrant])


def readable(location: Location) -> None:
    """After a good read that ended a failure, in its transaction."""
    settle(_thread(location), _FAILING, "It can be read again.")


def _owners(location: Location) -> list[str]:
    owned = Entity.objects.filter(location=location).exclude(owner_ref="")
    return list(owned.order_by("owner_ref").values_list("owner_ref", flat=True).distinct())


def _thread(location: Location) -> str:
    return f"location:{location.pk}"
