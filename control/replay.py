"""A rule set tried on requests that people really sent: which of them would be decided otherwise. Writes nothing.

Both sets (the one in force and the one to be tried) decide again with what each Decision kept: who asked with which
groups, for what, where, and when. Entities, and who could decide, are those of today for both, so what differs comes
from the rules alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from control import clock, policy, subjects
from control.capability import Ask, Draft, registry
from control.decide import Asked, ReadPeople, Verdict, judge
from control.deciders import Named, People, read_people
from control.errors import ControlError
from control.matching import Requester
from control.models import Decision, Intent, User
from control.panel_difference import WHO, differences
from control.policy_documents import PolicySet
from control.subjects import Subject
from control.verdict_words import course_words

DAYS = 90
LONGEST_DAYS = 366
MOST_REQUESTS = 20_000
MOST_SHOWN = 100
BATCH = 500
_KINDS = {
    "easier": "easier",
    "harder": "harder or refused",
    "others": "by others",
    "course": "by the same people in another way",
}
_EASE = {"held": 0, "allow": 1, "needs_approval": 2, "deny": 3}


@dataclass(frozen=True)
class Difference:
    """One request that would be decided otherwise. `how`: easier, harder, others (who decide), or course (the same
    people, asked in another way); `what` names what differs among those who are asked."""

    decision: Decision
    before: Verdict
    after: Verdict
    how: str
    what: tuple[str, ...] = ()

    @property
    def intent(self) -> Intent:
        return self.decision.intent


@dataclass
class Replay:
    """`is_whole` is False when there were more requests, or more work, than was allowed; the newest were tried."""

    days: int
    tried: int = 0
    left_out: int = 0  # what they were about is gone, or no part of this portal knows it any more
    is_whole: bool = True
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    differences: list[Difference] = field(default_factory=list)  # the newest, at most MOST_SHOWN

    @property
    def changed(self) -> int:
        return sum(self.counts.values())

    @property
    def words(self) -> str:
        """“3 of 120 requests of the last 90 days would be decided otherwise: 1 easier, 2 refused or harder.”"""
        scope = f"{self.tried:,} request{'' if self.tried == 1 else 's'} of the last {self.days} days"
        scope += "" if self.is_whole else " (the newest)"
        if not self.changed:
            return f"None of {scope} would be decided otherwise."
        parts = [f"{self.counts[how]:,} {words}" for how, words in _KINDS.items() if self.counts[how]]
        return f"{self.changed:,} of {scope} would be decided otherwise: {', '.join(parts)}."


def replay(
    tried: PolicySet, *, days: int = DAYS, most: int = MOST_REQUESTS, seconds: float | None = None
) -> Replay:
    """Try `tried` against the rules in force; at most `most` requests and about `seconds` of work."""
    revision = policy.in_force()
    found = Replay(days)
    ends_at = time.monotonic() + seconds if seconds is not None else None
    bench = _Bench(policy.parsed(revision) if revision else PolicySet([]), tried)
    decisions = _decisions(clock.now() - timedelta(days=days))
    for decision in islice(decisions, most + 1):
        if found.tried + found.left_out == most or (ends_at and time.monotonic() > ends_at):
            found.is_whole = False
            break
        _note(found, bench.differs(decision))
    return found


def _note(found: Replay, outcome: Difference | bool | None) -> None:
    if outcome is None:
        found.left_out += 1
        return
    found.tried += 1
    if isinstance(outcome, Difference):
        found.counts[outcome.how] += 1
        if len(found.differences) < MOST_SHOWN:
            found.differences.append(outcome)


def _decisions(since: datetime) -> Iterator[Decision]:
    """The newest first, read in batches by key: nothing is held that grows with the number of requests."""
    recent = Decision.objects.filter(decided_at__gte=since).order_by("-id")
    recent = recent.select_related("intent__requested_by__acts_for")
    below = None
    while batch := list((recent.filter(pk__lt=below) if below else recent)[:BATCH]):
        yield from batch
        below = batch[-1].pk


class _Bench:
    """Two rule sets side by side; entities and people are read once each."""

    def __init__(self, in_force: PolicySet, tried: PolicySet) -> None:
        self.in_force, self.tried = in_force, tried
        self.subjects: dict[str, Subject] = {}
        self.documents: dict[str, Mapping[str, Any]] = {}
        self.known: set[str] = set()
        self.members: dict[str, tuple[User, ...]] = {}
        self.groups: dict[int, frozenset[str]] = {}

    def differs(self, decision: Decision) -> Difference | bool | None:
        """False when both say the same; None when it cannot be asked again."""
        inputs, intent = decision.inputs, decision.intent
        subject = self.subject(str(inputs.get("subject", "")))
        ask = _ask(intent, subject, inputs) if subject.exists else None
        if ask is None:
            return None
        before, after = (
            self.verdict(found, intent.requested_by, subject, ask, decision)
            for found in (self.in_force, self.tried)
        )
        what = differences(before.panel, after.panel)
        how = _how(before, after, what)
        return Difference(decision, before, after, how, _told(before, after, what)) if how else False

    def verdict(
        self, found: PolicySet, actor: User, subject: Subject, ask: Ask, decision: Decision
    ) -> Verdict:
        groups = frozenset(decision.inputs.get("groups", ()))
        ref = actor.entity_ref or ""
        requester = Requester(actor.label, ref, groups, partial(self.attributes, ref))
        asked = Asked(ask, str(decision.inputs.get("environment", "")))
        return judge(
            found, requester, subject, [asked], read=self.reader(actor), now=lambda: decision.decided_at
        )[0]

    def attributes(self, ref: str) -> Mapping[str, Any]:
        if ref not in self.documents:
            self.documents[ref] = subjects.attributes_of(ref) if ref else {}
        return self.documents[ref]

    def subject(self, ref: str) -> Subject:
        if ref not in self.subjects:
            self.subjects[ref] = subjects.resolve(ref)
        return self.subjects[ref]

    def reader(self, actor: User) -> ReadPeople:
        def read(named: Iterable[Named]) -> People:
            unread = [one for one in named if not self.known.issuperset(one.refs)]
            if unread:
                people = read_people(actor, unread)
                self.members |= people.members
                self.groups |= people.groups
                self.known.update(ref for one in unread for ref in one.refs)
            return People(actor, self.members, self.groups)

        return read


def _ask(intent: Intent, subject: Subject, inputs: dict[str, Any]) -> Ask | None:
    """What its capability asked the rules then."""
    draft = Draft(
        intent.capability,
        intent.requested_by,
        subject,
        str(inputs.get("environment", "")),
        inputs.get("parameters", {}),
        intent.reason,
    )
    try:
        return replace(registry.get(intent.capability).ask(draft), reason=intent.reason)
    except (KeyError, ValueError, ControlError):  # a capability that is gone, or parameters of an older form
        return None


def _how(before: Verdict, after: Verdict, what: Sequence[str]) -> str:
    ease, then = _ease(after), _ease(before)
    if ease != then:
        return "easier" if ease < then else "harder"
    if after.approvals_needed != before.approvals_needed:
        return "easier" if after.approvals_needed < before.approvals_needed else "harder"
    return "others" if WHO in what else "course" if what else ""


def _told(before: Verdict, after: Verdict, what: tuple[str, ...]) -> tuple[str, ...]:
    """Of two verdicts of different kinds it goes without saying who decides."""
    return what if _ease(before) == _ease(after) else ()


def _ease(verdict: Verdict) -> int:
    return _EASE["held" if verdict.standing else verdict.verdict]


def words_of(verdict: Verdict) -> str:
    """“needs approval of payments, then of 2 of security, by production-logs”."""
    rule = f", by {verdict.rule}" if verdict.rule else ""
    if verdict.standing:
        return f"held without asking{rule}"
    if verdict.is_allowed:
        return f"allowed at once{rule}"
    if verdict.is_refused:
        return f"refused{rule}"
    return f"needs approval of {course_words(verdict.panel)}{rule}"
