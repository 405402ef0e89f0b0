"""Deciding a waiting intent: approve (as asked, or smaller), reject, expire.

The only writer of Approval. Under the row lock every question is asked again: is it still waiting, is this the plan
that was shown, may this person decide, do today's rules still allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from control import audit, clock, people, request_notices
from control.capability import registry
from control.decide import Verdict
from control.errors import (
    AgentsDoNotApprove,
    InvalidParameters,
    NotAnApprover,
    NotWaiting,
    OwnRequest,
    PlanChanged,
    Refused,
    TooLate,
)
from control.intents import approved, digest_of, draft_of, stored_digest_of, verdict_now
from control.models import Approval, Decision, Intent, State, User

EXPIRE_BATCH = 200


@transaction.atomic
def approve(
    intent_id: UUID, *, by: User, digest: str, comment: str = "", narrowed: Mapping[str, Any] | None = None
) -> Intent:
    """Say yes to what `digest` stands for; `narrowed` parameters make it smaller, never larger.

    Raises `NotWaiting`, `TooLate`, `PlanChanged`, `OwnRequest`, `AgentsDoNotApprove`, `NotAnApprover`, `Refused`,
    `InvalidParameters`. Locks the intent.
    """
    intent = _lock_for_answer(intent_id, by, digest)
    if stored_digest_of(intent) != digest:
        raise PlanChanged(
            "This request is not what it was when it was sent. Reject it and let it be asked again."
        )
    verdict = _checked_by_rules_of_today(intent, by)
    if narrowed:
        _narrow(intent, narrowed)
    approval = _write(intent, by, Approval.Answer.APPROVED, digest, comment, narrowed or {})
    registry.get(intent.capability).on_answer(intent, approval)
    request_notices.answered(intent, by)
    _conclude(intent, verdict)
    return intent


@transaction.atomic
def reject(intent_id: UUID, *, by: User, digest: str, comment: str) -> Intent:
    """Say no, with words for the requester. Raises as `approve`."""
    if not comment.strip():
        raise InvalidParameters({"comment": "Say why: the requester reads it and can ask better."})
    intent = _lock_for_answer(intent_id, by, digest)
    approval = _write(intent, by, Approval.Answer.REJECTED, digest, comment, {})
    intent.move(State.REJECTED, decided_at=approval.decided_at, finished_at=approval.decided_at)
    registry.get(intent.capability).on_answer(intent, approval)
    request_notices.rejected(intent, approval)
    return intent


def _lock_for_answer(intent_id: UUID, by: User, digest: str) -> Intent:
    intent = Intent.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=intent_id)
    _check_person(intent, by)
    if intent.state != State.AWAITING_APPROVAL:
        raise NotWaiting(f"This request is already {intent.get_state_display().lower()}.")
    if intent.decide_before <= clock.now():
        raise TooLate("This request waited too long and has expired. It can be asked again.")
    # One person with two accounts is one answer.
    if any(people.same_person(by, answer.by) for answer in intent.approvals.select_related("by")):
        raise NotWaiting("You have answered this request already. It waits for somebody else.")
    if intent.plan_digest != digest:
        raise PlanChanged("The request changed after you opened it. Read it again, then decide.")
    return intent


def _check_person(intent: Intent, by: User) -> None:
    person = User.objects.select_related("acts_for").get(pk=by.pk)
    if not person.is_active:
        raise Refused("This account is closed, so it can decide nothing.")
    if person.is_agent:
        raise AgentsDoNotApprove("Agents do not approve. The person must decide.")
    if people.same_person(person, intent.requested_by):
        raise OwnRequest("You asked for this yourself, so somebody else must decide.")
    asked = intent.approvers.filter(Q(user=person) | Q(group__in=person.groups.values("pk")))
    if not asked.exists():
        raise NotAnApprover("You are not among those who decide this. The request page says who is.")


def _checked_by_rules_of_today(intent: Intent, by: User) -> Verdict:
    """A rule edited after the request counts: nobody approves what today's rules refuse or give to others."""
    verdict = verdict_now(intent)
    if verdict.verdict == Decision.Verdict.DENY:
        raise Refused(f"The rules have changed and no longer allow this. {verdict.message}")
    if verdict.verdict == Decision.Verdict.NEEDS_APPROVAL and by.pk not in {
        who.pk for who in verdict.approvers
    }:
        raise NotAnApprover("The rules have changed: you are no longer among those who decide this.")
    return verdict


def _narrow(intent: Intent, narrowed: Mapping[str, Any]) -> None:
    """The plan is made anew, so it must still be the one that was shown: a role may have grown since."""
    capability = registry.get(intent.capability)
    asked = draft_of(intent)
    if digest_of(asked, capability.plan(asked)) != intent.plan_digest:
        raise PlanChanged(
            "The rules have changed what this request would do, so it can only be approved as it was asked for, or "
            "rejected and asked for again."
        )
    draft = draft_of(intent, capability.narrow(intent, narrowed))
    plan = capability.plan(draft)
    intent.parameters = dict(draft.parameters)
    intent.title, intent.plan, intent.plan_digest = plan.title, asdict(plan), digest_of(draft, plan)
    intent.save(update_fields=["parameters", "title", "plan", "plan_digest"])


def _write(
    intent: Intent, by: User, answer: Approval.Answer, digest: str, comment: str, narrowed: Mapping[str, Any]
) -> Approval:
    approval = Approval.objects.create(
        intent=intent,
        by=by,
        answer=answer,
        comment=comment.strip(),
        digest=digest,
        narrowed=dict(narrowed),
        decided_at=clock.now(),
    )
    smaller = ", ".join(f"{name} {value}" for name, value in narrowed.items())
    words = [
        f"“{approval.comment}”" if approval.comment else "",
        f"Made smaller: {smaller}." if smaller else "",
    ]
    audit.record(
        f"intent.{answer.value}",
        actor=by,
        intent=intent,
        summary=f"{answer.label} by {by.label}",
        detail=" ".join([*filter(None, words), f"Shown and answered: digest {digest[:4]} {digest[4:8]}."]),
        after={"digest": digest, "narrowed": dict(narrowed), "parameters": intent.parameters},
    )
    return approval


def _conclude(intent: Intent, today: Verdict) -> None:
    """As many must agree as the rules asked for at the request, or ask for today if that is more."""
    needed = max(intent.decisions.latest("id").approvals_needed, today.approvals_needed, 1)
    given = intent.approvals.filter(answer=Approval.Answer.APPROVED).count()
    if given >= needed:
        approved(intent, clock.now())


def expire_undecided() -> int:
    """End requests that nobody decided in time; one transaction each, and a row in somebody's hands is left to them."""
    due = Intent.objects.filter(state=State.AWAITING_APPROVAL, decide_before__lte=clock.now())
    return sum(
        _expire(pk) for pk in due.order_by("decide_before").values_list("pk", flat=True)[:EXPIRE_BATCH]
    )


@transaction.atomic
def _expire(intent_id: UUID) -> bool:
    intent = (
        Intent.objects.select_for_update(skip_locked=True)
        .filter(pk=intent_id, state=State.AWAITING_APPROVAL, decide_before__lte=clock.now())
        .first()
    )
    if intent is None:
        return False
    intent.move(State.EXPIRED, finished_at=clock.now())
    audit.record("intent.expired", actor=None, intent=intent, summary="Expired: nobody decided in time")
    request_notices.expired(intent)
    return True
