"""Looking at many rules at once gives the verdict that looking at each of them, with all its words, would give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from control import filters
from control.capability import ACCESS, Ask
from control.conditions import condition
from control.decide import Asked, Verdict, decide, judge
from control.deciders import Named, People
from control.matching import Match, Moment, Question, Requester, match_of
from control.models import PolicyRevision, User
from control.policy import parsed
from control.policy_documents import (
    AccessRule,
    Approval,
    BreakGlass,
    Deciders,
    Extensions,
    Part,
    PolicySet,
    ReasonRule,
    Scope,
    Stage,
    Tier,
    Who,
)
from control.subjects import Subject
from tests.control.test_decide import PAYMENTS, ROLES, rule

Publish = Callable[[str], PolicyRevision]
HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MEMBERS = {
    "group:default/few": (User(pk=2, username="b"),),
    "group:default/many": (User(pk=2, username="b"), User(pk=3, username="c"), User(pk=4, username="d")),
}
SUBJECT = Subject(
    ref="component:default/payments",
    title="payments",
    owner_refs=("group:default/many",),
    terms=frozenset({"kind", "kind=component", "spec.type=service"}),
    document=lambda: {"metadata": {"labels": {"tier": "gold"}}, "spec": {"type": "service"}},
)
EXPRESSIONS = [
    'entity.kind == "component"',
    'entity.kind == "api"',
    'entity.labels.tier == "gold"',
    'entity.labels.nothing == "gold"',  # cannot be answered
    'request.reason == "why"',  # not known yet where no reason is given
    'request.duration <= duration("2h")',
    "time.hour == 12",
    'subject.spec.level == "senior"',
]
_ZONES = st.sampled_from(["UTC", "Europe/Berlin"])


def _or_none(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, *values])


def _approval(count: int, *tiers: Deciders) -> Approval:
    waits = [timedelta(0), HOUR]
    parts = (Part(count, tuple(map(Tier, waits, tiers))),)
    return Approval((Stage("", parts),))


_FEW, _MANY, _GONE = (
    Deciders(named=(Who("group", f"group:default/{name}"),)) for name in ("few", "many", "gone")
)
_RULES = st.lists(
    st.builds(
        AccessRule,
        name=st.uuids().map(str),
        title=st.just(""),
        description=st.just(""),
        roles=st.sampled_from([frozenset({"logs"}), frozenset({"logs", "shell"}), frozenset({"shell"})]),
        capabilities=st.just(frozenset()),
        subjects=st.sampled_from(
            [
                (Who("everyone"),),
                (Who("group", "group:default/support"), Who("group", "group:default/few")),
                (Who("group", "group:default/few"),),
                (Who("user", "user:default/maya"),),
            ]
        ),
        scope=st.builds(
            Scope,
            entities=_or_none(filters.parse("kind=component"), filters.parse("kind=api")),
            environments=_or_none(frozenset({"production"}), frozenset({"staging"})),
        ),
        max_duration=_or_none(HOUR, 4 * HOUR),
        default_duration=st.none(),
        approval=st.sampled_from(
            [
                Approval(),
                _approval(1, _FEW),
                _approval(1, _GONE),
                _approval(2, _FEW),
                _approval(2, _MANY),
                _approval(2, _FEW, _MANY),
                _approval(3, Deciders(owners=True)),
            ]
        ),
        when=st.lists(
            st.builds(lambda *args: condition(args[0], zone=args[1]), st.sampled_from(EXPRESSIONS), _ZONES),
            max_size=3,
        ).map(tuple),
        reason=st.sampled_from([ReasonRule(), ReasonRule(is_required=True), ReasonRule(True, "PAY-[0-9]+")]),
        start_within=st.sampled_from([timedelta(0), HOUR]),
        extensions=_or_none(Extensions(1), Extensions(1, 4 * HOUR)),
        break_glass=_or_none(BreakGlass(HOUR, HOUR)),
    ),
    max_size=8,
)
_ASKS = st.builds(
    Ask,
    capability=st.just(ACCESS),
    role=st.sampled_from(["logs", "shell"]),
    duration=_or_none(HOUR, 3 * HOUR),
    reason=_or_none("", "why", "PAY-7"),
    starts_in=st.sampled_from([timedelta(0), 2 * HOUR]),
    windows_before=st.sampled_from([0, 1, 2]),
    total=_or_none(3 * HOUR, 5 * HOUR),
    breaks_glass=st.sampled_from([False, False, True]),
)  # fmt: skip
MAYA = Requester("Maya", "user:default/maya", frozenset({"group:default/support"}))


def _read(named: Iterable[Named]) -> People:
    refs = {ref for one in named for ref in one.refs}
    return People(User(pk=1, username="a"), {ref: MEMBERS[ref] for ref in refs & MEMBERS.keys()})


def _judged(found: PolicySet, ask: Ask) -> Verdict:
    asked = [Asked(ask, "production")]
    return judge(found, MAYA, SUBJECT, asked, read=_read, now=lambda: NOON)[0]


def _plainly(rules: list[AccessRule], ask: Ask) -> Verdict:
    """Every rule is looked at with all its words, and the one that counts is then judged alone."""
    question = Question(MAYA, SUBJECT, ask, "production", lambda: Moment(NOON, {}))
    offered = [one for one in rules if ask.role in one.roles]
    if ask.breaks_glass:
        offered = [emergency for one in offered if (emergency := one.in_emergency)]
    matches = [match_of(one, question) for one in offered]
    holding = sorted(
        (one for one in matches if all(check.ok is not False for check in one.checks)), key=_demand
    )
    by_name = {one.name: one for one in rules}
    alone = [_judged(PolicySet([], rules=[by_name[one.rule.name]]), ask) for one in holding]
    if alone:
        return next((verdict for verdict in alone if not verdict.is_refused), alone[0])
    nearest = [by_name[max(matches, key=_nearness).rule.name]] if matches else []
    return _judged(PolicySet([], rules=nearest), ask)


def _demand(match: Match) -> tuple[int, float, str]:
    longest = match.rule.max_duration or timedelta(0)
    return match.rule.approval.count, -longest.total_seconds(), match.rule.name


def _nearness(match: Match) -> tuple[int, int]:
    met = [check.ok is True for check in match.checks]
    return sum(met), [*met, False].index(False)


def _check(rules: list[AccessRule], ask: Ask) -> None:
    assert _judged(PolicySet([], rules=rules), ask) == _plainly(rules, ask)


@settings(max_examples=25, deadline=None)
@given(_RULES, _ASKS)
def test_the_verdict_is_that_of_looking_at_every_rule_by_itself(rules: list[AccessRule], ask: Ask) -> None:
    _check(rules, ask)


@pytest.mark.slow
@settings(max_examples=1_500, deadline=None)
@given(_RULES, _ASKS)
def test_it_is_so_of_very_many_sets(rules: list[AccessRule], ask: Ask) -> None:
    _check(rules, ask)


def _rule(name: str, **fields: Any) -> AccessRule:
    base: dict[str, Any] = {
        "title": "",
        "description": "",
        "roles": frozenset({"logs"}),
        "capabilities": frozenset(),
        "subjects": (Who("everyone"),),
        "scope": Scope(),
        "max_duration": HOUR,
        "default_duration": None,
        "approval": Approval(),
    }
    return AccessRule(name=name, **{**base, **fields})


def test_conditions_that_read_alike_in_two_zones_are_two() -> None:
    expression = "time.hour == 12"
    berlin, utc = (_rule(zone, when=(condition(expression, zone=zone),)) for zone in ("Europe/Berlin", "UTC"))
    assert _judged(PolicySet([], rules=[berlin, utc]), Ask(ACCESS, "logs", HOUR)).rule == "UTC"


def test_what_is_not_known_yet_counts_as_the_first_that_is_not_met() -> None:
    """Of two rules with as many conditions met, the one whose others come later is nearer."""
    reason = ReasonRule(is_required=True)
    early = _rule(
        "early", reason=reason, when=(condition("false", zone="UTC"), condition("true", zone="UTC"))
    )
    late = _rule("late", when=(condition("true", zone="UTC"), condition("false", zone="UTC")))
    assert _judged(PolicySet([], rules=[early, late]), Ask(ACCESS, "logs", HOUR)).rule == "late"


@pytest.mark.django_db
def test_a_document_that_cannot_be_read_refuses_also_where_an_easier_rule_holds(
    maya: User, rules: Publish
) -> None:
    """Whether that one would have spoken against it nobody can say, and errors refuse."""

    def broken() -> Mapping[str, Any]:
        raise LookupError("gone")

    subject = Subject(ref=PAYMENTS.ref, title="payments", terms=PAYMENTS.terms, document=broken)
    ask = Ask("access.grant", "logs", HOUR)
    reading = "['entity.labels.tier == \"gold\"']"
    rules(ROLES + rule("easy", approval="none") + rule("other", environments="[staging]", when=reading))
    assert decide(actor=maya, subject=subject, ask=ask, environment="production").is_allowed
    rules(ROLES + rule("easy", approval="none") + rule("same", when=reading))
    verdict = decide(actor=maya, subject=subject, ask=ask, environment="production")
    assert verdict.is_refused
    assert "could not be read, so nothing is allowed" in verdict.message


@pytest.mark.django_db
@pytest.mark.parametrize("others", [1, 12])
def test_people_are_read_once_more_for_all_rules_after_the_first(
    maya: User, tomas: User, rules: Publish, others: int
) -> None:
    nobody = "{anyOf: [{kind: Group, name: nobody-%d}]}"
    rules(
        ROLES
        + "".join(rule(f"rule-{number:02}", approval=nobody % number) for number in range(others))
        + rule("rule-99", approval="{anyOf: [{kind: Group, name: payments}]}")
    )
    ask = Ask("access.grant", "logs", HOUR)
    decide(actor=maya, subject=PAYMENTS, ask=ask, environment="production")
    with CaptureQueriesContext(connection) as queries:
        verdict = decide(actor=maya, subject=PAYMENTS, ask=ask, environment="production")
    assert verdict.rule == "rule-99"
    statements = [str(query["sql"]) for query in queries]
    people = [sql for sql in statements if "entity_ref" in sql and "IN (" in sql]
    assert len(people) == 2, people


@pytest.mark.django_db
def test_what_no_rule_offers_leaves_nothing_behind(maya: User, rules: Publish) -> None:
    """Its name is whatever somebody typed."""
    revision = rules(ROLES + rule("a", approval="none"))
    for number in range(3):
        ask = Ask("access.grant", f"made-up-{number}", HOUR)
        assert decide(actor=maya, subject=PAYMENTS, ask=ask, environment="production").is_refused
    assert not parsed(revision).shortlists
    decide(actor=maya, subject=PAYMENTS, ask=Ask("access.grant", "logs", HOUR), environment="production")
    assert len(parsed(revision).shortlists) == 1
