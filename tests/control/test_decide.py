"""What the rules say: default no, deny wins, each rule for itself, the least demanding one counts, errors refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from control.capability import Ask
from control.decide import Asked, Verdict, decide, decide_all, standing
from control.models import PolicyRevision, User
from control.subjects import Subject
from tests import factories

pytestmark = pytest.mark.django_db
Publish = Callable[[str], PolicyRevision]
PAYMENTS = Subject(
    ref="component:default/payments",
    title="payments",
    owner_refs=("group:default/payments",),
    terms=frozenset({"kind", "kind=component", "spec.type", "spec.type=service"}),
)
ROLES = """
apiVersion: portico.dev/v1
kind: Role
metadata: {name: logs, title: Logs}
rules: [{resources: [logs], verbs: [read]}]
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: shell, title: Shell}
rules: [{resources: [shell], verbs: [open]}]
"""


def rule(name: str, **changed: str) -> str:
    parts = {
        "roles": "[logs]",
        "subjects": "[{kind: Group, name: support}]",
        "entities": '"kind=component"',
        "environments": "[production]",
        "maxDuration": "4h",
        "approval": "{anyOf: [{owners: true}]}",
        **changed,
    }
    spec = "\n".join(f"  {key}: {value}" for key, value in parts.items() if value)
    return f"---\napiVersion: portico.dev/v1\nkind: AccessRule\nmetadata: {{name: {name}}}\nspec:\n{spec}\n"


def deny(name: str = "no-support", **changed: str) -> str:
    parts = {
        "subjects": "[{kind: Group, name: support}]",
        "roles": '["*"]',
        "message": "Not for support.",
        **changed,
    }
    spec = "\n".join(f"  {key}: {value}" for key, value in parts.items() if value)
    return f"---\napiVersion: portico.dev/v1\nkind: DenyRule\nmetadata: {{name: {name}}}\nspec:\n{spec}\n"


def binding(**changed: str) -> str:
    parts = {"subjects": "[{kind: Group, name: support}]", "environments": "[production]", **changed}
    return (
        "---\napiVersion: portico.dev/v1\nkind: RoleBinding\nmetadata: {name: always}\n"
        f"subjects: {parts['subjects']}\nroleRef: {{kind: Role, name: logs}}\n"
        f"spec: {{environments: {parts['environments']}}}\n"
    )


def asked(
    actor: User,
    hours: float = 1,
    *,
    role: str = "logs",
    environment: str = "production",
    subject: Subject = PAYMENTS,
) -> Verdict:
    ask = Ask("access.grant", role, timedelta(hours=hours))
    return decide(actor=actor, subject=subject, ask=ask, environment=environment)


def test_without_rules_everything_is_refused(maya: User) -> None:
    assert asked(maya).message == "No rules are in force, so nothing is allowed. Ask the platform team."


def test_what_no_rule_offers_is_refused(maya: User, tomas: User, rules: Publish) -> None:
    rules(ROLES + rule("a"))
    verdict = asked(maya, role="shell")
    assert (verdict.verdict, verdict.message) == (
        "deny",
        "No rule offers shell. Ask the platform team if you need it.",
    )


def test_a_rule_that_matches_names_who_must_agree(
    maya: User, tomas: User, ines: User, rules: Publish
) -> None:
    rules(ROLES + rule("logs-of-service"))
    verdict = asked(maya, 4)
    assert verdict.verdict == "needs_approval"
    assert verdict.message == "One of the payments owners must agree. Then you have 4\u00a0h."
    assert verdict.rule == "logs-of-service"
    assert [who.label for who in verdict.approvers] == ["Ines Duarte", "Tomas Lind"]
    assert verdict.approver_groups == ("group:default/payments",)
    assert [check.words for check in verdict.checks] == [
        "You are in group:default/support",
        "payments matches kind=component",
        "The rule covers production",
        "4\u00a0h is within the limit of 4\u00a0h",
    ]
    assert verdict.checks[0].others == "Maya Okafor is in group:default/support"


@pytest.mark.parametrize(
    ("changed", "message", "failed"),
    [
        (
            {"subjects": "[{kind: Group, name: platform}]"},
            "a is for the group platform, and you are not in it",
            "who",
        ),
        ({"entities": '"kind=resource"'}, "No rule offers this on payments.", "entity"),
        ({"environments": "[staging]"}, "a covers staging only. Choose staging.", "environment"),
        ({"maxDuration": "30m"}, "1\u00a0h is more than a allows. Ask for 30\u00a0min or less.", "duration"),
    ],
)
def test_the_condition_that_fails_is_told_with_the_way_out(
    maya: User, tomas: User, rules: Publish, changed: dict[str, str], message: str, failed: str
) -> None:
    rules(ROLES + rule("a", **changed))
    verdict = asked(maya)
    assert verdict.is_refused
    assert message in verdict.message
    assert verdict.failed_about == failed


def test_of_the_rules_that_fail_the_nearest_is_told(maya: User, tomas: User, rules: Publish) -> None:
    rules(
        ROLES
        + rule("far", subjects="[{kind: Group, name: platform}]", environments="[staging]")
        + rule("near")
    )
    assert asked(maya, 5).rule == "near"


def test_conditions_of_two_rules_are_never_mixed(maya: User, tomas: User, rules: Publish) -> None:
    """One rule allows her an hour, the other allows others a day: nobody allows her a day."""
    rules(
        ROLES
        + rule("hers", maxDuration="1h", approval="none")
        + rule("theirs", subjects="[{kind: Group, name: platform}]", maxDuration="1d", approval="none")
        + rule("elsewhere", entities='"kind=resource"', maxDuration="1d", approval="none")
    )
    assert asked(maya, 1).is_allowed
    assert asked(maya, 8).is_refused


def test_the_longer_time_of_a_demanding_rule_does_not_come_with_the_ease_of_another(
    maya: User, tomas: User, rules: Publish
) -> None:
    rules(ROLES + rule("easy", maxDuration="1h", approval="none") + rule("asked", maxDuration="8h"))
    assert asked(maya, 1).rule == "easy"
    long = asked(maya, 8)
    assert (long.rule, long.verdict) == ("asked", "needs_approval")


def test_of_matching_rules_the_least_demanding_counts(
    maya: User, tomas: User, ines: User, rules: Publish
) -> None:
    two, one = rule("two", approval="{anyOf: [{owners: true}], count: 2}"), rule("one")
    rules(ROLES + two + one)
    assert asked(maya).rule == "one"
    rules(ROLES + two + one + rule("none", approval="none"))
    assert asked(maya).rule == "none"


def test_a_rule_that_nobody_can_act_on_gives_way_to_one_that_somebody_can(
    maya: User, tomas: User, rules: Publish
) -> None:
    empty = rule("empty", approval="{anyOf: [{kind: Group, name: nobody-there}]}")
    rules(ROLES + empty + rule("owners"))
    assert asked(maya).rule == "owners"


@pytest.mark.parametrize(
    ("changed", "is_denied"),
    [
        ({}, True),
        ({"roles": "[logs]"}, True),
        ({"roles": "[shell]"}, False),
        ({"roles": "", "capabilities": "[access.grant]"}, True),
        ({"roles": "", "capabilities": "[scaffolder.run]"}, False),
        ({"subjects": "[{kind: Everyone}]"}, True),
        ({"subjects": "[{kind: Group, name: platform}]"}, False),
        ({"subjects": "[{kind: User, name: maya.okafor}]"}, True),
        ({"environments": "[staging]"}, False),
        ({"entities": '"spec.type=website"'}, False),
        ({"entities": '"spec.type=service"'}, True),
    ],
)
def test_a_deny_rule_overrides_every_allowance_it_speaks_of(
    maya: User, tomas: User, rules: Publish, changed: dict[str, str], is_denied: bool
) -> None:
    rules(ROLES + rule("free", approval="none") + deny(**changed))
    verdict = asked(maya)
    assert verdict.is_refused is is_denied
    if is_denied:
        assert (verdict.message, verdict.rule) == ("Not for support.", "no-support")


# Who can decide


def test_nobody_decides_their_own_request(tomas: User, rules: Publish) -> None:
    rules(ROLES + rule("a", subjects="[{kind: Everyone}]"))
    verdict = asked(tomas)
    assert verdict.is_refused
    assert verdict.message == (
        "Nobody can approve this: you are the only one in the group payments. Ask the platform team."
    )


def test_a_second_account_and_an_agent_do_not_decide(maya: User, rules: Publish) -> None:
    factories.user("maya.second", email=maya.email, groups=["group:default/payments"])
    factories.user("mayas-agent", acts_for=maya, groups=["group:default/payments"])
    rules(ROLES + rule("a"))
    assert asked(maya).is_refused


def test_somebody_elses_agent_does_not_decide_either(maya: User, tomas: User, rules: Publish) -> None:
    factories.user("toms-agent", acts_for=tomas, groups=["group:default/payments"])
    rules(ROLES + rule("a"))
    assert [who.pk for who in asked(maya).approvers] == [tomas.pk]


def test_a_closed_account_does_not_decide(maya: User, tomas: User, rules: Publish) -> None:
    User.objects.filter(pk=tomas.pk).update(is_active=False)
    rules(ROLES + rule("a"))
    assert "the group payments has no members" in asked(maya).message


def test_an_empty_group_means_nobody_and_never_everybody(maya: User, rules: Publish) -> None:
    rules(ROLES + rule("a"))
    assert asked(maya).message == (
        "Nobody can approve this: the group payments has no members. Ask the platform team."
    )


def test_without_an_owner_nobody_decides_for_the_owners(maya: User, tomas: User, rules: Publish) -> None:
    rules(ROLES + rule("a"))
    orphan = Subject(PAYMENTS.ref, "payments", (), PAYMENTS.terms)
    assert asked(maya, subject=orphan).message == (
        "Nobody can approve this: payments has no known owner. Ask the platform team."
    )


def test_two_must_agree_and_one_alone_is_not_enough(maya: User, tomas: User, rules: Publish) -> None:
    rules(ROLES + rule("a", approval="{anyOf: [{owners: true}], count: 2}"))
    assert asked(maya).message == (
        "Too few people can approve this: 2 must agree, only Tomas Lind can. Ask the platform team."
    )


def test_a_group_whose_name_only_ends_alike_is_another_group(maya: User, rules: Publish) -> None:
    factories.user("other.one", groups=["group:finance/payments", "payments", "group:default/payments-eu"])
    rules(ROLES + rule("a"))
    assert asked(maya).is_refused


def test_people_can_be_named_one_by_one(maya: User, root_admin: User, rules: Publish) -> None:
    rules(ROLES + rule("a", approval="{anyOf: [{kind: User, name: root.admin}]}"))
    verdict = asked(maya)
    assert verdict.message == "Root Admin must agree. Then you have 1\u00a0h."
    assert verdict.approver_users == ("user:default/root.admin",)


# Standing, closed accounts, errors


def test_what_is_held_standing_need_not_be_asked_for(maya: User, rules: Publish) -> None:
    rules(ROLES + binding() + rule("a", approval="none"))
    verdict = asked(maya)
    assert (verdict.message, verdict.standing) == ("You hold this already, standing.", True)
    assert [role.name for role in standing(maya, PAYMENTS, "production")] == ["logs"]
    assert standing(maya, PAYMENTS, "staging") == ()


def test_a_deny_rule_takes_standing_rights_away(maya: User, rules: Publish) -> None:
    rules(ROLES + binding() + deny())
    assert standing(maya, PAYMENTS, "production") == ()
    assert asked(maya).message == "Not for support."


def test_a_closed_account_is_refused(maya: User, tomas: User, rules: Publish) -> None:
    rules(ROLES + rule("a", approval="none"))
    maya.is_active = False
    assert asked(maya).message == "This account is closed, so it can ask for nothing."
    assert standing(maya, PAYMENTS, "production") == ()


def test_an_error_in_the_rules_refuses(maya: User, rules: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    rules(ROLES + rule("a", approval="none"))
    monkeypatch.setattr("control.decide.denial_of", lambda *given: 1 / 0)
    verdict = asked(maya)
    assert verdict.is_refused
    assert "could not be read, so nothing is allowed" in verdict.message


def test_a_role_without_a_length_of_time_is_refused(maya: User, rules: Publish) -> None:
    rules(ROLES + rule("a", approval="none"))
    ask = Ask("access.grant", "logs", None)
    assert decide(actor=maya, subject=PAYMENTS, ask=ask, environment="production").is_refused


def test_environments_compare_without_regard_to_case_and_never_by_part(maya: User, rules: Publish) -> None:
    rules(ROLES + rule("a", approval="none"))
    assert asked(maya, environment="Production").is_allowed
    assert asked(maya, environment="production-eu").is_refused
    assert asked(maya, environment="").is_refused


def test_the_verdict_can_be_kept_and_read_again(maya: User, tomas: User, rules: Publish) -> None:
    revision = rules(ROLES + rule("a"))
    data = asked(maya).as_data()
    assert (data["policy"], data["rule"], data["approvals_needed"]) == (revision.digest, "a", 1)
    assert data["approvers"] == [{"id": tomas.pk, "ref": "user:default/tomas.lind", "name": "Tomas Lind"}]


def test_deciding_many_questions_costs_as_many_queries_as_one(
    maya: User, tomas: User, ines: User, rules: Publish
) -> None:
    rules(ROLES + rule("a") + rule("b", roles="[shell]", approval="{anyOf: [{kind: Group, name: platform}]}"))
    one = Asked(Ask("access.grant", "logs", timedelta(hours=1)), "production")
    many = [one, Asked(Ask("access.grant", "shell", timedelta(hours=1)), "production")] * 20
    decide_all(actor=maya, subject=PAYMENTS, asked=[one])
    with CaptureQueriesContext(connection) as for_one:
        decide_all(actor=maya, subject=PAYMENTS, asked=[one])
    with CaptureQueriesContext(connection) as for_many:
        decide_all(actor=maya, subject=PAYMENTS, asked=many)
    assert len(for_one) == len(for_many) == 4
