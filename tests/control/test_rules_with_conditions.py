"""What rules ask besides who and what: conditions, a reason, a time to decide in; asked of every channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from control import approvals, intents, policy
from control.errors import InvalidParameters, PolicyInvalid, Refused
from control.models import Intent, PolicyRevision, State, User
from control.policy_yaml import read_documents
from control.reasons import linked
from control.rule_test_run import run
from control.rule_tests import read_tests
from tests.control.spine import Counting, wish

pytestmark = pytest.mark.django_db
Publish = Callable[[str], PolicyRevision]
RULE = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: counting}
spec:
  capabilities: [test.counting]
  subjects: [{kind: Group, name: support}]
  approval: {anyOf: [{owners: true}]}
"""
TICKET = """  reason: {ticket: "PAY-[0-9]+", hint: "Name the ticket, like PAY-12.", url: "https://tracker.example/{ticket}"}
"""


def when(*conditions: str) -> str:
    return RULE + "  when:\n" + "".join(f"    - {one}\n" for one in conditions)


def test_a_condition_that_is_not_met_refuses_and_says_what_the_rule_says(
    rules: Publish, maya: User, tomas: User
) -> None:
    rules(
        when(
            '{expression: \'environment == "production"\', title: In production, message: "Only in production."}'
        )
    )
    intent = intents.submit(wish(maya))
    explained = intent.decisions.get().explanation
    assert (intent.state, explained["message"]) == (State.DENIED, "Only in production.")
    assert explained["checks"][-1] == {"ok": False, "words": "In production", "others": "In production"}


def test_conditions_that_are_met_stand_among_the_reasons(rules: Publish, maya: User, tomas: User) -> None:
    rules(when("entity.kind == 'component'", "{expression: size(subject.groups) == 1, title: 'One team'}"))
    intent = intents.submit(wish(maya))
    assert intent.state == State.AWAITING_APPROVAL
    words = [check["words"] for check in intent.decisions.get().explanation["checks"]]
    assert words[-2:] == ["entity.kind == 'component'", "One team"]


def test_without_words_of_its_own_the_condition_is_the_refusal(
    rules: Publish, maya: User, tomas: User
) -> None:
    rules(when("entity.name == 'x'"))
    message = intents.submit(wish(maya)).decisions.get().explanation["message"]
    assert message == "counting does not allow it now. entity.name == 'x'."


def test_an_error_denies_that_rule_alone(rules: Publish, maya: User, tomas: User) -> None:
    broken = when("entity.labels.tier == 'x'")
    rules(broken)
    assert "there is no tier" in intents.submit(wish(maya)).decisions.get().explanation["message"]
    rules(broken + "---" + RULE.replace("name: counting", "name: other"))
    assert intents.submit(wish(maya)).decisions.get().rule == "other"


def test_conditions_are_asked_again_when_somebody_approves(rules: Publish, maya: User, tomas: User) -> None:
    rules(when("entity.name == 'payments'"))
    intent = intents.submit(wish(maya))
    rules(when("{expression: entity.name == 'other', message: 'Not any more.'}"))
    with pytest.raises(Refused, match="Not any more"):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)


@pytest.mark.parametrize(
    ("part", "line", "words"),
    [
        ("  when: entity.nmae == 'x'\n", 9, "when: there is no entity.nmae here"),
        ("  when: []\n", 9, "when must hold 1 to 20 conditions"),
        ("  when: [{expression: 'true', otherwise: x}]\n", 9, "otherwise is not a field here"),
        ("  when: [{title: x}]\n", 9, "spec.when.expression must be text"),
        ("  when: [\"'a' in onCall['nobody']\"]\n", 9, "there is no OnCall nobody"),
        ("  when: [{expression: 'true', title: 'It is {tme.clock}'}]\n", 9, "there is no tme.clock here"),
        ("  timeZone: Mars/Base\n", 9, "“Mars/Base” is not a time zone"),
        ("  reason: {ticket: '('}\n", 9, "ticket is not a pattern"),
        ("  reason: {ticket: 'A*'}\n", 9, "ticket matches an empty text"),
        ("  reason: {ticket: 'A-1', url: 'javascript:alert({ticket})'}\n", 9, "url must begin with https://"),
        (
            "  reason: {ticket: 'A-1', url: 'https://tracker.example/'}\n",
            9,
            "url must begin with https:// and hold",
        ),
        ("  reason: {url: 'https://tracker.example/{ticket}'}\n", 9, "ticket must say how one looks"),
        ("  decideWithin: 100d\n", 9, "longer than 90"),
    ],
)
def test_what_cannot_work_changes_nothing_and_is_told_with_its_line(
    rules: Publish, part: str, line: int, words: str
) -> None:
    before = rules(RULE)
    with pytest.raises(PolicyInvalid) as refusal:
        rules(RULE + part)
    assert words in str(refusal.value)
    assert f"line {line}: " in str(refusal.value)
    assert policy.in_force() == before


