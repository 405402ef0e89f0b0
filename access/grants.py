"""The two things that can happen to a grant: it is opened for an approved request, or ended early (or called off).

Running out needs nobody: whether a grant holds is asked at the database's clock. Outside systems follow in
`reconcile`. A trigger in the database refuses every other change.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from access import break_glass, grant_notices, windows
from access.errors import AlreadyEnded, NotYours
from access.models import Grant, Need, OutsideRight
from control import audit, clock, intents, people, subjects
from control.capability import registry
from control.durations import format_duration, parse_duration
from control.errors import Refused, TooLate
from control.models import Approval, Intent, User, open_account
from control.templatetags.times import clock_words

_ONE_EMERGENCY = "grant_one_emergency"  # the constraint in migration 0005
_HOLDER_LOCK = 7_341  # with the holder's key: one window of a person is opened or ended at a time
log = logging.getLogger(__name__)


def open_for(intent: Intent) -> Grant:
    """The grant of an intent that is being approved, from that moment or its wished start on; in the approving
    transaction.

    What it gives is what the approver was shown (the plan), not what the rules say by now. A start that passed while
    the request waited is not made up for: the window keeps its wished end. Raises `Refused`, `TooLate`.
    """
    shown = intent.plan["data"]
    decided_at = intent.decided_at or clock.now()
    starts_at = max(windows.start_of(intent.parameters) or decided_at, decided_at)
    length = parse_duration(intent.parameters["duration"])
    expires_at = min(starts_at + length, windows.end_of(intent.parameters) or starts_at + length)
    if expires_at <= starts_at:
        raise TooLate("The time that was asked for is over. It can be asked for again.")
    _refuse_what_changed_meanwhile(intent)
    grant = _created(
        intent=intent,
        user=intent.requested_by,
        role=shown["role"],
        role_title=shown["role_title"],
        entity_ref=intent.subject_ref,
        environment=intent.environment,
        permissions=shown["permissions"],
        starts_at=starts_at,
        expires_at=expires_at,
        break_glass=windows.is_emergency(intent.parameters),
    )
    for outside in shown["outside"]:
        right, _ = OutsideRight.objects.get_or_create(
            connector=outside["connector"],
            target=outside["target"],
            right=outside["role"],
            user=intent.requested_by,
        )
        Need.objects.create(grant=grant, right=right)
    if grant.break_glass:
        break_glass.record(grant)
    audit.record(
        "grant.opened",
        actor=None,
        intent=intent,
        summary=_opened_words(grant, decided_at),
        detail=f"For {format_duration(grant.expires_at - starts_at)}. It ends by itself.",
        after={"grant": str(grant.pk), "expires_at": grant.expires_at.isoformat()},
    )
    return grant


def _created(**fields: Any) -> Grant:
    """Raises `Refused` where the database has an emergency of the same person on the same entity."""
    try:
        with transaction.atomic():
            return Grant.objects.create(**fields)
    except IntegrityError as error:
        if _ONE_EMERGENCY not in str(error):
            raise
        words = "You have broken the glass here already, and it still holds. Use that, or end it first."
        raise Refused(words) from None


def _opened_words(grant: Grant, now: datetime) -> str:
    until = f"until {clock_words(grant.expires_at, now)}"
    if grant.starts_at > now:
        return f"{grant.role_title} from {clock_words(grant.starts_at, now)} {until}"
    return f"{grant.role_title} {until}"


def _refuse_what_changed_meanwhile(intent: Intent) -> None:
    """Of two approvals at once each would find room for one more window, and one window could carry on another that is
    being ended: here the second waits, and looks again."""
    _lock_holder(intent.requested_by_id)
    ask = registry.get(intent.capability).ask(intents.draft_of(intent))
    if ask.windows_before or ask.starts_in > timedelta(0):
        verdict = intents.verdict_now(intent)
        if verdict.failed_about in ("extension", "start"):
            raise Refused(verdict.message)


def _lock_holder(user_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_HOLDER_LOCK, user_id])


@transaction.atomic
def revoke(grant_id: UUID, *, by: User, reason: str = "") -> Grant:
    """End a grant now. Raises `NotYours` or `AlreadyEnded`. Locks the grant; outside systems are told on commit.

    Waits for a window of the same person that is being opened, and keeps others from being opened meanwhile.
    """
    _lock_holder(Grant.objects.values_list("user", flat=True).get(pk=grant_id))
    grant = Grant.objects.select_for_update(of=("self",)).select_related("user", "intent").get(pk=grant_id)
    if not may_end(grant, by):
        raise NotYours(
            f"Only {grant.user.label}, the owners, whoever approved it or an administrator can end this."
        )
    now = clock.now()
    if grant.is_over(now):
        raise AlreadyEnded(f"This ended already at {clock_words(grant.ends_at, now)}.")
    _end(grant, now, by, reason.strip())
    grant_notices.ended_early(grant, by)
    return grant


@transaction.atomic
def end_of_leaver(grant_id: UUID) -> bool:
    """End what the account of a leaver holds or will hold, so that it does not come back should the account do so.

    False when there is nothing to end, or somebody else is at it.
    """
    grants = Grant.objects.select_for_update(of=("self",), skip_locked=True).select_related(
        "user", "user__acts_for", "intent"
    )
    grant = grants.open().filter(pk=grant_id).first()
    if grant is None or grant.user.is_open:
        return False
    _end(grant, clock.now(), None, "The account is closed.")
    return True


def _end(grant: Grant, now: datetime, by: User | None, reason: str) -> None:
    """The caller holds the row lock. `by` None is Portico itself."""
    grant.revoked_at, grant.revoked_by, grant.revoke_reason = now, by, reason
    grant.ended_recorded_at = now
    grant.save(update_fields=["revoked_at", "revoked_by", "revoke_reason", "ended_recorded_at"])
    what = "Ended early" if grant.starts_at <= now else "Called off before its start"
    audit.record(
        "grant.revoked",
        actor=by,
        intent=grant.intent,
        summary=f"{what} by {by.label if by else 'Portico'}",
        detail=(f"“{reason}”" if by else reason) if reason else "",
        before={"expires_at": grant.expires_at.isoformat()},
        after={"revoked_at": now.isoformat()},
    )
    for right_id in grant.outside_rights.values_list("pk", flat=True):
        ring_on_commit(right_id)


def may_end(grant: Grant, user: User) -> bool:
    """The holder, the entity's owners, those who approved it, administrators; asked of the account as it is now."""
    actor = User.objects.filter(open_account(), pk=user.pk).first()
    if actor is None:
        return False
    if actor.is_staff or people.same_person(actor, grant.user):
        return True
    if Approval.objects.filter(intent=grant.intent, by=actor, answer=Approval.Answer.APPROVED).exists():
        return True
    return is_owner(actor, subjects.resolve(grant.entity_ref).owner_refs)


def is_owner(user: User, owner_refs: tuple[str, ...]) -> bool:
    if user.is_agent or not owner_refs:
        return False
    return user.entity_ref in owner_refs or user.groups.filter(name__in=owner_refs).exists()


def ring_on_commit(right_id: int) -> None:
    transaction.on_commit(partial(_ring, right_id))


def _ring(right_id: int) -> None:
    """Tell a worker. The rows say what is owed, so a broker that is away only delays it until the next sweep."""
    from access import tasks

    try:
        tasks.reconcile.apply_async([right_id], retry=False)
    except Exception:
        log.exception("could not ring for outside right %s; the sweep will", right_id)
