"""Working off what is owed to the outside, one way (mail, a receiver) at a time: claim under a lease, send, finish.

Nothing is lost while nobody answers there: the way is paused, longer each time, and then tried with one message. A
worker that dies keeps its lease for a minute; then another sends the same message under the same number, by which the
other side can tell that it is the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse

from control import audit, clock
from control.models import Channel, Delivery, Happening, Notice, User
from control.notice_topics import PLATFORM
from control.sole_worker import sole_worker

MAIL = "mail"  # the one way that is no receiver
BATCH = 100  # messages of one bell; the next one is seconds away
BUDGET_SECONDS = 30  # of one bell: a slow server must not keep a worker from other work
LEASE = timedelta(seconds=90)  # longer than any sending of one message takes
GIVE_UP = timedelta(days=3)  # a message older than this is of no use to anybody
LEFT_OVER = timedelta(hours=2)  # past it, by when whoever still sends would have noticed
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
KEPT = timedelta(days=30)  # messages that ended
HAPPENINGS_KEPT = timedelta(days=180)
FORGET_BATCH = 1_000
LONGEST_ERROR = 500
LOCK_CLASS = 7_340_040
log = logging.getLogger(__name__)


class NotNeeded(Exception):
    """Not worth sending any more; the words say why."""


class Refused(Exception):
    """The other side will never take this one."""


class TryLater(Exception):
    """This one was not taken; the next may be."""


class Unavailable(Exception):
    """Nobody answers there, or not as they should: no use in trying the next one."""


def work_off(channel: str, send: Callable[[Delivery], None]) -> int:
    """Send what is owed through `channel`, one worker at a time. Returns how many were sent.

    `send` raises `NotNeeded`, `Refused`, `TryLater` or `Unavailable`; anything else is a defect and tried again later.
    """
    sent, until = 0, time.monotonic() + BUDGET_SECONDS
    with sole_worker(LOCK_CLASS, channel) as is_ours:
        if not is_ours or _is_paused(channel):
            return 0
        for _ in range(BATCH):
            if time.monotonic() > until:
                break
            delivery = _claim(channel)
            if delivery is None or not (taken := _attempt(delivery, send)):
                break
            sent += taken == "sent"
    return sent


def _is_paused(channel: str) -> bool:
    return Channel.objects.filter(name=channel, paused_until__gt=Now()).exists()


def _claim(channel: str) -> Delivery | None:
    """The longest owed one, for one lease; None when nothing is owed or somebody was quicker."""
    owed = Delivery.objects.owed().filter(channel=channel).order_by("next_try_at")
    pk = owed.values_list("pk", flat=True).first()
    if pk is None:
        return None
    lease = uuid4()
    claimed = (
        Delivery.objects.owed()
        .filter(pk=pk)
        .update(lease=lease, lease_expires_at=Now() + LEASE, attempts=F("attempts") + 1)
    )
    if not claimed:
        return None
    return Delivery.objects.select_related("user", "happening").get(pk=pk)


def _attempt(delivery: Delivery, send: Callable[[Delivery], None]) -> str:
    """Send one. Returns what became of it, or nothing when the way is closed."""
    if clock.now() - delivery.created_at > GIVE_UP:
        _end(
            delivery,
            Delivery.State.FAILED,
            f"Given up after {GIVE_UP.days} days. {delivery.last_error}".strip(),
        )
        return "failed"
    try:
        send(delivery)
    except NotNeeded as reason:
        _end(delivery, Delivery.State.DROPPED, str(reason))
        return "dropped"
    except Refused as reason:
        log.warning("message %s through %s was refused: %s", delivery.pk, delivery.channel, reason)
        _end(delivery, Delivery.State.FAILED, str(reason))
        return "failed"
    except TryLater as reason:
        _wait(delivery, str(reason))
        return "later"
    except Unavailable as reason:
        _pause(delivery, str(reason))
        return ""
    except Exception as defect:  # the edge of the work: one message must not keep the others waiting
        log.exception("message %s through %s met a defect", delivery.pk, delivery.channel)
        _wait(delivery, f"Portico met a defect ({type(defect).__name__}). The log of the worker has it.")
        return "later"
    _end(delivery, Delivery.State.SENT, "")
    _is_well(delivery.channel)
    return "sent"


def _end(delivery: Delivery, state: str, words: str) -> None:
    _give_back(delivery, state=state, ended_at=Now(), last_error=words[:LONGEST_ERROR])


def _wait(delivery: Delivery, words: str) -> None:
    wait = _doubled(FIRST_WAIT, LONGEST_WAIT, delivery.attempts)
    _give_back(delivery, next_try_at=Now() + wait, last_error=words[:LONGEST_ERROR])


def _give_back(delivery: Delivery, **changes: Any) -> None:
    """Only while the lease is ours: who lost it writes nothing."""
    mine = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease)
    if not mine.update(lease=None, lease_expires_at=None, **changes):
        log.warning("message %s went to another worker; leaving it", delivery.pk)


def _doubled(first: timedelta, longest: timedelta, times: int) -> timedelta:
    return min(first * float(2 ** min(max(times - 1, 0), 20)), longest)


@transaction.atomic
def _pause(delivery: Delivery, words: str) -> None:
    """The way rests, longer after each failure in a row; the message is tried first when it opens again."""
    from control.channel_notices import failing

    Channel.objects.get_or_create(name=delivery.channel)
    channel = Channel.objects.select_for_update().get(name=delivery.channel)
    now = clock.now()
    channel.failures += 1
    channel.failing_since = channel.failing_since or now
    channel.paused_until = now + _doubled(FIRST_PAUSE, LONGEST_PAUSE, channel.failures)
    channel.last_error = words[:LONGEST_ERROR]
    channel.save()
    log.warning("%s does not work (%s in a row): %s", channel.name, channel.failures, channel.last_error)
    _give_back(delivery, next_try_at=channel.paused_until, last_error=channel.last_error)
    failing(channel, now)


def _is_well(name: str) -> None:
    from control.channel_notices import well

    channel, _ = Channel.objects.get_or_create(name=name)
    if channel.failures:
        well(channel)
    Channel.objects.filter(name=name).update(
        failures=0, failing_since=None, paused_until=None, last_error="", last_sent_at=Now()
    )


@transaction.atomic
def try_now(name: str, *, by: User) -> None:
    """An administrator says that it works again: what waits is tried at once."""
    from control.notices import ring_on_commit

    if not Channel.objects.filter(name=name).exists():
        return
    Channel.objects.filter(name=name, paused_until__isnull=False).update(paused_until=Now())
    Delivery.objects.filter(channel=name, state=Delivery.State.QUEUED).update(next_try_at=Now())
    audit.record("channel.tried", actor=by, summary=f"{by.label} has {name} tried again")
    ring_on_commit()


@transaction.atomic
def send_test(name: str, *, by: User) -> None:
    """A message that says nothing: by mail to the administrator who asks, or to the receiver of that name."""
    from control.notices import News, tell

    news = News(
        event="channel.test",
        topic=PLATFORM,
        key=f"channel.test:{uuid4()}",
        thread=f"channel:{name}",
        title=f"A test, sent by {by.label}",
        detail="When you read this, it works. Nothing needs to be done.",
        url=reverse("control:channels"),
        sign="ok",
    )
    happening = tell(news, [by.pk] if name == MAIL else [])
    if name == MAIL:
        Notice.objects.filter(user=by, happening=happening).update(mail_due_at=Now())
    else:
        call = Delivery(channel=name, happening=happening, next_try_at=happening.at)
        Delivery.objects.bulk_create(
            [call], ignore_conflicts=True
        )  # it may want all that is about Portico anyway
    audit.record("channel.tested", actor=by, summary=f"{by.label} sent a test through {name}")


def give_up_old() -> int:
    """End what nobody tries any more, such as calls of a receiver that is not configured now. Returns how many."""
    now = clock.now()
    left = Delivery.objects.filter(
        state=Delivery.State.QUEUED, lease=None, created_at__lt=now - GIVE_UP - LEFT_OVER
    )
    words = "Nobody sends through this way any more."
    return left.update(state=Delivery.State.FAILED, ended_at=now, last_error=words)


def forget_old() -> int:
    """Delete a batch of messages that ended long ago and of what was told half a year ago. Returns how many rows."""
    now = clock.now()
    ended = Delivery.objects.filter(ended_at__lt=now - KEPT)
    old = Happening.objects.filter(at__lt=now - HAPPENINGS_KEPT)
    messages = list(ended.order_by("ended_at").values_list("pk", flat=True)[:FORGET_BATCH])
    happenings = list(old.order_by("at").values_list("pk", flat=True)[:FORGET_BATCH])
    return (
        Delivery.objects.filter(pk__in=messages).delete()[0]
        + Happening.objects.filter(pk__in=happenings).delete()[0]
    )
