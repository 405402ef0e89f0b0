"""From a wish to an intent: preview, submit, withdraw, cancel, retry.

Every channel (page, API, command, agent) calls `submit`. Deciding is `approvals`, working is `execution`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction

from control import audit, clock, people, policy, request_notices, stages, subjects
from control.capability import Draft, Plan, registry
from control.decide import Verdict, decide
from control.errors import InvalidParameters, NotWaiting, Refused, TooLate
from control.models import Decision, Intent, State, User, open_account
from control.policy_schema import DECIDE_WITHIN

TRIES = (
    3  # to plan and decide by rules that stay: twice in a row they do not change while one request is sent
)
LEAVERS_BATCH = 200  # requests of one sweep; the next one is seconds away
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preview:
    """What would become of a draft, with nothing written."""

    draft: Draft  # with cleaned parameters
    plan: Plan
    digest: str
    verdict: Verdict


def preview(draft: Draft) -> Preview:
    """Validate, plan and decide, as if a reason that is missing were still to come. Raises `InvalidParameters`."""
    return _previewed(draft, draft.reason or None)


def _previewed(draft: Draft, reason: str | None) -> Preview:
    capability = registry.get(draft.capability)
    cleaned = replace(draft, parameters=capability.validate(draft))
    plan = capability.plan(cleaned)
    verdict = _verdict_on(cleaned, reason)
    return Preview(cleaned, plan, digest_of(cleaned, plan), verdict)


def digest_of(draft: Draft, plan: Plan) -> str:
    """SHA-256 over everything an approver is shown; any change of it makes an approval void."""
    return _digest(
        {
            "capability": draft.capability,
            "actor": draft.actor.pk,
            "subject": draft.subject.ref,
            "environment": draft.environment,
            "parameters": draft.parameters,
            "reason": draft.reason,
            "plan": asdict(plan),
        }
    )


def stored_digest_of(intent: Intent) -> str:
    """The digest of what the row says now; not `plan_digest` when something changed it past this module."""
    return _digest(
        {
            "capability": intent.capability,
            "actor": intent.requested_by_id,
            "subject": intent.subject_ref,
            "environment": intent.environment,
            "parameters": intent.parameters,
            "reason": intent.reason,
            "plan": intent.plan,
        }
    )


def _digest(shown: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(shown, cls=DjangoJSONEncoder), parse_float=_as_stored)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _as_stored(number: str) -> float:
    """PostgreSQL keeps 1e16 as 10000000000000000 and forgets the sign of -0.0."""
    value = float(number)
    return int(value) if value.is_integer() else value


def submit(draft: Draft, *, key: UUID | None = None) -> Intent:
    """Write the intent with the rules' decision and set it on its way; a refused one is kept too, as `denied`.

    `key` makes a repeated submission harmless: the same person's second call returns the first intent.
    Raises `InvalidParameters`, or `Refused` when the actor's account is closed.
    """
    if not User.objects.filter(open_account(), pk=draft.actor.pk).exists():
        raise Refused("This account is closed, so it can ask for nothing.")
    if key and (earlier := _earlier(key, draft.actor)):
        return earlier
    try:
        return _submitted(draft, key or uuid4())
    except IntegrityError:
        if key and (earlier := _earlier(key, draft.actor)):
            return earlier
        raise


def _submitted(draft: Draft, key: UUID) -> Intent:
    """Planned and decided by the same rules, which are still in force when it is written."""
    for _ in range(TRIES):
        rules = policy.in_force()
        found = _previewed(draft, draft.reason)
        if found.verdict.is_refused and found.verdict.failed_about == "reason":
            raise InvalidParameters({"reason": found.verdict.message})
        with transaction.atomic():
            policy.stay()
            if policy.in_force() == rules:
                return _write(found, key)
    raise NotWaiting("The rules changed while this was sent. Look what they say now, and send it again.")


def _earlier(key: UUID, actor: User) -> Intent | None:
    intent = Intent.objects.filter(pk=key).first()
    if intent and intent.requested_by_id != actor.pk:
        raise Refused("This form was sent by somebody else already. Open a new one.")
    return intent


def _write(found: Preview, key: UUID) -> Intent:
    now = clock.now()
    draft, verdict = found.draft, found.verdict
    intent = Intent(
        id=key,
        capability=draft.capability,
        title=found.plan.title,
        subject_ref=draft.subject.ref,
        subject_title=draft.subject.title,
        environment=draft.environment,
        parameters=dict(draft.parameters),
        reason=draft.reason,
        requested_by=draft.actor,
        requested_at=now,
        decide_before=now + (verdict.decide_within or DECIDE_WITHIN),
        plan=asdict(found.plan),
        plan_digest=found.digest,
        compared_at=now,
    )
    intent.save(force_insert=True)
    registry.get(draft.capability).on_submitted(intent)
    audit.record(
        "intent.submitted",
        actor=draft.actor,
        intent=intent,
        summary=f"Submitted by {draft.actor.label}",
        detail=found.plan.summary,
        after={"parameters": intent.parameters, "plan_digest": intent.plan_digest},
    )
    _record_decision(intent, verdict, now)
    _follow(intent, verdict, now)
    return intent


def _record_decision(intent: Intent, verdict: Verdict, now: datetime) -> None:
    Decision.objects.create(
        intent=intent,
        verdict=verdict.verdict,
        policy=verdict.policy,
        rule=verdict.rule,
        inputs={
            "actor": intent.requested_by_id,
            "subject": intent.subject_ref,
            "environment": intent.environment,
            "parameters": intent.parameters,
            "groups": sorted(intent.requested_by.groups.values_list("name", flat=True)),
        },
        explanation=verdict.as_data(),
        approvals_needed=verdict.approvals_needed
        if verdict.verdict == Decision.Verdict.NEEDS_APPROVAL
        else 0,
        decided_at=now,
    )


def _follow(intent: Intent, verdict: Verdict, now: datetime) -> None:
    """Take the intent where the verdict sends it, and say so in the record."""
    rule = f"Rule {verdict.rule}, " if verdict.rule else ""
    policy = f"policy {verdict.policy.short}. " if verdict.policy else "no policy in force. "
    detail = f"{rule}{policy}{verdict.message}"
    detail = detail[:1].upper() + detail[1:]
    if verdict.verdict == Decision.Verdict.DENY:
        intent.move(State.DENIED, decided_at=now, finished_at=now)
        audit.record(
            "intent.denied", actor=None, intent=intent, summary="Refused by the rules", detail=detail
        )
        request_notices.denied(intent, verdict.message)
    elif verdict.verdict == Decision.Verdict.NEEDS_APPROVAL:
        stages.ask(intent, verdict.panel, now)
        intent.move(State.AWAITING_APPROVAL)
        audit.record(
            "intent.approval_needed", actor=None, intent=intent, summary="Approval needed", detail=detail
        )
        request_notices.waits(intent)
    else:
        approved(intent, now)
        audit.record(
            "intent.allowed", actor=None, intent=intent, summary="Allowed by the rules", detail=detail
        )


def approved(intent: Intent, now: datetime) -> None:
    """The one way to `approved`: what must hold at once holds in this transaction, the worker is rung after it."""
    intent.move(State.APPROVED, decided_at=now, rung_at=now)
    registry.get(intent.capability).on_approved(intent)
    request_notices.approved(intent)
    ring_on_commit(intent.pk)


def ring_on_commit(intent_id: UUID) -> None:
    transaction.on_commit(partial(_ring, intent_id))


def ring_for_waiting(decided: UUID) -> None:
    """Tell a worker of each intent that was put aside until this one is decided."""
    for intent_id in Intent.objects.filter(waits_on=decided).values_list("pk", flat=True):
        _ring(intent_id)


def _ring(intent_id: UUID) -> None:
    """Tell a worker. The row says what is owed, so a broker that is away only delays it until the next sweep."""
    from control import tasks

    try:
        tasks.run.apply_async([str(intent_id)], retry=False)
    except Exception:
        log.exception("could not ring for intent %s; the sweep will", intent_id)


def draft_of(intent: Intent, parameters: Mapping[str, Any] | None = None) -> Draft:
    """The draft that this intent was made from, or with other parameters; the subject as it is now."""
    return Draft(
        capability=intent.capability,
        actor=intent.requested_by,
        subject=subjects.resolve(intent.subject_ref),
        environment=intent.environment,
        parameters=intent.parameters if parameters is None else parameters,
        reason=intent.reason,
        intent_id=intent.pk,
    )


def verdict_now(intent: Intent) -> Verdict:
    """What the rules in force say today, with the person's groups of today."""
    draft = draft_of(intent)
    return _verdict_on(draft, draft.reason)


