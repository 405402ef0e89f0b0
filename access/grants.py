"""The two things that can happen to a grant: it is opened for an approved request, or ended early.

Running out needs nobody: whether a grant holds is asked at the database's clock. Outside systems follow in
`reconcile`. A trigger in the database refuses every other change.
"""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from django.db import transaction

from access import grant_notices
from access.errors import AlreadyEnded, NotYours
from access.models import Grant, Need, OutsideRight
from control import audit, clock, people, subjects
from control.durations import format_duration, parse_duration
from control.models import Approval, Intent, User
from control.templatetags.times import clock_words

log = logging.getLogger(__name__)


def open_for(intent: Intent) -> Grant:
    """The grant of an intent that is being approved, from that moment on; in the approving transaction.

    What it gives is what the approver was shown (the plan), not what the rules say by now.
    """
    shown = intent.plan["data"]
    starts_at = intent.decided_at or clock.now()
    length = parse_duration(intent.parameters["duration"])
    grant = Grant.objects.create(
        intent=intent,
        user=intent.requested_by,
        role=shown["role"],
        role_title=shown["role_title"],
        entity_ref=intent.subject_ref,
        environment=intent.environment,
        permissions=shown["permissions"],
        starts_at=starts_at,
        expires_at=starts_at + length,
    )
    for outside in shown["outside"]:
        right, _ = OutsideRight.objects.get_or_create(
            connector=outside["connector"],
            target=outside["target"],
            right=outside["role"],
            user=intent.requested_by,
        )
        Need.objects.create(grant=grant, right=right)
    audit.record(
        "grant.opened",
        actor=None,
        intent=intent,
        summary=f"{grant.role_title} until {clock_words(grant.expires_at, starts_at)}",
        detail=f"For {format_duration(length)} from now. It ends by itself.",
        after={"grant": str(grant.pk), "expires_at": grant.expires_at.isoformat()},
    )
    return grant


@transaction.atomic
def revoke(grant_id: UUID, *, by: User, reason: str = "") -> Grant:
    """End a grant now. Raises `NotYours` or `AlreadyEnded`. Locks the grant; outside systems are told on commit."""
    grant = Grant.objects.select_for_update(of=("self",)).select_related("user", "intent").get(pk=grant_id)
    if not may_end(grant, by):
        raise NotYours(
            f"Only {grant.user.label}, the owners, whoever approved it or an administrator can end this."
        )
    now = clock.now()
    if not grant.is_live(now):
        raise AlreadyEnded(f"This ended already at {clock_words(grant.ends_at, now)}.")
    grant.revoked_at, grant.revoked_by, grant.revoke_reason = now, by, reason.strip()
    grant.ended_recorded_at = now
    grant.save(update_fields=["revoked_at", "revoked_by", "revoke_reason", "ended_recorded_at"])
    audit.record(
        "grant.revoked",
        actor=by,
        intent=grant.intent,
        summary=f"Ended early by {by.label}",
        detail=f"“{grant.revoke_reason}”" if grant.revoke_reason else "",
        before={"expires_at": grant.expires_at.isoformat()},
        after={"revoked_at": now.isoformat()},
    )
    grant_notices.ended_early(grant, by)
    for right_id in grant.outside_rights.values_list("pk", flat=True):
        ring_on_commit(right_id)
    return grant


def may_end(grant: Grant, user: User) -> bool:
    """The holder, the entity's owners, those who approved it, administrators; asked of the account as it is now."""
    actor = User.objects.filter(pk=user.pk, is_active=True).first()
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
