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
from control.replay import Replay, replay
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


def test_another_order_of_stages_is_a_difference(
    maya: User,
    tomas: User,
    root_admin: User,
    rules: Callable[[str], PolicyRevision],
    tried: Callable[..., Replay],
) -> None:
    owners, admin = "{anyOf: [{owners: true}]}", "{anyOf: [{kind: User, name: root.admin}]}"
    one_way = RULES.replace("{anyOf: [{owners: true}], count: %d}", f"{{stages: [{owners}, {admin}]}}")
    rules(one_way)
    intents.submit(wish(maya))
    assert tried(one_way.replace(f"{owners}, {admin}", f"{admin}, {owners}")).counts["others"] == 1


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
