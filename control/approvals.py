"""Deciding a waiting intent: approve (as asked, or smaller), reject, expire.

The only writer of Approval. Under the row lock every question is asked again: is it still waiting, is this the plan
that was shown, may this person decide, in their own place or in that of somebody who is away, do today's rules still
allow it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from control import audit, chairs, clock, policy, request_notices, stages
from control.agenda import Agenda, progress_of
from control.capability import registry
from control.chairs import Chair
from control.decide import Verdict
from control.errors import InvalidParameters, NotAnApprover, NotWaiting, PlanChanged, Refused, TooLate
from control.intents import approved, digest_of, draft_of, stored_digest_of, verdict_now
from control.models import Approval, Approver, Decision, Intent, State, User
from control.seats import turn_words

EXPIRE_BATCH = 200


@transaction.atomic
def approve(
    intent_id: UUID,
    *,
    by: User,
    digest: str,
    comment: str = "",
    narrowed: Mapping[str, Any] | None = None,
    in_place_of: int | None = None,
) -> Intent:
    """Say yes to what `digest` stands for; `narrowed` parameters make it smaller, never larger.

    `in_place_of` is the key of the account whose places are taken: `by` themselves, or somebody who is away and named
    them. Left out, it is `by` where it is their own turn, else whoever they stand in for. Locks the intent.

    Raises `NotWaiting`, `TooLate`, `PlanChanged`, `OwnRequest`, `AgentsDoNotApprove`, `NotAnApprover`, `Refused`,
    `InvalidParameters`. Keeps the rules as they are until it is written.
    """
    sitting = _lock_for_answer(intent_id, by, digest, in_place_of)
    intent = sitting.intent
    policy.stay(to_change=registry.administers(intent.capability))
    if stored_digest_of(intent) != digest:
        raise PlanChanged(
            "This request is not what it was when it was sent. Reject it and let it be asked again."
        )
    verdict = _checked_by_rules_of_today(sitting)
    if narrowed:
        _narrow(intent, narrowed)
    approval = _write(sitting, by, Approval.Answer.APPROVED, digest, comment, narrowed or {})
    registry.get(intent.capability).on_answer(intent, approval)
    request_notices.answered(intent, approval)
    _conclude(sitting, verdict)
    return intent


@transaction.atomic
def reject(intent_id: UUID, *, by: User, digest: str, comment: str, in_place_of: int | None = None) -> Intent:
    """Say no, with words for the requester. Raises as `approve`."""
    if not comment.strip():
        raise InvalidParameters({"comment": "Say why: the requester reads it and can ask better."})
    sitting = _lock_for_answer(intent_id, by, digest, in_place_of)
    intent = sitting.intent
    approval = _write(sitting, by, Approval.Answer.REJECTED, digest, comment, {})
    intent.move(State.REJECTED, decided_at=approval.decided_at, finished_at=approval.decided_at)
    registry.get(intent.capability).on_answer(intent, approval)
    request_notices.rejected(intent, approval)
    return intent


@dataclass(frozen=True)
class _Sitting:
    """The locked intent, and the chair that the person takes, with those of its places that they may take now."""

    intent: Intent
    chair: Chair
    agenda: Agenda

    @property
    def seats(self) -> list[list[int]]:
        return [list(seat) for seat in sorted({(row.stage, row.part) for row in self.chair.rows})]


def _lock_for_answer(intent_id: UUID, by: User, digest: str, in_place_of: int | None) -> _Sitting:
    intent = Intent.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=intent_id)
    offered = chairs.wished(chairs.chairs_of(intent, by), by, in_place_of)
    if intent.state != State.AWAITING_APPROVAL:
        raise NotWaiting(f"This request is already {intent.get_state_display().lower()}.")
    now = clock.now()
    if intent.decide_before <= now:
        raise TooLate("This request waited too long and has expired. It can be asked again.")
    answers = list(intent.approvals.with_people())
    if words := chairs.said_before(by, answers):
        raise NotWaiting(words)
    if intent.plan_digest != digest:
        raise PlanChanged("The request changed after you opened it. Read it again, then decide.")
    agenda = Agenda.of(intent.decisions.latest("id"))
    return _Sitting(intent, _taken(offered, answers, agenda, now), agenda)


def _taken(offered: Sequence[Chair], answers: Collection[Approval], agenda: Agenda, now: datetime) -> Chair:
    """The first chair in which something may be decided now; where there is none, the words of the first."""
    refusals = []
    for chair in offered:
        refusal = chairs.taken_before(chair, answers) if chair.delegation else ""
        rows = () if refusal else _whose_turn_it_is(chair.rows, agenda, now)
        if rows:
            return replace(chair, rows=rows)
        refusals.append(refusal or turn_words(chair.rows, now))
    raise NotWaiting(refusals[0])


def _whose_turn_it_is(rows: Sequence[Approver], agenda: Agenda, now: datetime) -> tuple[Approver, ...]:
    """The open ones of these places. Where one answer may count for several stages, those ahead too."""
    wanted = [row for row in rows if row.closed_at is None]
    due = [row for row in wanted if row.counts_from and row.counts_from <= now]
    if not due:
        return ()
    ahead = [row for row in wanted if row.counts_from is None and row.tier == 0 and not agenda.distinct]
    return (*due, *ahead)


def _checked_by_rules_of_today(sitting: _Sitting) -> Verdict:
    """A rule edited after the request counts: nobody approves what today's rules refuse or give to others."""
    verdict = verdict_now(sitting.intent)
    if verdict.verdict == Decision.Verdict.DENY:
        raise Refused(f"The rules have changed and no longer allow this. {verdict.message}")
    if verdict.verdict == Decision.Verdict.NEEDS_APPROVAL:
        chair = sitting.chair
        waited = clock.now() - _opened_at(sitting.intent, chair.rows[0].stage)
        if not verdict.panel.is_open_to(chair.voice, waited):
            who = f"{chair.person.label} is" if chair.delegation else "you are"
            raise NotAnApprover(f"The rules have changed: {who} no longer among those who decide this.")
    return verdict