def _verdict_on(draft: Draft, reason: str | None) -> Verdict:
    """Whatever the capability asks the rules, they are told the reason that was given."""
    ask = replace(registry.get(draft.capability).ask(draft), reason=reason)
    return decide(actor=draft.actor, subject=draft.subject, ask=ask, environment=draft.environment)


def _locked(intent_id: UUID) -> Intent:
    return Intent.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=intent_id)


def _require_requester(intent: Intent, by: User, what: str) -> None:
    if not (by.is_staff or people.same_person(by, intent.requested_by)):
        raise Refused(f"Only {intent.requested_by.label} or an administrator can {what} this.")


@transaction.atomic
def withdraw(intent_id: UUID, *, by: User) -> Intent:
    """Take back a request that nobody has decided. Raises `NotWaiting`, `Refused`."""
    intent = _locked(intent_id)
    _require_requester(intent, by, "withdraw")
    if intent.state != State.AWAITING_APPROVAL:
        raise NotWaiting(f"This request is already {intent.get_state_display().lower()}.")
    intent.move(State.WITHDRAWN, finished_at=clock.now())
    audit.record("intent.withdrawn", actor=by, intent=intent, summary=f"Withdrawn by {by.label}")
    request_notices.withdrawn(intent, by)
    return intent


def withdraw_of_leavers() -> int:
    """Take back what closed accounts wait for; one transaction each. Returns how many."""
    waiting = Intent.objects.filter(state=State.AWAITING_APPROVAL).exclude(open_account("requested_by__"))
    return sum(_withdraw_of_leaver(pk) for pk in waiting.values_list("pk", flat=True)[:LEAVERS_BATCH])


