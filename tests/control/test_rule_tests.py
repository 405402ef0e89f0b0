"""Tests of rules: read with file and line, run without any rows, and a set is refused when its own tests fail."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from control import policy
from control.errors import PolicyInvalid
from tests import factories
from tests.control.test_policy import ROLE, RULE, write

GIVEN = """\
apiVersion: portico.dev/v1
kind: RuleTest
metadata: {name: support-reads-logs}
given:
  subject: {name: maya, groups: [support]}
  entity: {kind: Component, metadata: {name: payments}, spec: {owner: payments}}
  environment: production
  role: logs
  duration: 2h
"""
PASSES = GIVEN + "expect: {verdict: needs_approval, rule: logs, approvers: [payments], message: 2 h}\n"


def run_tests(folder: Path, *documents: str) -> str:
    """What the command says; a failure is at the end."""
    said = StringIO()
    try:
        call_command("rules", "test", str(write(folder, ROLE, RULE, *documents)), stdout=said, no_color=True)
    except CommandError as refusal:
        said.write(str(refusal))
    return said.getvalue()


def expecting(expect: str, **changed: str) -> str:
    text = GIVEN
    for before, after in changed.items():
        text = text.replace(f"  {before}:", f"  {after}\n  #")
    return f"{text}expect:\n{expect}"


def test_a_rule_test_passes_without_any_row(tmp_path: Path) -> None:
    said = run_tests(tmp_path, PASSES)
    assert "  ok   support-reads-logs\n1 rule test passed." in said


@pytest.mark.parametrize(
    ("expect", "line", "words"),
    [
        (
            "  verdict: allow\n",
            11,
            "expected allow, but the rules say needs_approval by logs: “One of the payments",
        ),
        ("  verdict: needs_approval\n  approvers: [support]\n", 12, "but they are group:default/payments"),
        ("  verdict: needs_approval\n  approvals: 2\n", 12, "expected 2 approvals, but 1 are needed"),
        (
            "  verdict: needs_approval\n  message: at once\n",
            12,
            "expected “at once” in the message, but it is",
        ),
        ("  verdict: needs_approval\n  rule: lags\n", 12, "there is no rule lags in this set"),
    ],
)
def test_a_failure_names_the_line_that_expects_it(tmp_path: Path, expect: str, line: int, words: str) -> None:
    said = run_tests(tmp_path, expecting(expect))
    at = ROLE.count("\n") + RULE.count("\n") + 2 + line
    assert f"rules.yaml, line {at}: " in said
    assert words in said
    assert said.endswith("1 of 1 rule test failed.")


def test_a_failure_says_which_conditions_were_met(tmp_path: Path) -> None:
    said = run_tests(tmp_path, expecting("  verdict: allow\n"))
    assert "       met: maya is in group:default/support" in said


@pytest.mark.parametrize(
    ("field", "instead", "words"),
    [
        ("role", "role: lugs", "there is no Role lugs. Roles of this set: logs."),
        ("role", "capability: scafolder.run", "there is no capability scafolder.run"),
    ],
)
def test_a_slip_of_the_pen_does_not_pass_for_a_denial(
    tmp_path: Path, field: str, instead: str, words: str
) -> None:
    text = expecting("  verdict: deny\n", **{field: instead})
    said = run_tests(tmp_path, text.replace("  duration: 2h\n", "") if "capability" in instead else text)
    assert words in said
    assert "failed." in said


def test_only_the_people_of_the_test_decide(tmp_path: Path) -> None:
    people = "people: [{name: maya, groups: [payments]}]\n  role: logs"
    alone = expecting("  verdict: deny\n  message: you are the only one\n", role=people)
    alone = alone.replace("groups: [support]", "groups: [support, payments]")
    assert "1 rule test passed." in run_tests(tmp_path, alone)
    other = people.replace("[{name: maya", "[{name: tomas")
    assert "1 rule test passed." in run_tests(
        tmp_path, expecting("  verdict: needs_approval\n  deciders: [tomas]\n", role=other)
    )


def test_cases_share_what_is_given_and_may_say_otherwise(tmp_path: Path) -> None:
    cases = (
        "cases:\n  - name: in time\n    expect: {verdict: needs_approval}\n"
        "  - name: too long\n    given: {duration: 5h}\n    expect: {verdict: deny, message: Ask for 4 h or less.}\n"
    )
    said = run_tests(tmp_path, GIVEN + cases)
    assert (
        "ok   support-reads-logs: in time\n  ok   support-reads-logs: too long\n2 rule tests passed." in said
    )


def test_relations_follow_from_the_document_as_in_the_catalogue(tmp_path: Path) -> None:
    rule = RULE.replace("kind=component", "relations.partOf=system:default/shop,metadata.namespace=default")
    text = PASSES.replace("spec: {owner", "spec: {system: shop, owner")
    policy.load([write(tmp_path, ROLE, rule, text)])
    listed = PASSES.replace("spec:", "relations: [{type: partOf, targetRef: 'system:shop'}], spec:")
    policy.load([write(tmp_path, ROLE, rule, listed)])
    with pytest.raises(PolicyInvalid, match="No rule offers this on payments"):
        policy.load([write(tmp_path, ROLE, rule, PASSES)])


def test_an_emergency_is_tested_like_any_other_request(tmp_path: Path) -> None:
    rule = RULE.replace("  approval:", "  breakGlass: {maxDuration: 2h}\n  approval:")
    broken = PASSES.replace("  duration: 2h\n", "  duration: 2h\n  breakGlass: true\n")
    allowed = broken.replace(
        "{verdict: needs_approval, rule: logs, approvers: [payments], message: 2 h}", "{verdict: allow}"
    )
    policy.load([write(tmp_path, ROLE, rule, allowed)])
    with pytest.raises(PolicyInvalid, match="No rule lets anybody break the glass"):
        policy.load([write(tmp_path, ROLE, RULE, allowed)])


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("subject:", "subjct:", 5, "subjct is not a field here. Known: subject, people, entity"),
        ("  role: logs\n", "", 1, "given names either a role or a capability"),
        ("duration: 2h", "duration: soon", 9, "“soon” is not a length of time"),
        ("kind: Component, ", "", 6, "given.entity: an entity needs kind and metadata.name"),
        (
            "{kind: Component, metadata: {name: payments}, spec: {owner: payments}}",
            "payments",
            6,
            "a reference like",
        ),
        ("owner: payments", "owner: 'a/'", 6, "given.entity: spec.owner: “a/” is not a reference"),
        ("name: maya", "kind: Group, name: maya", 5, "kind must be User"),
        (
            "verdict: needs_approval",
            "verdict: maybe",
            10,
            "verdict must be one of allow, deny, needs_approval",
        ),
        ("role: logs", "breakGlass: perhaps", 8, "breakGlass must be true or false"),
        ("rule: logs", "deciders: [tomas]", 10, "deciders are people of `given.people`"),
        ("name: support-reads-logs", "name: a b", 3, "a b is no name"),
    ],
)
def test_a_mistake_in_a_test_is_told_with_its_line(
    tmp_path: Path, before: str, after: str, line: int, words: str
) -> None:
    assert before in PASSES
    with pytest.raises(PolicyInvalid) as refusal:
        policy.load([write(tmp_path, PASSES.replace(before, after, 1))])
    assert any(at == line and words in said for _, at, said in refusal.value.problems), refusal.value.problems


@pytest.mark.django_db
def test_a_set_whose_own_tests_fail_leaves_the_rules_before_in_force(tmp_path: Path) -> None:
    good = policy.publish([write(tmp_path, ROLE, RULE, PASSES)], by=None)
    with pytest.raises(
        PolicyInvalid, match=r"line \d+: rule test “support-reads-logs” fails: expected needs_"
    ):
        policy.publish([write(tmp_path, ROLE, RULE.replace("4h", "1h"), PASSES)], by=None)
    assert policy.in_force() == good


@pytest.mark.django_db
def test_tests_are_no_rules_so_changing_them_makes_no_revision(tmp_path: Path) -> None:
    first = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    assert policy.publish([write(tmp_path, ROLE, RULE, PASSES)], by=None) == first
    assert len(policy.parsed(first).documents) == 2


@pytest.mark.django_db
def test_an_entity_of_the_catalogue_is_looked_up_and_does_not_keep_rules_from_loading(tmp_path: Path) -> None:
    by_name = PASSES.replace(
        "{kind: Component, metadata: {name: payments}, spec: {owner: payments}}", "component:payments"
    )
    assert "the catalogue has no component:default/payments. Describe the entity" in run_tests(
        tmp_path, by_name
    )
    assert policy.publish([write(tmp_path, ROLE, RULE, by_name)], by=None) == policy.in_force()
    factories.entity("component:default/payments", owner_ref="group:default/payments")
    assert "1 rule test passed." in run_tests(tmp_path, by_name)


@pytest.mark.django_db
def test_tests_alone_are_run_against_the_rules_in_force(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No rules are in force to test against"):
        call_command("rules", "test", str(write(tmp_path, PASSES)))
    revision = policy.publish([write(tmp_path, ROLE, RULE, name="rules-only.yaml")], by=None)
    said = StringIO()
    call_command("rules", "test", str(write(tmp_path, PASSES, name="tests.yaml")), stdout=said)
    assert f"Against the rules in force, {revision.short}." in said.getvalue()


def test_rules_that_no_test_comes_out_by_are_named(tmp_path: Path) -> None:
    other = RULE.replace("{name: logs}", "{name: night-logs}")
    assert "No test comes out by night-logs." in run_tests(tmp_path, other, PASSES)


def test_the_report_for_ci_holds_failures_with_their_place(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    path = write(
        tmp_path, ROLE, RULE, PASSES, expecting("  verdict: allow\n").replace("support-reads", "bad")
    )
    with pytest.raises(CommandError):
        call_command("rules", "test", str(path), "--junit", str(report), "--quiet", stdout=StringIO())
    root = Xml.parse(report).getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    (case,) = root.findall("testsuite[@name='bad-logs']/testcase")
    assert case.get("file") == str(path)
    assert (case.findtext("failure") or "").startswith(f"{path}, line ")


def test_the_tests_of_the_demo_pass_and_reach_every_rule_but_twins() -> None:
    said = StringIO()
    call_command("rules", "test", str(settings.BASE_DIR / "demo" / "policy"), "--quiet", stdout=said)
    passed, missing = said.getvalue().splitlines()
    assert passed.endswith("rule tests passed.")
    assert all("staging-shell-" in name for name in missing.split(" by ")[1].split(","))