# Reasons


@pytest.mark.parametrize(
    ("reason", "is_taken"),
    [("PAY-12 refunds", True), ("see PAY-7.", True), ("refunds", False), ("pay-12", False), ("", False)],
)
def test_a_reason_without_its_ticket_is_refused_at_the_field_and_nothing_is_written(
    rules: Publish, maya: User, tomas: User, reason: str, is_taken: bool
) -> None:
    rules(RULE + TICKET)
    draft = wish(maya)
    if is_taken:
        assert intents.submit(replace(draft, reason=reason)).state == State.AWAITING_APPROVAL
        return
    with pytest.raises(InvalidParameters) as refusal:
        intents.submit(replace(draft, reason=reason))
    assert refusal.value.fields == {"reason": "Name the ticket, like PAY-12."}
    assert not Intent.objects.exists()


def test_a_rule_that_asks_for_less_counts_when_there_is_no_ticket(
    rules: Publish, maya: User, tomas: User
) -> None:
    at_once = (
        RULE.replace("name: counting", "name: at-once").replace("{anyOf: [{owners: true}]}", "none") + TICKET
    )
    rules(RULE + "---" + at_once)
    assert intents.submit(replace(wish(maya), reason="refunds")).decisions.get().rule == "counting"
    assert intents.submit(replace(wish(maya), reason="PAY-3")).decisions.get().rule == "at-once"


def test_the_ticket_is_a_link_on_the_page_and_nothing_else_is(
    rules: Publish, maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    rules(RULE + TICKET)
    intent = intents.submit(
        replace(wish(maya), reason="PAY-12 <script>alert(1)</script>\nhttps://evil.example")
    )
    page = client_for(tomas).get(f"/inbox/{intent.pk}/").content.decode()
    assert '<a href="https://tracker.example/PAY-12" rel="noopener noreferrer">PAY-12</a>' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>https://evil.example" in page
    assert 'href="https://evil.example' not in page


def test_what_a_ticket_holds_cannot_leave_its_place_in_the_address(
    rules: Publish, maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    rules(RULE + '  reason: {ticket: "T:[^ ]+", url: "https://tracker.example/{ticket}"}\n')
    intent = intents.submit(replace(wish(maya), reason='T:../../x?"onmouseover=1 now'))
    page = client_for(tomas).get(f"/inbox/{intent.pk}/").content.decode()
    assert 'href="https://tracker.example/T%3A..%2F..%2Fx%3F%22onmouseover%3D1"' in page


# Time to decide


def test_the_rule_says_how_long_a_request_may_wait(rules: Publish, maya: User, tomas: User) -> None:
    rules(RULE)
    usual = intents.submit(wish(maya))
    assert usual.decide_before - usual.requested_at == timedelta(days=7)
    rules(RULE + "  decideWithin: 24h\n")
    short = intents.submit(wish(maya))
    assert short.decide_before - short.requested_at == timedelta(hours=24)


# Rules with conditions in their own tests

RULE_TEST = """
apiVersion: portico.dev/v1
kind: RuleTest
metadata: {name: hours}
given:
  subject: {name: maya, groups: [support]}
  entity: {kind: Component, metadata: {name: payments}, spec: {owner: payments}}
  capability: test.counting
cases:
  - name: in hours
    given: {now: "2026-11-25T14:20:00+01:00"}
    expect: {verdict: needs_approval}
  - name: at night
    given: {now: "2026-11-25T23:20:00+01:00"}
    expect: {verdict: deny, message: "it is 23:20"}
"""


def test_a_rule_test_says_what_time_it_is(rules: Publish, capability: Counting, tmp_path: Path) -> None:
    found = policy.parsed(
        rules(when("{expression: 'time.hour < 18', title: Before six}") + "  timeZone: Europe/Berlin\n")
    )
    path = tmp_path / "tests.yaml"
    path.write_text(RULE_TEST)
    cases, problems = read_tests(list(read_documents(path, "tests.yaml")))
    assert not problems
    assert cases[0].given.now == datetime(2026, 11, 25, 13, 20, tzinfo=UTC)
    results = run(cases, found)
    assert [result.failures for result in results] == [(), ()]


def test_an_address_that_is_not_a_web_page_is_never_a_link() -> None:
    """What an older revision may have kept is not believed either."""
    assert list(linked("PAY-1", "PAY-[0-9]+", "javascript:alert('{ticket}')")) == [("PAY-1", "")]
