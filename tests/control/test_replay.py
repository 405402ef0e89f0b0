"""Rules tried on requests that were really sent: what would be decided otherwise, with nothing written."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from control import intents, policy
from control.capability import registry
from control.models import AuditEvent, Decision, Intent, PolicyRevision, User
from control.panel_difference import ESCALATION, NUMBER, ORDER, WHO
from control.replay import Replay, replay, words_of
from tests import factories
from tests.control.conftest import AT_ONCE, RULES
from tests.control.spine import wish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide")]


@pytest.fixture
def tried(tmp_path: Path) -> Callable[..., Replay]:
    def run(text: str, **limits: Any) -> Replay:
        path = tmp_path / "tried.yaml"
        path.write_text(text)
        return replay(policy.load([path]), **limits)

    return run


def test_rules_that_say_the_same_change_nothing(
    maya: User, tomas: User, tried: Callable[..., Replay]
) -> None:
    intents.submit(wish(maya))
    outcome = tried(RULES.replace("counting-by-owners", "another-name") % 1)
    assert (outcome.tried, outcome.changed) == (1, 0)
    assert outcome.words == "None of 1 request of the last 90 days would be decided otherwise."


@pytest.mark.parametrize(
    ("text", "how", "verdict"),
    [
        (AT_ONCE, "easier", "allow"),
        (RULES.replace("support", "platform") % 1, "harder", "deny"),
        (RULES % 2, "harder", "needs_approval"),
        (
            RULES.replace("[{owners: true}]", "[{owners: true}, {kind: User, name: root.admin}]") % 1,
            "others",
            "needs_approval",
        ),
    ],
)
def test_what_would_be_decided_otherwise_is_told_with_both_verdicts(
    maya: User,
    tomas: User,
    ines: User,
    root_admin: User,
    tried: Callable[..., Replay],
    text: str,
    how: str,
    verdict: str,
) -> None:
    intent = intents.submit(wish(maya))
    outcome = tried(text)
    (difference,) = outcome.differences
    assert (difference.intent, difference.how, difference.after.verdict) == (intent, how, verdict)
    assert difference.before.verdict == "needs_approval"


OWNERS, ADMIN = "anyOf: [{owners: true}]", "anyOf: [{kind: User, name: root.admin}]"
GUARDS = "anyOf: [{kind: Group, name: security}]"
LATER = "%s, escalation: [{after: %s, %s}]"


@pytest.mark.parametrize(
    ("before", "after", "how", "what"),
    [
        (f"stages: [{{{OWNERS}}}, {{{ADMIN}}}]", f"stages: [{{{ADMIN}}}, {{{OWNERS}}}]", "course", (ORDER,)),
        (f"stages: [{{{OWNERS}}}, {{{ADMIN}}}]", f"allOf: [{{{OWNERS}}}, {{{ADMIN}}}]", "course", (ORDER,)),
        (f"stages: [{{{OWNERS}}}, {{{ADMIN}}}]", f"stages: [{{name: A, {OWNERS}}}, {{{ADMIN}}}]", "", ()),
        (f"allOf: [{{{OWNERS}}}, {{{ADMIN}}}]", f"allOf: [{{{ADMIN}}}, {{{OWNERS}}}]", "", ()),
        (f"stages: [{{{OWNERS}}}, {{{ADMIN}}}]", f"stages: [{{{OWNERS}}}, {{{GUARDS}}}]", "others", (WHO,)),
        (
            f"allOf: [{{{OWNERS}, count: 2}}, {{{GUARDS}}}]",
            f"allOf: [{{{OWNERS}}}, {{{GUARDS}, count: 2}}]",
            "course",
            (NUMBER,),
        ),
        (
            f"allOf: [{{{OWNERS}}}, {{{GUARDS}}}]",
            f"distinct: false, allOf: [{{{OWNERS}}}, {{{GUARDS}}}]",
            "course",
            (NUMBER,),
        ),
        (OWNERS, LATER % (OWNERS, "4h", ADMIN), "others", (WHO, ESCALATION)),
        (LATER % (OWNERS, "4h", ADMIN), LATER % (OWNERS, "8h", ADMIN), "course", (ESCALATION,)),
        (LATER % (OWNERS, "4h", ADMIN), LATER % (ADMIN, "4h", OWNERS), "course", (ESCALATION,)),
        (OWNERS, f"stages: [{{{OWNERS}}}, {{{GUARDS}}}]", "harder", (WHO, NUMBER, ORDER)),
    ],
)
def test_who_how_many_the_order_and_escalation_are_compared_stage_by_stage(
    maya: User,
    tomas: User,
    ines: User,
    root_admin: User,
    rules: Callable[[str], PolicyRevision],
    tried: Callable[..., Replay],
    before: str,
    after: str,
    how: str,
    what: tuple[str, ...],
) -> None:
    for name in ("sara.security", "sven.security"):
        factories.user(name, groups=["group:default/security"])
    text = RULES.replace("{anyOf: [{owners: true}], count: %d}", "{%s}")
    rules(text % before)
    intents.submit(wish(maya))
    found = tried(text % after)
    assert [(one.how, one.what) for one in found.differences] == ([(how, what)] if how else [])


def test_a_verdict_in_stages_is_told_in_their_order(
    maya: User, tomas: User, root_admin: User, tried: Callable[..., Replay], tmp_path: Path
) -> None:
    intents.submit(wish(maya))
    later = LATER % (OWNERS, "4h", ADMIN)
    text = RULES.replace("{anyOf: [{owners: true}], count: %d}", f"{{stages: [{{{later}}}, {{{ADMIN}}}]}}")
    assert words_of(tried(text).differences[0].after) == (
        "needs approval of payments (root.admin too after 4\u00a0h), then of root.admin, by counting-by-owners"
    )
    said = StringIO()
    call_command("rules", "replay", str(tmp_path / "tried.yaml"), stdout=said)
    assert "differs in who decides, how many, the order, when others are let in" in said.getvalue()


def test_who_loses_a_role_by_a_denial_decides_by_it_under_neither_set(
    maya: User, tomas: User, rules: Callable[[str], PolicyRevision], tried: Callable[..., Replay]
) -> None:
    """Leads decide by a role that one of their other groups may not have."""
    factories.user("lena.lead", groups=["group:default/leads", "group:default/barred"])
    held = """
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: warden}
rules: [{resources: [gate], verbs: [open]}]
---
apiVersion: portico.dev/v1
kind: RoleBinding
metadata: {name: wardens}
subjects: [{kind: Group, name: leads}]
roleRef: {kind: Role, name: warden}
spec: {entities: "kind=component"}
"""
    denied = """
