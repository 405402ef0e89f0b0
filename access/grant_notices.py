"""What holders hear of their access after its approval, which the spine tells: its start, and its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from access import windows
from access.again import again_url
from access.models import Grant
from control import clock
from control.models import Happening, MailWish, User
from control.notice_topics import Topic
from control.notices import News, settle, tell
from control.request_notices import thread_of
from control.templatetags.times import clock_words

ACCESS = Topic(
    "access", "Your access starts and ends", "At its start, when that was later, and when it ended."
)
ENDING = Topic(
    "ending",
    "Your access ends soon",
    "30 and 5 minutes before, with the way to ask for more.",
    mail=MailWish.AT_ONCE,
)
# How long before its end a window is announced, and how long it must be for that: nobody wants to hear at the start
# of a quarter of an hour that it will be over.
ANNOUNCED = (
    (timedelta(minutes=5), timedelta(minutes=15)),
    (timedelta(minutes=30), timedelta(minutes=60)),
)
STARTED_WITHIN = timedelta(hours=1)  # an older start is no news any more
LATER = timedelta(minutes=1)  # a window that starts sooner after its approval was told with that
BATCH = 100
_ENDING = "access.ending"


def tell_ending() -> int:
    """Announce the windows that end soon, each time once. Returns how many."""
    now = clock.now()
    after, count = timedelta(0), 0
    for before, shortest in ANNOUNCED:
        soon = Grant.objects.live(now).filter(
            expires_at__gt=now + after,
            expires_at__lte=now + before,
            expires_at__gte=F("starts_at") + shortest,
        )
        for grant in _untold(soon, before).select_related("intent", "user")[:BATCH]:
            _tell_ending(grant, before, now)
            count += 1
        after = before
    return count


def _open(now: datetime) -> QuerySet[Grant]:
    """Those that hold now. Their end is not recorded, which is what the indexes of the sweep are about."""
    return Grant.objects.live(now).filter(ended_recorded_at=None)


def tell_started() -> int:
    """Say that access holds now which was given for later. Returns how many."""
    now = clock.now()
    lately = _open(now).filter(starts_at__gt=now - STARTED_WITHIN)
    later = lately.filter(starts_at__gt=F("intent__decided_at") + LATER)
    key = Concat(Value("access.started:"), Cast("pk", CharField()))
    told = Happening.objects.filter(key=OuterRef("key"))
    started = (
        later.annotate(key=key).exclude(Exists(told)).select_related("intent", "user").order_by("starts_at")
    )
    grants = list(started[:BATCH])
    for grant in grants:
        until = clock_words(grant.expires_at, now)
        _tell_holder(
            grant,
            "access.started",
            ACCESS,
            f"Started: {grant.intent.title}",
            detail=f"It holds until {until}.",
            sign="ok",
        )
    return len(grants)


def _untold(grants: QuerySet[Grant], before: timedelta) -> QuerySet[Grant]:
    """Not announced yet, and not continued by another window of the same person."""
    key = Concat(Value(f"{_ENDING}:"), Cast("pk", CharField()), Value(f":{_minutes(before)}"))
    told = Happening.objects.filter(key=OuterRef("key"))
    same = Grant.objects.filter(
        user=OuterRef("user"),
        role=OuterRef("role"),
        entity_ref=OuterRef("entity_ref"),
        environment=OuterRef("environment"),
        starts_at__lte=OuterRef("expires_at"),
        expires_at__gt=OuterRef("expires_at"),
        revoked_at=None,
    )
    return grants.annotate(key=key).exclude(Exists(told)).exclude(Exists(same)).order_by("expires_at")


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds()) // 60


def _tell_ending(grant: Grant, before: timedelta, now: datetime) -> None:
    ends = clock_words(grant.expires_at, now)
    _tell_holder(
        grant,
        _ENDING,
        ENDING,
        f"Ends at {ends}: {grant.intent.title}",
        key=f"{_ENDING}:{grant.pk}:{_minutes(before)}",
        detail="It ends by itself. Should you need longer, ask now.",
        action="Ask for more time",
        begin=windows.AFTER,
        useful_until=grant.expires_at,
        sign="warn",
    )


def ended(grant: Grant) -> None:
    """It ran out. In the transaction that records it."""
    at = clock_words(grant.expires_at, clock.now())
    settle(thread_of(grant.intent), _ENDING, f"Ended at {at}.")
    _tell_holder(
        grant,
        "access.ended",
        ACCESS,
        f"Ended: {grant.intent.title}",
        detail=f"By itself at {at}.",
        action="Ask again",
    )


def ended_early(grant: Grant, by: User) -> None:
    """Somebody ended it; no news for whoever did that themselves. In the transaction of the end."""
    settle(thread_of(grant.intent), _ENDING, f"Ended by {by.label}.")
    if by.principal_id == grant.user.principal_id:
        return
    reason = f" “{grant.revoke_reason}”" if grant.revoke_reason else ""
    has_begun = grant.revoked_at is None or grant.starts_at <= grant.revoked_at
    _tell_holder(
        grant,
        "access.ended_early",
        ACCESS,
        f"{'Ended early' if has_begun else 'Called off'}: {grant.intent.title}",
        detail=f"By {by.label}.{reason}",
        sign="bad",
    )


def _tell_holder(
    grant: Grant,
    event: str,
    topic: Topic,
    title: str,
    *,
    detail: str,
    key: str = "",
    action: str = "",
    begin: str = "",
    useful_until: datetime | None = None,
    sign: str = "info",
) -> None:
    news = News(
        event=event,
        topic=topic.name,
        key=key or f"{event}:{grant.pk}",
        thread=thread_of(grant.intent),
        title=title,
        told=f"{title}, for {grant.user.label}",
        detail=detail,
        url=grant.get_absolute_url(),
        sign=sign,
        action=action,
        action_url=again_url(grant.intent, begin=begin) if action else "",
        subject_ref=grant.entity_ref,
        environment=grant.environment,
        useful_until=useful_until,
    )
    tell(news, [grant.user_id])
