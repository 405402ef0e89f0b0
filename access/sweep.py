"""What is owed when nobody rings: outside rights that do not match their grants, and ends not yet in the record.

Beat calls it every few seconds. A grant needs none of this to end; this only tidies up after it, and says so.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q

from access import grant_notices, grants, review_notices
from access.errors import AlreadyEnded, NotYours
from access.models import Grant, Need, OutsideRight
from access.reconcile import reconcile
from control import audit, clock
from control.models import State, open_account
from control.templatetags.times import clock_words

FAILURES_OF_A_TARGET = 3  # in one sweep
SWEEP_LOCK = 7_340_030  # any number, the same in every process
log = logging.getLogger(__name__)
BATCH = 100  # rights or ends of one sweep; the next one is seconds away
LOOK_AGAIN = timedelta(
    minutes=5
)  # what is in place is read back this often, in case somebody changed it by hand


def sweep() -> None:
    """One at a time: behind a slow outside system the bells of beat find it at work and go."""
    with _sole_sweeper() as is_mine:
        if is_mine:
            end_of_leavers()
            end_cancelled()
            record_ends()
            grant_notices.tell_started()
            grant_notices.tell_ending()
            review_notices.tell_due()
            review_notices.tell_overdue()
            reconcile_owed()


@contextmanager
def _sole_sweeper() -> Iterator[bool]:
    """A lock of the session, for a transaction that long would hold back the sealing of the record."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])


def reconcile_owed() -> None:
    """A target that keeps failing is left for the next sweep, so that it does not keep the others waiting."""
    failures: Counter[str] = Counter()
    for right_id, target in owed_rights():
        if failures[target] < FAILURES_OF_A_TARGET:
            failures[target] += not _is_well(right_id)


def _is_well(right_id: int) -> bool:
    try:
        right = reconcile(right_id, skip_locked=True)
    except DatabaseError:
        log.exception("outside right %s could not be swept", right_id)
        return False
    return right is None or not right.last_error


def owed_rights() -> list[tuple[int, str]]:
    """Key and target of rights that a live grant waits for, that an ended one left behind, or that were not looked at
    for a while."""
    now = clock.now()
    live, ended = Grant.objects.live(now), Grant.objects.ended(now)
    owing = Need.objects.filter(
        Q(grant__in=live, in_place_at=None) | Q(grant__in=ended, settled_at=None)
    ).values("right")
    present = Q(observed=OutsideRight.Observed.PRESENT)
    stale = present & (Q(observed_at__lt=now - LOOK_AGAIN) | ~open_account("user__"))
    due = Q(next_try_at=None) | Q(next_try_at__lte=now)
    rights = OutsideRight.objects.filter(due, Q(pk__in=owing) | stale)
    soonest = rights.order_by(F("next_try_at").asc(nulls_first=True), "pk")
    return list(soonest.values_list("pk", "target")[:BATCH])


def end_of_leavers() -> int:
    """Whoever closed the account, and however: what it holds is ended for good. Returns how many grants."""
    theirs = Grant.objects.open().exclude(open_account("user__")).order_by("expires_at")
    return sum(grants.end_of_leaver(pk) for pk in theirs.values_list("pk", flat=True)[:BATCH])


def end_cancelled() -> None:
    """A request whose work was cancelled gives nothing either: its requester has said so."""
    cancelled = Grant.objects.open().filter(intent__state=State.CANCELLED).select_related("user")
    for grant in cancelled[:BATCH]:
        try:
            grants.revoke(grant.pk, by=grant.user, reason="The request was cancelled.")
        except (AlreadyEnded, NotYours):
            continue


def record_ends() -> int:
    """Write “Ended by itself at 18:04” for grants that ran out. Returns how many."""
    now = clock.now()
    due = Grant.objects.filter(expires_at__lte=now, ended_recorded_at=None)
    return sum(_record_end(pk) for pk in due.order_by("expires_at").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _record_end(grant_id: UUID) -> bool:
    grant = (
        Grant.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("intent", "user")
        .filter(pk=grant_id, ended_recorded_at=None)
        .first()
    )
    if grant is None:
        return False
    now = clock.now()
    grant.ended_recorded_at = now
    grant.save(update_fields=["ended_recorded_at"])
    audit.record(
        "grant.ended",
        actor=None,
        intent=grant.intent,
        summary=f"Ended by itself at {clock_words(grant.expires_at, now)}",
        detail="The window was over; from that second every check says no.",
        after={"expires_at": grant.expires_at.isoformat()},
    )
    grant_notices.ended(grant)
    return True