---
apiVersion: portico.dev/v1
kind: DenyRule
metadata: {name: barred}
spec: {subjects: [{kind: Group, name: barred}], roles: [warden]}
"""
    by_role = RULES.replace("{anyOf: [{owners: true}], count: %d}", "{anyOf: [{role: warden}]}") + held
    rules(by_role)
    intents.submit(wish(maya))
    (difference,) = tried(by_role + denied).differences
    assert (difference.how, difference.after.verdict) == ("harder", "deny")


def test_the_groups_of_then_count_and_not_those_of_today(
    maya: User, tomas: User, tried: Callable[..., Replay]
) -> None:
    intents.submit(wish(maya))
    maya.groups.clear()
    assert tried(RULES % 1).changed == 0


def test_nothing_is_written(maya: User, tomas: User, tried: Callable[..., Replay]) -> None:
    intents.submit(wish(maya))
    before = [model.objects.count() for model in (Intent, Decision, AuditEvent, PolicyRevision)]
    tried(AT_ONCE)
    assert [model.objects.count() for model in (Intent, Decision, AuditEvent, PolicyRevision)] == before


def test_older_requests_and_those_of_parts_that_are_gone_are_left_out(
    maya: User, tomas: User, tried: Callable[..., Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    intents.submit(wish(maya))
    assert tried(AT_ONCE, days=1).tried == 1
    tomorrow = policy.in_force()
    assert tomorrow
    monkeypatch.delitem(registry._capabilities, "test.counting")
    path_free = replay(policy.parsed(tomorrow))
    assert (path_free.tried, path_free.left_out) == (0, 1)


def test_no_more_is_tried_than_was_allowed(maya: User, tomas: User, tried: Callable[..., Replay]) -> None:
    for size in range(3):
        intents.submit(wish(maya, size=size))
    bounded = tried(AT_ONCE, most=2)
    assert (bounded.tried, bounded.is_whole) == (2, False)
    assert "2 requests of the last 90 days (the newest)" in bounded.words
    assert [one.intent.title for one in bounded.differences] == ["Size 2", "Size 1"]
    assert tried(AT_ONCE, most=3).is_whole
    assert tried(AT_ONCE, seconds=0).is_whole is False


def test_entities_and_people_are_read_once_however_many_asked(
    maya: User, tomas: User, tried: Callable[..., Replay]
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            tried(RULES % 2)
        return len(queries)

    intents.submit(wish(maya))
    before = cost()
    for size in range(20):
        intents.submit(wish(maya, size=size))
    assert cost() == before


def test_the_command_tells_each_difference_and_the_sum(maya: User, tomas: User, tmp_path: Path) -> None:
    intents.submit(wish(maya))
    path, said = tmp_path / "tried.yaml", StringIO()
    path.write_text(AT_ONCE)
    call_command("rules", "replay", str(path), "--days", "30", stdout=said)
    assert "Size 4, for Maya Okafor" in said.getvalue()
    assert "now   needs approval of payments, by counting-by-owners" in said.getvalue()
    assert "then  allowed at once, by counting-at-once" in said.getvalue()
    assert said.getvalue().endswith(
        "1 of 1 request of the last 30 days would be decided otherwise: 1 easier.\n"
    )


@pytest.mark.parametrize("days", ["0", "-1", "1000", "soon"])
def test_a_number_of_days_that_makes_no_sense_is_refused(tmp_path: Path, days: str) -> None:
    with pytest.raises(CommandError, match="a whole number from 1 to 366"):
        call_command("rules", "replay", str(tmp_path), "--days", days)
