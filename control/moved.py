"""Waiting requests that the rules of this moment would decide otherwise than when they were sent.

What a request was sent with stays, and whoever agrees must be named by both (docs/decisions/013): so a change of the
rules, or of who owns an entity, can leave nobody who could still decide it. Pages say so, and the sweep tells whoever
asked, who can ask anew; nothing is moved to other people by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from control import clock, intents, people, policy, quorum, request_notices
from control.agenda import Agenda, parts_of
from control.chairs import said_before, voice_of
from control.decide import Verdict
from control.errors import ControlError
from control.models import Approval, Approver, Decision, Intent, State, User
from control.oncall import on_call_now
from control.panels import Voice
from control.seats import people_on
from control.standing import standing_of

COMPARE_AGAIN = timedelta(hours=1)  # also without other rules: owners and groups change too
PUBLISHED_WITHIN = timedelta(seconds=10)  # between the moment that a revision names and its being seen
COMPARE_BATCH = 100  # requests of one sweep; the next one is seconds away
_SINCE = "Who owns this, who is in which team or the hour has changed since it was sent"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moved:
    """`verdict` is what the rules say now; `is_stuck` that nobody whom it was sent to can bring it to its end;
    `by_rules` that other rules are in force than when it was sent."""

    verdict: Verdict
    is_stuck: bool
    by_rules: bool

    @property
    def may_be_asked_again(self) -> bool:
        return not self.verdict.is_refused

    @property
    def is_news(self) -> bool:
        """Whether whoever asked has something to do: not where a condition about the time of day says no for now."""
        return self.by_rules if self.verdict.is_refused or self.verdict.is_allowed else self.is_stuck

    @property
    def words(self) -> str:
        """For whoever reads the request, in a few sentences."""
        since = "The rules have changed since this was sent" if self.by_rules else _SINCE
        said = self.verdict.message
        if self.verdict.is_refused:
            return f"{since}, and nobody can approve it now. {said}"
        if self.verdict.is_allowed:
            return f"{since}. Asked for again, it is allowed at once."
        if self.is_stuck:
            return f"{since}, and nobody whom it was sent to can decide it any more. Asked for again: {said}"
        return f"{since}, and only who is named by both can decide it. By the rules of now: {said}"


def look(intent: Intent, decision: Decision) -> Moved | None:
    """None where it waits for nobody, or for the same people in the same way. A constant number of queries."""
    kept = decision.explanation
    if intent.state != State.AWAITING_APPROVAL or not kept.get("stages"):
        return None
    verdict = intents.verdict_now(intent)
    if verdict.verdict == Decision.Verdict.NEEDS_APPROVAL and verdict.panel.is_as_kept(kept):
        return None
    by_rules = verdict.policy is not None and verdict.policy.pk != decision.policy_id
    return Moved(verdict, _is_stuck(intent, decision, verdict), by_rules)


def look_under_other_rules(intent: Intent, decision: Decision, reader: User) -> Moved | None:
    """As `look`, for pages that show many things: asked only where other rules are in force than then."""
    standing = standing_of(reader)
    return None if standing and standing.policy_id == decision.policy_id else look(intent, decision)


def _is_stuck(intent: Intent, decision: Decision, verdict: Verdict) -> bool:
    if verdict.is_refused:
        return True
    answers = list(intent.approvals.with_people())
    rows = list(intent.approvers.filter(closed_at=None))
    able = {pk: seats for pk, seats in _seats(intent, rows, answers).items() if _may(pk, verdict)}
    if not _satisfies(Agenda.of(decision), answers, able):
        return True
    everybody = [*map(voice_of, answers), *map(Voice, User.objects.filter(pk__in=able))]
    return not (verdict.is_allowed or verdict.panel.is_satisfied_by(everybody))


def _may(pk: int, verdict: Verdict) -> bool:
    return verdict.is_allowed or pk in verdict.panel.able_after(timedelta.max)


def _satisfies(agenda: Agenda, answers: Iterable[Approval], able: Mapping[int, set[tuple[int, int]]]) -> bool:
    """Whether all that was asked for would be there if everybody who still can agreed."""
    places = [
        (number, index) for number, stage in enumerate(agenda.stages) for index in range(len(stage.parts))
    ]
    counts = [part.count for stage in agenda.stages for part in stage.parts]
    given = [
        {(stage, part) for stage in range(len(agenda.stages)) for part in parts_of(answer, stage)}
        for answer in answers
    ]
    fits = [
        tuple(index for index, place in enumerate(places) if place in seats)
        for seats in (*given, *able.values())
    ]
    if agenda.distinct:
        return quorum.is_complete(counts, fits)
    return all(sum(index in one for one in fits) >= count for index, count in enumerate(counts))


def _seats(intent: Intent, rows: list[Approver], answers: list[Approval]) -> dict[int, set[tuple[int, int]]]:
    """In which of `rows` everybody sits who has not answered and may: other people than the requester, no agents."""
    found = User.objects.filter(people_on(rows), is_active=True, acts_for=None)
    groups = {row.group_id for row in rows}
    on_call = _on_call(rows)
    seats: dict[int, set[tuple[int, int]]] = {}
    for user in found.distinct().prefetch_related("groups"):
        if people.same_person(user, intent.requested_by) or said_before(user, answers):
            continue
        mine = {group.pk for group in user.groups.all()} & groups
        refs = {user.entity_ref, *(group.name for group in user.groups.all())}
        seats[user.pk] = {
            (row.stage, row.part)
            for row in rows
            if row.user_id == user.pk or row.group_id in mine or refs & on_call.get(row.rota, set())
        }
    return seats


def _on_call(rows: Iterable[Approver]) -> dict[str, set[str]]:
    revision = policy.in_force() if any(row.rota for row in rows) else None
    rotas = policy.parsed(revision).rotas.values() if revision else ()
    return {name: set(refs) for name, refs in on_call_now(rotas, clock.now()).items()}


def compare_waiting() -> int:
    """Tell whoever asked for something that nobody can decide any more; one transaction each. Returns how many."""
    now, revision = clock.now(), policy.in_force()
    if revision is None:
        return 0
    due = Q(compared_at=None) | Q(compared_at__lt=now - COMPARE_AGAIN)
    # What was compared while a revision was not to be seen yet is compared once more.
    due |= Q(compared_at__lt=min(revision.published_at + PUBLISHED_WITHIN, now))
    waiting = Intent.objects.filter(due, state=State.AWAITING_APPROVAL, decide_before__gt=now)
    oldest = F("compared_at").asc(nulls_first=True)
    found = waiting.order_by(oldest).values_list("pk", flat=True)[:COMPARE_BATCH]
    return sum(_compare(pk) for pk in found)


@transaction.atomic
def _compare(intent_id: UUID) -> bool:
    now = clock.now()
    intent = (
        Intent.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("requested_by", "requested_by__acts_for")
        .filter(pk=intent_id, state=State.AWAITING_APPROVAL, decide_before__gt=now)
        .first()
    )
    if intent is None:
        return False
    Intent.objects.filter(pk=intent.pk).update(compared_at=now)
    try:
        with transaction.atomic():
            moved = look(intent, intent.decisions.latest("id"))
    except (KeyError, ValueError, ControlError):  # its part of the portal, or what it is about, is gone
        log.info("request %s could not be compared with the rules of now", intent.pk, exc_info=True)
        return False
    if moved is None or not moved.is_news:
        request_notices.moved_back(intent)
        return False
    request_notices.moved(intent, moved.words, moved.verdict)
    return True
