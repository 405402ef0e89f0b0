"""Waiting requests whose deciders the rules of now would not ask: pages say so, and whoever asked is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from control import approvals, clock, intents, moved
from control.errors import NotAnApprover
from control.matching import Moment
from control.models import Intent, Notice, PolicyRevision, State, User
from control.moved import Moved
from tests import factories
from tests.control.conftest import RULES
from tests.control.spine import wish

pytestmark = pytest.mark.django_db
Publish = Callable[[str], PolicyRevision]
BY = RULES.replace("{anyOf: [{owners: true}], count: %d}", "%s")
OWNERS, GUARDS = "anyOf: [{owners: true}]", "anyOf: [{kind: Group, name: security}]"
SECURITY = "group:default/security"


@pytest.fixture(autouse=True)
def sara(db: None) -> User:
    return factories.user("sara.security", "Sara Security", groups=[SECURITY])


def found(intent: Intent) -> Moved | None:
    return moved.look(Intent.objects.get(pk=intent.pk), intent.decisions.latest("id"))


def is_stuck(intent: Intent) -> bool:
    outcome = found(intent)
    assert outcome
    return outcome.is_stuck


def told(user: User) -> list[str]:
    notices = Notice.objects.filter(user=user, happening__event="request.moved", read_at=None)
    return list(notices.values_list("happening__detail", flat=True))


@pytest.mark.parametrize(
    ("before", "after", "is_stuck", "words"),
    [
        (f"{{{OWNERS}}}", f"{{{GUARDS}}}", True, "Asked for again: One of the group security must agree."),
        (f"{{{GUARDS}}}", f"{{{OWNERS}}}", True, "Asked for again: One of the payments owners must agree."),
        (f"{{{OWNERS}}}", f"{{stages: [{{{OWNERS}}}, {{{GUARDS}}}]}}", True, "nobody whom it was sent to"),
        (f"{{stages: [{{{OWNERS}}}, {{{GUARDS}}}]}}", f"{{{OWNERS}}}", True, "nobody whom it was sent to"),
        (
            f"{{{OWNERS}}}",
            f"{{{OWNERS}, count: 2}}",
            False,
            "only who is named by both can decide it",
        ),
        (f"{{{OWNERS}, count: 2}}", f"{{{OWNERS}}}", False, "only who is named by both can decide it"),
        (
            f"{{{OWNERS}}}",
            f"{{{OWNERS}, escalation: [{{after: 1h, {GUARDS}}}]}}",
            False,
            "only who is named by both can decide it",
        ),
        (f"{{{OWNERS}}}", "none", False, "Asked for again, it is allowed at once."),
    ],
)
def test_it_is_told_whether_anybody_can_still_decide_and_who_would(
    rules: Publish,
    maya: User,
    tomas: User,
    ines: User,
    before: str,
    after: str,
    is_stuck: bool,
    words: str,
) -> None:
    rules(BY % before)
    intent = intents.submit(wish(maya))
    assert found(intent) is None
    rules(BY % after)
    outcome = found(intent)
    assert outcome
    assert (outcome.is_stuck, outcome.by_rules, outcome.may_be_asked_again) == (is_stuck, True, True)
    assert words in outcome.words
    assert outcome.words.startswith("The rules have changed since this was sent")


@pytest.mark.parametrize(
    ("after", "can"),
    [
        (f"{{{GUARDS}}}", False),
        (f"{{{OWNERS}, count: 1, escalation: [{{after: 1h, {GUARDS}}}]}}", True),
        ("none", True),
    ],
)
def test_what_is_told_is_what_happens(rules: Publish, maya: User, tomas: User, after: str, can: bool) -> None:
    rules(BY % f"{{{OWNERS}}}")
    intent = intents.submit(wish(maya))
    rules(BY % after)
    outcome = found(intent)
    assert outcome
    assert outcome.is_stuck is not can
    with nullcontext() if can else pytest.raises(NotAnApprover):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert (Intent.objects.get(pk=intent.pk).state == State.APPROVED) is can


def test_answers_that_were_given_count_and_places_that_are_full_do_not(
    rules: Publish, maya: User, tomas: User, ines: User
) -> None:
    """Tomas has agreed for the owners, so that Ines is asked no more; two of them are wanted now."""
    both = f"{{allOf: [{{{OWNERS}}}, {{{GUARDS}}}]}}"
    rules(BY % both)
    intent = intents.submit(wish(maya))
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert found(intent) is None
    rules(BY % f"{{allOf: [{{{OWNERS}, count: 2}}, {{{GUARDS}}}]}}")
    outcome = found(intent)
    assert outcome
    assert outcome.is_stuck


def test_another_name_of_a_stage_moves_nothing(rules: Publish, maya: User, tomas: User, sara: User) -> None:
    rules(BY % f"{{stages: [{{name: One, {OWNERS}}}, {{{GUARDS}}}]}}")
    intent = intents.submit(wish(maya))
    rules(BY % f"{{stages: [{{name: First, {OWNERS}}}, {{{GUARDS}}}]}}")
    assert found(intent) is None


def test_what_the_rules_refuse_now_cannot_be_asked_again(rules: Publish, maya: User, tomas: User) -> None:
    rules(BY % f"{{{OWNERS}}}")
    intent = intents.submit(wish(maya))
    rules((BY % f"{{{OWNERS}}}").replace("name: support", "name: platform"))
    outcome = found(intent)
    assert outcome
    assert (outcome.is_stuck, outcome.may_be_asked_again) == (True, False)
    assert "nobody can approve it now" in outcome.words


def test_whoever_is_on_call_counts_as_somebody_who_can(rules: Publish, maya: User) -> None:
    rota = """
