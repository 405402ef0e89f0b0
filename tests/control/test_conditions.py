"""Conditions of rules: checked when they are read, evaluated at each decision, errors count as not met."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control.conditions import NAMES, Circumstances, ConditionError, Sheet, condition
from control.zones import zone_named

AFTERNOON = datetime(2026, 11, 25, 13, 20, tzinfo=UTC)  # 14:20 in Berlin, a Wednesday
SERVICE: dict[str, Any] = {
    "kind": "Component",
    "metadata": {
        "labels": {"tier": "1", "odd": 3},
        "annotations": {"acme/data": "personal"},
        "tags": ["pii", 7],
    },
    "spec": {"type": "service", "replicas": 3, "huge": 2**70, "ports": [80, 443], "nothing": None},
}


def about(**changed: Any) -> Circumstances:
    base: dict[str, Any] = {
        "subject_ref": "user:default/maya.okafor",
        "groups": ("group:default/support",),
        "attributes": lambda: {"metadata": {"labels": {"clearance": "high"}}, "spec": {"level": 3}},
        "entity_ref": "component:default/payments",
        "owners": ("group:default/payments",),
        "document": lambda: SERVICE,
        "environment": "Production",
        "capability": "access.grant",
        "role": "logs",
        "duration": timedelta(hours=2),
        "reason": "PAY-12: refunds fail",
        "starts_at": None,
        "now": AFTERNOON,
        "on_call": {"payments": ["user:default/maya.okafor"]},
    }
    return Circumstances(**{**base, **changed})


@pytest.mark.parametrize(
    ("expression", "is_met"),
    [
        ('subject.ref == "user:default/maya.okafor"', True),
        ('"group:default/support" in subject.groups', True),
        ('subject.groups.exists(group, group.startsWith("group:finance/"))', False),
        ('subject.labels.clearance == "high"', True),
        ("subject.spec.level >= 3", True),
        ('entity.kind == "component" && entity.namespace == "default" && entity.name == "payments"', True),
        ('"group:default/payments" in entity.owners', True),
        ('entity.labels["tier"] == "1"', True),
        ("has(entity.labels.odd)", False),  # a label is text
        ('entity.annotations["acme/data"] == "personal"', True),
        ('"pii" in entity.tags && size(entity.tags) == 1', True),
        ('entity.spec.type == "service" && entity.spec.replicas > 2 && 443 in entity.spec.ports', True),
        ("entity.spec.huge > 1.0", True),  # larger than 64 bits
        ("entity.spec.nothing == null", True),
        ("has(entity.spec.owner) && entity.spec.owner == 'x'", False),
        ('environment == "production"', True),
        ('request.role == "logs" && request.capability == "access.grant"', True),
        ('request.duration <= duration("2h")', True),
        ('request.duration < duration("2h")', False),
        ('request.reason.matches("[A-Z]+-[0-9]+")', True),
        ("request.startsAt == now", True),
        ('now > timestamp("2026-11-25T13:00:00Z")', True),
        ('now.getHours("Europe/Berlin") == 14', True),
        ('time.clock >= "08:00" && time.clock < "18:00" && time.weekday <= 5', True),
        ('time.hour == 14 && time.date == "2026-11-25" && time.weekday == 3', True),
        ('subject.ref in onCall["payments"]', True),
        ("subject.ref in onCall.payments", True),
    ],
)
def test_what_a_condition_may_speak_of(expression: str, is_met: bool) -> None:
    met, words = condition(expression, zone="Europe/Berlin").looked_at(about())
    assert "cannot be answered" not in words
    assert met is is_met
    assert Sheet([condition(expression, zone="Europe/Berlin")]).of(about())(0) is is_met


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("entity.nmae == 'x'", "there is no entity.nmae here. Known: entity.ref, entity.kind"),
        ("enviroment == 'x'", "there is no enviroment here. Known: entity, environment, now"),
        ("environment == 3", "found no matching overload for '_==_' applied to '(string, int)'"),
        ("environment == 'x' &&\n  (", "(line 2, letter 4 of the expression)"),
        ("environment", "it must say yes or no"),
        ("entity.spec.enabled", "it must say yes or no"),  # of unknown type: compare it
        ("now.getHours('Mars/Base') == 1", "“Mars/Base” is not a time zone"),
        ("environment.matches('(')", "“(” is not a pattern"),
        ("true " + "&& true" * 300, "longer than 2,000 letters"),
        ("(" * 200 + "true" + ")" * 200, "recursion"),
    ],
)
def test_what_cannot_work_is_told_when_the_rule_is_read(expression: str, words: str) -> None:
    with pytest.raises(ConditionError) as refusal:
        condition(expression, zone="UTC")
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("entity.labels.team == 'x'", "cannot be answered here, there is no team."),
        ("onCall['nobody'].size() > 0", "there is no nobody."),
        ("entity.spec.type == 'x' || 1 / entity.spec.zero == 1", "there is no zero."),
        ("1 / (size(entity.tags) - 1) == 1", "divide by zero"),
        ("now.getHours(entity.name) == 1", "Invalid timezone"),
    ],
)
def test_what_cannot_be_answered_is_not_met_and_says_why(expression: str, words: str) -> None:
    met, said = condition(expression, zone="UTC").looked_at(about())
    assert met is False
    assert words in said
    assert Sheet([condition(expression, zone="UTC")]).of(about())(0) is False


def test_a_condition_that_would_run_for_ever_is_stopped() -> None:
    digits = f"[{','.join('0123456789')}]"
    nested = "".join(f"{digits}.all({name}," for name in "abcdefgh") + "a + h >= 0" + ")" * 8
    started = time.perf_counter()
    met, words = condition(nested, zone="UTC").looked_at(about())
    assert met is False
    assert "it goes through too many entries" in words
    assert time.perf_counter() - started < 2


def test_patterns_take_linear_time() -> None:
    slow = condition(r"request.reason.matches('^(a+)+$')", zone="UTC")
    started = time.perf_counter()
    assert slow.looked_at(about(reason="a" * 2_000 + "!"))[0] is False
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Between 08:00 and 18:00", "Between 08:00 and 18:00: it is 14:20"),
        ("In hours ({time.clock}, day {time.weekday})", "In hours (14:20, day 3)"),
        ("Tier is {entity.labels.nope}, hours", "Tier is unknown, hours"),
        ("", 'time.clock >= "08:00" && time.clock < "18:00": it is 14:20'),
    ],
)
def test_the_words_show_what_was_looked_at(title: str, words: str) -> None:
    hours = condition('time.clock >= "08:00" && time.clock < "18:00"', title=title, zone="Europe/Berlin")
    assert hours.looked_at(about()) == (True, words)


def test_the_time_of_day_follows_the_clocks_of_the_zone() -> None:
    """07:30 in UTC is 08:30 in Berlin in winter and 09:30 in summer."""
    hours = condition('time.clock >= "09:00"', zone="Europe/Berlin")
    assert hours.looked_at(about(now=datetime(2026, 1, 14, 7, 30, tzinfo=UTC)))[0] is False
    assert hours.looked_at(about(now=datetime(2026, 7, 15, 7, 30, tzinfo=UTC)))[0] is True


def test_what_hangs_on_a_reason_is_open_until_one_is_given() -> None:
    names_a_ticket = condition('request.reason.contains("PAY-")', title="For a ticket", zone="UTC")
    assert names_a_ticket.looked_at(about(reason=None)) == (
        None,
        "For a ticket: depends on the reason that you give",
    )
    assert names_a_ticket.looked_at(about(reason=""))[0] is False
    assert Sheet([names_a_ticket]).of(about(reason=None))(0) is None


def test_documents_are_read_only_when_a_condition_speaks_of_them() -> None:
    def refuse() -> Mapping[str, Any]:
        raise AssertionError("nobody asked for it")

    one = about(document=refuse, attributes=refuse)
    assert condition('entity.kind == "component" && environment != ""', zone="UTC").looked_at(one)[0]
    with pytest.raises(AssertionError):
        condition('entity.spec.type == "service"', zone="UTC").looked_at(one)


@pytest.mark.parametrize(
    "document", [{}, {"metadata": [], "spec": "text"}, {"metadata": {"labels": 3, "tags": "x"}}]
)
def test_documents_of_any_shape_are_only_empty(document: dict[str, Any]) -> None:
    empty = condition("size(entity.labels) + size(entity.tags) + size(entity.spec) == 0", zone="UTC")
    assert empty.looked_at(about(document=lambda: document))[0] is True


def test_every_name_has_a_value() -> None:
    """A name that is declared but never given would be unknown at each decision."""
    assert about().values(frozenset(NAMES), zone_named("UTC")).keys() == NAMES.keys()


def test_evaluating_is_quick_enough_to_be_asked_of_every_rule() -> None:
    one = about()
    ready = condition('entity.kind == "component" && time.hour < 20', title="Now", zone="UTC")
    ready.looked_at(one)
    started = time.perf_counter()
    for _ in range(200):
        ready.looked_at(one)
    assert (time.perf_counter() - started) / 200 < 0.001
