"""Runs RuleTests: each case is decided under a rule set, in a world that the test describes, and compared.

Nothing is read or written unless a test names an entity of the catalogue by its reference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from control import subjects
from control.capability import ACCESS, registry
from control.decide import Asked, Verdict, judge
from control.deciders import Named, People
from control.matching import Requester
from control.models import User
from control.policy_documents import PolicySet
from control.policy_fields import Problem
from control.rule_tests import Case, Expect, Person
from control.subjects import Subject
from control.verdict_words import short_ref

PEOPLE_PER_GROUP = 10  # the most that one rule may ask for
# For tests that name no moment: a working day at noon. The real time would let rules load by day and not by night.
SOME_MOMENT = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)
_NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Failure:
    """What was expected and what the rules say, at the line that expects it."""

    line: int
    words: str


@dataclass(frozen=True)
class Result:
    case: Case
    verdict: Verdict | None  # None: it could not be asked
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.failures


def run(cases: Iterable[Case], found: PolicySet) -> list[Result]:
    """Every case under `found`, in the order given."""
    return [_run(case, found) for case in cases]


def problems_of(cases: Iterable[Case], found: PolicySet) -> list[Problem]:
    """What keeps `found` from being put in force: its own tests that fail.

    A test about an entity of the catalogue is left out: a rename there must not undo the rules.
    """
    results = run((case for case in cases if case.given.entity), found)
    return [
        (result.case.path, failure.line, f"rule test “{result.case.title}” fails: {failure.words}")
        for result in results
        for failure in result.failures
    ]


def untested(results: Sequence[Result], found: PolicySet) -> list[str]:
    """Rules, bindings and denials that no case came out by, in the order of their documents."""
    decided = {result.verdict.rule for result in results if result.verdict}
    return [name for name in _names(found) if name not in decided]


def _names(found: PolicySet) -> list[str]:
    """What a verdict may come out by."""
    rules = [rule.name for rule in found.rules]
    return rules + [binding.name for binding in found.bindings] + [denial.name for denial in found.denials]


def _run(case: Case, found: PolicySet) -> Result:
    started = time.perf_counter()
    verdict, failures = None, _names_nothing(case, found)
    subject = case.given.entity or subjects.resolve(case.given.entity_ref)
    if not subject.exists:
        words = f"the catalogue has no {subject.ref}. Describe the entity in the test."
        failures.append(Failure(case.line, words))
    if not failures:
        verdict = _verdict(case, found, subject)
        failures = list(_differences(case, verdict))
    return Result(case, verdict, tuple(failures), time.perf_counter() - started)


def _names_nothing(case: Case, found: PolicySet) -> list[Failure]:
    """A slip of the pen would be refused by every rule set, and so pass for a denial."""
    ask = case.given.ask
    if ask.role and ask.role not in found.roles:
        known = ", ".join(sorted(found.roles)) or "none"
        return [Failure(case.line, f"there is no Role {ask.role}. Roles of this set: {known}.")]
    if ask.capability not in {ACCESS, *registry.names()}:
        known = ", ".join(registry.names())
        return [Failure(case.line, f"there is no capability {ask.capability}. Known: {known}.")]
    if case.expect.rule and case.expect.rule not in _names(found):
        return [Failure(case.line_of("rule"), f"there is no rule {case.expect.rule} in this set.")]
    return []


def _verdict(case: Case, found: PolicySet, subject: Subject) -> Verdict:
    given = case.given
    asking = given.subject
    requester = Requester(short_ref(asking.ref), asking.ref, asking.groups)
    now = given.now or SOME_MOMENT
    (verdict,) = judge(
        found,
        requester,
        subject,
        [Asked(given.ask, given.environment)],
        read=partial(_world, case),
        now=lambda: now,
    )
    return verdict


def _world(case: Case, named: Iterable[Named]) -> People:
    """The people of the test; those it does not speak of are there in numbers."""
    refs = {ref for one in named for ref in one.refs}
    if case.given.people is None:
        others = [person for ref in sorted(refs) for person in _somebody(ref)]
    else:
        others = list(case.given.people)
    asking = case.given.subject
    everybody = [asking, *(person for person in others if person.ref != asking.ref)]
    accounts = [(_account(number, person), person) for number, person in enumerate(everybody, start=1)]
    members = {
        ref: tuple(user for user, person in accounts if ref in {person.ref, *person.groups}) for ref in refs
    }
    return People(accounts[0][0], members, {user.pk: person.groups for user, person in accounts})


def _somebody(ref: str) -> list[Person]:
    if ref.startswith("user:"):
        return [Person(ref)]
    names = (f"user:somebody-{number}-of-{short_ref(ref)}" for number in range(PEOPLE_PER_GROUP))
    return [Person(name, frozenset({ref})) for name in names]


def _account(number: int, person: Person) -> User:
    """Never saved: only what tells people apart."""
    return User(pk=number, username=short_ref(person.ref), entity_ref=person.ref)


def _differences(case: Case, verdict: Verdict) -> Iterator[Failure]:
    expect = case.expect
    if verdict.verdict != expect.verdict:
        words = f"expected {expect.verdict}, but the rules say {verdict.verdict}{_by(verdict)}: “{verdict.message}”"
        yield Failure(case.line_of("verdict"), words)
    for name, differs in _COMPARED.items():
        if words := differs(expect, verdict):
            yield Failure(case.line_of(name), words)


def _by(verdict: Verdict) -> str:
    return f" by {verdict.rule}" if verdict.rule else ""


def _rule(expect: Expect, verdict: Verdict) -> str:
    if expect.rule is None or expect.rule == verdict.rule:
        return ""
    return f"expected rule {expect.rule or 'none'}, but {verdict.rule or 'no rule'} decided"


def _approvers(expect: Expect, verdict: Verdict) -> str:
    named = {*verdict.approver_groups, *verdict.approver_users}
    if expect.approvers is None or expect.approvers == named:
        return ""
    return f"expected approvers {_listed(expect.approvers)}, but they are {_listed(named)}"


def _approvals(expect: Expect, verdict: Verdict) -> str:
    if expect.approvals is None or expect.approvals == verdict.approvals_needed:
        return ""
    return f"expected {expect.approvals} approvals, but {verdict.approvals_needed} are needed"


def _deciders(expect: Expect, verdict: Verdict) -> str:
    able = {str(user.entity_ref) for user in verdict.approvers}
    if expect.deciders is None or expect.deciders == able:
        return ""
    return f"expected deciders {_listed(expect.deciders)}, but they are {_listed(able)}"


def _message(expect: Expect, verdict: Verdict) -> str:
    """No-break spaces are for pages; nobody types them."""
    if expect.message.replace(_NO_BREAK, " ") in verdict.message.replace(_NO_BREAK, " "):
        return ""
    return f"expected “{expect.message}” in the message, but it is “{verdict.message}”"


_COMPARED: dict[str, Callable[[Expect, Verdict], str]] = {
    "rule": _rule,
    "approvers": _approvers,
    "approvals": _approvals,
    "deciders": _deciders,
    "message": _message,
}


def _listed(refs: Iterable[str]) -> str:
    return ", ".join(sorted(refs)) or "nobody"