@transaction.atomic
def _withdraw_of_leaver(intent_id: UUID) -> bool:
    intent = (
        Intent.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("requested_by", "requested_by__acts_for")
        .filter(pk=intent_id, state=State.AWAITING_APPROVAL)
        .first()
    )
    if intent is None or intent.requested_by.is_open:
        return False
    intent.move(State.WITHDRAWN, finished_at=clock.now())
    words = "Withdrawn: the account is closed"
    audit.record("intent.withdrawn", actor=None, intent=intent, summary=words)
    request_notices.requester_left(intent)
    return True


@transaction.atomic
def cancel(intent_id: UUID, *, by: User) -> Intent:
    """Stop approved or running work; a running worker stops at its next step. Raises `TooLate`, `Refused`."""
    intent = _locked(intent_id)
    _require_requester(intent, by, "cancel")
    now = clock.now()
    if intent.state not in (State.APPROVED, State.RUNNING):
        raise TooLate(f"There is nothing to cancel: this is {intent.get_state_display().lower()}.")
    if intent.cancel_asked_at is None:
        intent.cancel_asked_at = now
        intent.save(update_fields=["cancel_asked_at"])
        audit.record("intent.cancel_asked", actor=by, intent=intent, summary=f"{by.label} asked to cancel")
        ring_on_commit(intent.pk)
    return intent


@transaction.atomic
def retry(intent_id: UUID, *, by: User) -> Intent:
    """Run failed work again under the same approval; what was done stays done. Raises `TooLate`, `Refused`."""
    intent = _locked(intent_id)
    _require_requester(intent, by, "run")
    if intent.state != State.FAILED:
        raise TooLate(f"Only failed work can be run again: this is {intent.get_state_display().lower()}.")
    verdict = verdict_now(intent)
    if verdict.verdict == Decision.Verdict.DENY:
        raise Refused(f"The rules no longer allow this. {verdict.message}")
    now = clock.now()
    intent.move(
        State.APPROVED, rung_at=now, attempts=0, error="", finished_at=None, cancel_asked_at=None, outcome={}
    )
    audit.record("intent.retried", actor=by, intent=intent, summary=f"{by.label} runs it again")
    ring_on_commit(intent.pk)
    return intent