def _opened_at(intent: Intent, stage: int) -> datetime:
    """When it came to this stage: those who are asked at first count from then."""
    opened: datetime | None = intent.approvers.filter(stage=stage).aggregate(at=Min("counts_from"))["at"]
    return opened or intent.requested_at


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
    sitting: _Sitting,
    by: User,
    answer: Approval.Answer,
    digest: str,
    comment: str,
    narrowed: Mapping[str, Any],
) -> Approval:
    intent, delegation = sitting.intent, sitting.chair.delegation
    approval = Approval.objects.create(
        intent=intent,
        by=by,
        answer=answer,
        comment=comment.strip(),
        digest=digest,
        narrowed=dict(narrowed),
        seats=sitting.seats,
        decided_at=clock.now(),
        deputy_of=sitting.chair.person if delegation else None,
        delegation=delegation,
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
        on_behalf_of=approval.deputy_of,
        summary=f"{answer.label} by {approval.who}",
        detail=" ".join([*filter(None, words), f"Shown and answered: digest {digest[:4]} {digest[4:8]}."]),
        after={
            "digest": digest,
            "narrowed": dict(narrowed),
            "parameters": intent.parameters,
            **({"deputy_of": delegation.absent_id, "delegation": delegation.pk} if delegation else {}),
        },
    )
    return approval


def _conclude(sitting: _Sitting, today: Verdict) -> None:
    """All that the rules asked for at the request must be there, and all that they ask for today."""
    intent, agenda, now = sitting.intent, sitting.agenda, clock.now()
    answers = list(intent.approvals.with_people().order_by("id"))
    progress = progress_of(agenda, answers)
    is_as_asked = today.panel.is_as_kept(intent.decisions.latest("id").explanation)
    if not progress.is_done:
        stages.move_on(intent, agenda, progress, today.panel if is_as_asked else None, now)
    elif today.is_allowed or is_as_asked or today.panel.is_satisfied_by(map(chairs.voice_of, answers)):
        intent.approvers.filter(closed_at=None).update(closed_at=now)
        approved(intent, now)


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