---
apiVersion: portico.dev/v1
kind: OnCall
metadata: {name: night}
spec: {start: 2026-01-01, shift: 90d, people: [{kind: Group, name: nights}]}
"""
    factories.user("olaf.oncall", groups=["group:default/nights"])
    rules(BY % "{anyOf: [{onCall: night}]}" + rota)
    intent = intents.submit(wish(maya))
    rules(BY % "{anyOf: [{kind: Group, name: nights}]}" + rota)
    outcome = found(intent)
    assert outcome
    assert not outcome.is_stuck


@pytest.mark.parametrize("left", ["requester", "second account", "agent", "closed account"])
def test_who_could_never_decide_frees_nothing(
    rules: Publish, maya: User, tomas: User, sara: User, left: str
) -> None:
    """Tomas, who could, has left the team since; allowed at once by now, it still waits for nobody."""
    payments = factories.group("group:default/payments")
    if left == "requester":
        maya.groups.add(payments)
    else:
        others: dict[str, dict[str, Any]] = {
            "second account": {"email": maya.email},
            "agent": {"acts_for": sara},
            "closed account": {"is_active": False},
        }
        factories.user("left", groups=[payments], **others[left])
    rules(BY % f"{{{OWNERS}}}")
    intent = intents.submit(wish(maya))
    rules(BY % "none")
    assert not is_stuck(intent)
    tomas.groups.clear()
    assert is_stuck(intent)


# The sweep


def test_whoever_asked_is_told_once_of_one_set_of_rules(rules: Publish, maya: User, tomas: User) -> None:
    rules(BY % f"{{{OWNERS}}}")
    intent = intents.submit(wish(maya))
    assert (moved.compare_waiting(), told(maya)) == (0, [])
    rules(BY % f"{{{GUARDS}}}")
    assert moved.compare_waiting() == 1
    assert "nobody whom it was sent to can decide it any more" in told(maya)[0]
    moved.compare_waiting()
    assert len(told(maya)) == 1
    assert not told(tomas)
    rules(BY % f"{{{OWNERS}}}")
    assert moved.compare_waiting() == 0
    assert told(maya) == []
    assert Intent.objects.get(pk=intent.pk).state == State.AWAITING_APPROVAL


def test_what_still_can_be_decided_is_no_news(rules: Publish, maya: User, tomas: User, ines: User) -> None:
    rules(BY % f"{{{OWNERS}}}")
    intents.submit(wish(maya))
    rules(BY % f"{{{OWNERS}, count: 2}}")
    assert (moved.compare_waiting(), told(maya)) == (0, [])


def test_an_hour_that_a_rule_asks_for_is_no_news_until_other_rules_are_in_force(
    rules: Publish, maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused at this moment by the same rules: tomorrow it can be approved again."""
    now = clock.now()
    rules(BY % f"{{{OWNERS}}}" + f"  when: 'time.date == \"{now.date().isoformat()}\"'\n")
    intent = intents.submit(wish(maya))
    tomorrow = Moment(now + timedelta(days=1), {})
    monkeypatch.setattr("control.decide._Court._moment", lambda _court: tomorrow)
    outcome = found(intent)
    assert outcome
    assert (outcome.verdict.is_refused, outcome.is_news) == (True, False)
    assert "The rules have changed" not in outcome.words


def test_each_is_compared_again_when_rules_come_and_after_an_hour_and_not_all_the_time(
    rules: Publish, maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = clock.now() - timedelta(days=1)
    with monkeypatch.context() as patched:
        patched.setattr("django.utils.timezone.now", lambda: yesterday)
        rules(BY % f"{{{OWNERS}}}")
    intent = intents.submit(wish(maya))
    before = clock.now() - timedelta(minutes=59)
    for at, is_due in ((before, False), (before - timedelta(minutes=2), True), (None, True)):
        Intent.objects.filter(pk=intent.pk).update(compared_at=at)
        moved.compare_waiting()
        assert (Intent.objects.get(pk=intent.pk).compared_at != at) is is_due
    Intent.objects.filter(pk=intent.pk).update(compared_at=before)
    rules(BY % f"{{{OWNERS}, count: 1}}")
    moved.compare_waiting()
    assert Intent.objects.get(pk=intent.pk).compared_at != before


def test_one_that_cannot_be_compared_keeps_no_other_from_it(rules: Publish, maya: User, tomas: User) -> None:
    rules(BY % f"{{{OWNERS}}}")
    gone, kept = (intents.submit(wish(maya)) for _ in range(2))
    Intent.objects.filter(pk=gone.pk).update(capability="test.gone")
    rules(BY % f"{{{GUARDS}}}")
    assert moved.compare_waiting() == 1
    assert Intent.objects.filter(pk__in=[gone.pk, kept.pk], compared_at=None).count() == 0


def test_the_inbox_says_it_to_who_cannot_decide_any_more(
    rules: Publish, maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    rules(BY % f"{{{OWNERS}}}")
    intent = intents.submit(wish(maya))
    url = f"/inbox/{intent.pk}/"
    assert "The rules have changed" not in client_for(tomas).get(url).content.decode()
    rules(BY % f"{{{GUARDS}}}")
    assert "nobody whom it was sent to can decide it any more" in client_for(tomas).get(url).content.decode()
