"""Deputies: whoever is away names somebody who decides in their place, in a window, and never more than they could."""

# ruff: noqa: UP031 - rules are full of braces, which `format` would have doubled
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from control import approvals, away, clock, deputies, inbox, intents, moved, stages
from control.deputies import Wish
from control.errors import (
    AgentsDoNotApprove,
    ControlError,
    InvalidParameters,
    NotAnApprover,
    NotWaiting,
    OwnRequest,
    Refused,
    TooLate,
)
from control.models import Approval, AuditEvent, Delegation, Intent, Notice, PolicyRevision, State, User
from tests import factories
from tests.control.spine import Counting, wish
from tests.control.test_stages import BOTH, GUARDS, OWNERS, PAYMENTS, ROLES, RULE, SECURITY, TWO_STAGES, wait
from tests.locks import wait_until_somebody_waits_for_a_lock
from tests.moved_clock import stand_at

pytestmark = pytest.mark.django_db
Publish = Callable[[str], PolicyRevision]
ONE, TWO = "{%s}" % OWNERS, "{%s, count: 2}" % OWNERS
HOUR = timedelta(hours=1)


@pytest.fixture
def dee(db: None) -> User:
    """Owns nothing."""
    return factories.user("dee.kim", "Dee Kim", groups=["group:default/platform"])


def stand_in(deputy: User, absent: User, **fields: Any) -> Delegation:
    """`absent` is away from now on for a day."""
    given = {"expires_at": clock.now() + timedelta(days=1), "reason": "Holiday", **fields}
    return deputies.name(Wish(deputy, **given), by=absent)


def approve(intent: Intent, by: User, **more: Any) -> State:
    return State(approvals.approve(intent.pk, by=by, digest=intent.plan_digest, **more).state)


def waits_for(intent: Intent) -> set[str]:
    everybody = User.objects.exclude(pk=intent.requested_by_id)
    return {
        user.username for user in everybody if Intent.objects.waiting_for(user).filter(pk=intent.pk).exists()
    }


def refusal(kind: type[ControlError], intent: Intent, by: User, **more: Any) -> str:
    before = Approval.objects.count()
    with pytest.raises(kind) as told:
        approve(intent, by, **more)
    assert Approval.objects.count() == before
    return str(told.value)


# In the place of somebody


def test_a_deputy_decides_and_the_record_says_in_whose_place(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    rules(RULE % ONE)
    delegation = stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    assert waits_for(intent) == {"tomas.lind", "dee.kim"}
    assert approve(intent, dee, comment="Fine.") == State.APPROVED
    answer = Approval.objects.get()
    assert (answer.by, answer.deputy_of, answer.delegation) == (dee, tomas, delegation)
    assert answer.who == "Dee Kim as deputy of Tomas Lind"
    event = AuditEvent.objects.get(action="intent.approved")
    assert event.summary == "Approved by Dee Kim as deputy of Tomas Lind"
    assert (event.actor, event.on_behalf_of_name) == (dee, "Tomas Lind")
    assert event.after["deputy_of"] == tomas.pk
    told = Notice.objects.get(user=maya, happening__event="request.approved").happening
    assert "Dee Kim as deputy of Tomas Lind: “Fine.”" in told.detail


def test_a_deputy_rejects_too(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    approvals.reject(intent.pk, by=dee, digest=intent.plan_digest, comment="Not today.")
    intent.refresh_from_db()
    assert intent.state == State.REJECTED
    assert AuditEvent.objects.get(action="intent.rejected").summary.endswith("as deputy of Tomas Lind")


def test_whoever_is_away_may_still_decide(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    assert approve(intents.submit(wish(maya)), tomas) == State.APPROVED
    assert Approval.objects.get().deputy_of is None


def test_a_request_that_waited_before_waits_for_the_deputy_too(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    rules(RULE % ONE)
    intent = intents.submit(wish(maya))
    refusal(NotAnApprover, intent, dee)
    stand_in(dee, tomas)
    assert approve(intent, dee) == State.APPROVED


def test_the_window_is_asked_live_with_no_worker(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    rules(RULE % ONE)
    now = clock.now()
    delegation = stand_in(dee, tomas, starts_at=now + HOUR, expires_at=now + 2 * HOUR)
    intent = intents.submit(wish(maya))
    second = timedelta(seconds=1)
    for moment in (delegation.starts_at - second, delegation.expires_at):
        stand_at(moment)
        assert waits_for(intent) == {"tomas.lind"}
        assert not inbox.counts(dee)["waiting"]
        refusal(NotAnApprover, intent, dee)
    for moment in (delegation.starts_at, delegation.expires_at - second):
        stand_at(moment)
        assert waits_for(intent) == {"tomas.lind", "dee.kim"}
        assert inbox.counts(dee)["waiting"] == 1
    assert approve(intent, dee) == State.APPROVED


def test_an_end_counts_at_once(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    rules(RULE % ONE)
    delegation = stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    deputies.end(delegation.pk, by=tomas)
    assert waits_for(intent) == {"tomas.lind"}
    refusal(NotAnApprover, intent, dee)
    words = refusal(NotAnApprover, intent, dee, in_place_of=tomas.pk)
    assert "not among those" in words


def test_a_place_that_the_absent_person_lost_is_lost_for_the_deputy(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    tomas.groups.clear()
    assert waits_for(intent) == {"ines.duarte"}
    refusal(NotAnApprover, intent, dee)


def test_who_is_on_call_may_have_a_deputy(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    nina = factories.user("nina.night", groups=["group:default/night"])
    rules(ROLES % "Group, name: night" + RULE % "{anyOf: [{onCall: night}]}")
    intent = intents.submit(wish(maya))
    stand_in(dee, nina)
    assert waits_for(intent) == {"nina.night", "dee.kim"}
    assert approve(intent, dee) == State.APPROVED


def test_somebody_named_by_the_rule_may_have_a_deputy(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    rules(RULE % "{anyOf: [{kind: User, name: tomas.lind}]}")
    stand_in(dee, tomas)
    assert approve(intents.submit(wish(maya)), dee) == State.APPROVED


# Only for some groups


def test_for_some_groups_only_their_places_count(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    tomas.groups.add(factories.group(SECURITY))
    rules(RULE % TWO_STAGES.replace("{stages", "{distinct: false, stages"))
    stand_in(dee, tomas, groups=[PAYMENTS])
    intent = intents.submit(wish(maya))
    assert approve(intent, dee) == State.AWAITING_APPROVAL
    assert Approval.objects.get().seats == [[0, 0]]


def test_for_some_groups_neither_a_name_nor_a_rota_counts(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    stand_in(dee, tomas, groups=[PAYMENTS])
    rules(RULE % "{anyOf: [{kind: User, name: tomas.lind}]}")
    refusal(NotAnApprover, intents.submit(wish(maya)), dee)
    rules(ROLES % "Group, name: payments" + RULE % "{anyOf: [{onCall: night}]}")
    refusal(NotAnApprover, intents.submit(wish(maya)), dee)


def test_for_some_groups_a_rule_that_changed_meanwhile_gets_no_other_place_of_the_absent_person(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User, capability: Counting
) -> None:
    """The answer counted for the owners; that the absent person is in security too is not the deputy's to use."""
    factories.user("sara.security", groups=[SECURITY])
    tomas.groups.add(factories.group(SECURITY))
    rules(RULE % TWO)
    stand_in(dee, tomas, groups=[PAYMENTS])
    intent = intents.submit(wish(maya))
    assert approve(intent, ines) == State.AWAITING_APPROVAL
    rules(RULE % "{allOf: [{%s}, {%s}]}" % (OWNERS, "anyOf: [{kind: Group, name: security}]"))
    assert approve(intent, dee) == State.AWAITING_APPROVAL
    assert not capability.approved


def test_whoever_answered_for_everything_counts_where_todays_rule_asks(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    tomas.groups.add(factories.group(SECURITY))
    rules(RULE % TWO)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    approve(intent, ines)
    rules(RULE % BOTH)
    assert approve(intent, dee) == State.APPROVED


def test_the_rules_of_today_are_asked_about_the_absent_person(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    rules(RULE % "{anyOf: [{kind: User, name: ines.duarte}]}")
    assert "Tomas Lind is no longer among those" in refusal(NotAnApprover, intent, dee)


# Never more than without


@pytest.mark.parametrize("first", ["the deputy", "the absent person"])
def test_somebody_who_is_away_and_their_deputy_are_one_voice(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User, first: str
) -> None:
    rules(RULE % TWO)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    one, other = (dee, tomas) if first == "the deputy" else (tomas, dee)
    assert approve(intent, one) == State.AWAITING_APPROVAL
    assert waits_for(intent) == {"ines.duarte"}
    words = refusal(NotWaiting, intent, other)
    assert ("Dee Kim has answered this in your place" in words) == (other == tomas)
    assert ("Tomas Lind has answered this already" in words) == (other == dee)
    assert approve(intent, ines) == State.APPROVED


def test_two_deputies_of_one_person_are_one_voice(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % TWO)
    other = factories.user("otto.other")
    stand_in(dee, tomas)
    stand_in(other, tomas)
    intent = intents.submit(wish(maya))
    approve(intent, dee)
    assert waits_for(intent) == {"ines.duarte"}
    assert "Dee Kim has answered in the place of Tomas Lind" in refusal(NotWaiting, intent, other)


def test_a_deputy_of_two_is_one_voice(rules: Publish, maya: User, tomas: User, ines: User, dee: User) -> None:
    rules(RULE % TWO)
    stand_in(dee, tomas)
    stand_in(dee, ines)
    intent = intents.submit(wish(maya))
    assert approve(intent, dee) == State.AWAITING_APPROVAL
    assert "You have answered" in refusal(NotWaiting, intent, dee, in_place_of=ines.pk)
    assert waits_for(intent) == {"ines.duarte"}


def test_a_deputy_with_a_place_of_their_own_is_one_voice(
    rules: Publish, maya: User, tomas: User, ines: User
) -> None:
    rules(RULE % TWO)
    stand_in(ines, tomas)
    intent = intents.submit(wish(maya))
    assert approve(intent, ines) == State.AWAITING_APPROVAL
    assert Approval.objects.get().deputy_of is None, "their own place comes first"
    assert "You have answered" in refusal(NotWaiting, intent, ines, in_place_of=tomas.pk)
    assert waits_for(intent) == {"tomas.lind"}
    assert approve(intent, tomas) == State.APPROVED


def test_a_deputy_may_choose_in_whose_place(
    rules: Publish, maya: User, tomas: User, ines: User, capability: Counting
) -> None:
    rules(RULE % BOTH)
    sara = factories.user("sara.security", groups=[SECURITY])
    stand_in(tomas, sara)
    intent = intents.submit(wish(maya))
    assert approve(intent, tomas, in_place_of=sara.pk) == State.AWAITING_APPROVAL
    assert waits_for(intent) == {"ines.duarte"}
    assert approve(intent, ines) == State.APPROVED


def test_nobody_takes_a_place_that_is_not_theirs_to_take(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    assert "do not stand in for them" in refusal(NotAnApprover, intent, dee, in_place_of=ines.pk)
    assert "no place of your own" in refusal(NotAnApprover, intent, dee, in_place_of=dee.pk)
    refusal(NotAnApprover, intent, factories.user("stranger"), in_place_of=tomas.pk)


def test_a_deputy_hands_on_nothing(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    rules(RULE % ONE)
    third = factories.user("theo.third")
    stand_in(dee, tomas)
    stand_in(third, dee)
    intent = intents.submit(wish(maya))
    assert waits_for(intent) == {"tomas.lind", "dee.kim"}
    refusal(NotAnApprover, intent, third)


def test_two_who_name_each_other_have_their_own_places_and_each_others(
    rules: Publish, maya: User, tomas: User, ines: User
) -> None:
    rules(RULE % TWO)
    stand_in(ines, tomas)
    stand_in(tomas, ines)
    intent = intents.submit(wish(maya))
    approve(intent, ines, in_place_of=tomas.pk)
    assert "in your place" in refusal(NotWaiting, intent, tomas)
    assert "in your place" in refusal(NotWaiting, intent, tomas, in_place_of=ines.pk)


def test_a_deputy_is_nobody_for_what_they_asked_for_themselves(
    rules: Publish, maya: User, tomas: User
) -> None:
    rules(RULE % ONE)
    stand_in(maya, tomas)
    helper = factories.user("helper", acts_for=maya, groups=["group:default/support"])
    alias = factories.user("m.okafor", email=maya.email.upper())
    stand_in(alias, tomas)
    for asker in (maya, helper):
        intent = intents.submit(wish(asker))
        refusal(OwnRequest, intent, maya)
        refusal(OwnRequest, intent, alias)


@pytest.mark.parametrize("asker", ["the absent person", "their agent", "their second account"])
def test_nobody_stands_in_for_whoever_asked(
    rules: Publish, tomas: User, ines: User, dee: User, asker: str
) -> None:
    groups = ["group:default/support", PAYMENTS]
    tomas.groups.add(factories.group(groups[0]))
    rules(RULE % ONE)
    stand_in(dee, tomas)
    who = {
        "the absent person": lambda: tomas,
        "their agent": lambda: factories.user("bot", acts_for=tomas, groups=groups),
        "their second account": lambda: factories.user("t.lind", email=tomas.email, groups=groups),
    }[asker]()
    intent = intents.submit(wish(who))
    assert "You are not among those who decide" in refusal(NotAnApprover, intent, dee)
    if asker != "their second account":  # which lists take for somebody else; who decides is told
        assert waits_for(intent) == {"ines.duarte"}
    heard = Notice.objects.filter(user=dee, happening__event="request.waiting")
    assert not heard.exists()


def test_an_own_place_stays_on_what_the_absent_person_asked_for(
    rules: Publish, tomas: User, ines: User
) -> None:
    """It does not come from the one who is away, and without them it would be there as well."""
    tomas.groups.add(factories.group("group:default/support"))
    rules(RULE % ONE)
    stand_in(ines, tomas)
    assert approve(intents.submit(wish(tomas)), ines) == State.APPROVED


def test_too_few_people_are_too_few_with_deputies_as_well(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    rules(RULE % TWO)
    stand_in(dee, tomas)
    assert intents.submit(wish(maya)).state == State.DENIED


def test_an_agent_of_a_deputy_decides_nothing(rules: Publish, maya: User, tomas: User, dee: User) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    agent = factories.user("bot", acts_for=dee)
    assert waits_for(intent) == {"tomas.lind", "dee.kim"}
    refusal(AgentsDoNotApprove, intent, agent)


# Leavers


@pytest.mark.parametrize("who", ["absent", "deputy"])
def test_with_a_leaver_it_ends_at_once_and_for_good(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User, who: str
) -> None:
    rules(RULE % ONE)
    delegation = stand_in(dee, tomas)
    stays = stand_in(ines, tomas)
    intent = intents.submit(wish(maya))
    leaver = {"absent": tomas, "deputy": dee}[who]
    User.objects.filter(pk=leaver.pk).update(is_active=False)
    assert "dee.kim" not in waits_for(intent)
    refusal(NotAnApprover if who == "absent" else Refused, intent, dee)
    assert deputies.end_of_leavers() == (2 if who == "absent" else 1)
    assert deputies.end_of_leavers() == 0
    delegation.refresh_from_db()
    assert delegation.ended_at is not None
    assert delegation.ended_by is None
    User.objects.filter(pk=leaver.pk).update(is_active=True)
    refusal(NotAnApprover, intent, dee)
    stays.refresh_from_db()
    assert (stays.ended_at is None) == (who == "deputy")


def test_an_account_that_became_an_agents_ends_it_too(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    rules(RULE % ONE)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    User.objects.filter(pk=tomas.pk).update(acts_for=factories.user("boss"))
    refusal(NotAnApprover, intent, dee)
    assert deputies.end_of_leavers() == 1


# Naming and ending


def fields(problem: pytest.ExceptionInfo[InvalidParameters]) -> set[str]:
    return set(problem.value.fields)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"expires_at": -HOUR}, "expires_at"),
        ({"expires_at": timedelta(days=91)}, "expires_at"),
        ({"starts_at": -HOUR, "expires_at": HOUR}, "starts_at"),
        ({"starts_at": timedelta(days=91), "expires_at": timedelta(days=92)}, "starts_at"),
        ({"starts_at": 2 * HOUR, "expires_at": HOUR}, "expires_at"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"groups": ["group:default/security"]}, "groups"),
    ],
)
def test_what_makes_no_sense_is_told_by_field(
    tomas: User, dee: User, changed: dict[str, Any], field: str
) -> None:
    now = clock.now()
    moments = {name: now + one for name, one in changed.items() if isinstance(one, timedelta)}
    with pytest.raises(InvalidParameters) as told:
        stand_in(dee, tomas, **{**changed, **moments})
    assert fields(told) == {field}
    assert not Delegation.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("who", ["themselves", "second account", "agent", "closed", "Portico"])
def test_who_cannot_stand_in(tomas: User, who: str) -> None:
    from control.administrators import portico

    deputy = {
        "themselves": lambda: tomas,
        "second account": lambda: factories.user("t.lind", email=tomas.email.upper()),
        "agent": lambda: factories.user("bot", acts_for=factories.user("owner")),
        "closed": lambda: factories.user("left", is_active=False),
        "Portico": portico,
    }[who]()
    with pytest.raises(InvalidParameters) as told:
        stand_in(deputy, tomas)
    assert fields(told) == {"deputy"}


def test_agents_and_closed_accounts_name_nobody(tomas: User, dee: User) -> None:
    agent = factories.user("bot", acts_for=tomas, groups=[PAYMENTS])
    with pytest.raises(AgentsDoNotApprove):
        stand_in(dee, agent)
    User.objects.filter(pk=tomas.pk).update(is_active=False)
    with pytest.raises(Refused):
        stand_in(dee, tomas)
    assert not Delegation.objects.exists()


def test_deputies_can_be_switched_off(tomas: User, dee: User, settings: Any) -> None:
    settings.PORTICO_DEPUTY_DAYS = 0
    with pytest.raises(Refused, match="switched off"):
        stand_in(dee, tomas)


def test_the_same_two_have_one_window_at_a_time(tomas: User, dee: User) -> None:
    now = clock.now()
    first = stand_in(dee, tomas, starts_at=now + HOUR, expires_at=now + 2 * HOUR)
    with pytest.raises(InvalidParameters, match="already in that time"):
        stand_in(dee, tomas, expires_at=now + 3 * HOUR)
    stand_in(dee, tomas, expires_at=first.starts_at)
    deputies.end(first.pk, by=dee)
    stand_in(dee, tomas, starts_at=first.starts_at, expires_at=first.expires_at)


def test_nobody_names_nor_stands_in_for_more_people_than_an_inbox_can_ask(
    tomas: User, dee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deputies, "MOST_NAMED", 1)
    stand_in(dee, tomas)
    with pytest.raises(InvalidParameters, match="You have named 1 already"):
        stand_in(factories.user("other"), tomas)
    monkeypatch.setattr(deputies, "MOST_OF_ONE", 1)
    with pytest.raises(InvalidParameters, match="stands in for 1 people already"):
        stand_in(dee, factories.user("another"))


def test_both_hear_of_it_and_the_record_keeps_who_named_whom(tomas: User, dee: User) -> None:
    delegation = stand_in(dee, tomas)
    event = AuditEvent.objects.get(action="deputy.named")
    assert (event.actor, event.summary) == (tomas, "Dee Kim decides for Tomas Lind while they are away")
    assert event.after["reason"] == "Holiday"
    assert "Holiday" not in event.summary + event.detail, "why is for the two alone"
    for person in (tomas, dee):
        told = Notice.objects.get(user=person).happening
        assert told.title == "Dee Kim decides for Tomas Lind while they are away"
        assert "Holiday" not in told.title + told.detail
    deputies.end(delegation.pk, by=dee)
    event = AuditEvent.objects.get(action="deputy.ended")
    assert (event.actor, event.before["deputy"]) == (dee, dee.pk)
    assert Notice.objects.filter(happening__event="deputy.ended").count() == 2


def test_who_may_end_it_and_only_once(tomas: User, ines: User, dee: User, root_admin: User) -> None:
    delegation = stand_in(dee, tomas)
    agent = factories.user("bot", acts_for=tomas, is_staff=True)
    closed = factories.user("left", is_staff=True, is_active=False)
    for stranger in (ines, agent, closed):
        with pytest.raises(Refused):
            deputies.end(delegation.pk, by=stranger)
    for person in (tomas, dee, root_admin):
        one = stand_in(factories.user(f"d.{person.pk}"), tomas) if person != dee else delegation
        deputies.end(one.pk, by=person)
        with pytest.raises(TooLate):
            deputies.end(one.pk, by=person)


def test_deputies_hear_when_their_turn_comes_once(tomas: User, dee: User) -> None:
    delegation = stand_in(dee, tomas, starts_at=clock.now() + HOUR)
    assert deputies.tell_begun() == 0
    stand_at(delegation.starts_at)
    assert deputies.tell_begun() == 1
    assert deputies.tell_begun() == 0
    assert Notice.objects.filter(user=dee, happening__event="deputy.begun").count() == 1
    stand_in(dee, factories.user("other"))
    assert deputies.tell_begun() == 0, "who begins at once was told already"


def test_deputies_hear_of_what_waits_and_of_escalation(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    sara = factories.user("sara.security", groups=[SECURITY])
    rules(RULE % ("{%s, escalation: [{after: 4h, %s}]}" % (OWNERS, GUARDS)))
    stand_in(dee, sara)
    intent = intents.submit(wish(maya))
    heard = Notice.objects.filter(user=dee, happening__event="request.waiting")
    assert not heard.exists()
    wait(intent, timedelta(hours=4))
    stages.escalate()
    assert heard.count() == 1
    approve(intent, dee)
    assert not heard.unread().exists()


def test_it_does_not_wait_for_the_absent_person_once_their_deputy_answered(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % TWO)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    approve(intent, dee)
    waiting = Notice.objects.filter(happening__event="request.waiting").unread()
    assert {notice.user for notice in waiting} == {ines}
    assert {user.username for user in inbox.eligible(intent)} == {"ines.duarte"}


# Who is said to stand in


def said(intent: Intent) -> set[tuple[str, str]]:
    """Deputy and absent person, as pages and notices know them."""
    found = away.stand_ins(intent, inbox.eligible(intent))
    return {(one.deputy.username, one.absent.username) for one in found}


def test_only_who_can_decide_it_is_said_to_stand_in(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % TWO)
    tomas.groups.add(factories.group(SECURITY))
    stand_in(dee, tomas, groups=[SECURITY])  # which is not asked
    stand_in(maya, tomas)  # who asks for it
    stand_in(ines, tomas)  # who is asked herself
    third = factories.user("theo.third")
    stand_in(third, tomas, groups=[PAYMENTS])
    intent = intents.submit(wish(maya))
    assert said(intent) == {("theo.third", "tomas.lind")}
    assert not Notice.objects.filter(user=dee, happening__event="request.waiting").exists()


def test_who_has_answered_is_not_said_to_stand_in_any_more(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    """Neither who answered, nor in whose place somebody did."""
    factories.user("otto.other", groups=[PAYMENTS])
    rules(RULE % "{%s, count: 3}" % OWNERS)
    for deputy, absent in ((dee, ines), (dee, tomas), (ines, tomas)):
        stand_in(deputy, absent)
    intent = intents.submit(wish(maya))
    assert said(intent) == {("dee.kim", "ines.duarte"), ("dee.kim", "tomas.lind")}
    approve(intent, dee, in_place_of=ines.pk)
    assert said(intent) == set()


def test_one_voice_is_one_when_rules_that_moved_are_looked_at(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    """Tomas has had his say by Dee, so with Ines out of the rule nobody is left to agree."""
    rules(RULE % TWO)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    approve(intent, dee)
    rules(RULE % ONE)
    factories.user("otto.other", groups=[PAYMENTS])
    ines.groups.clear()
    looked = moved.look(intent, intent.decisions.get())
    assert looked is not None
    assert not looked.is_stuck
    User.objects.filter(username="otto.other").update(is_active=False)
    looked = moved.look(intent, intent.decisions.get())
    assert looked is not None
    assert looked.is_stuck


# The database has the last word


@pytest.mark.parametrize(
    "changed",
    [
        {"deputy": "maya"},
        {"absent": "maya"},
        {"expires_at": timedelta(days=2)},
        {"groups": [PAYMENTS]},
        {"reason": "Another"},
    ],
)
def test_a_delegation_is_never_changed(tomas: User, dee: User, maya: User, changed: dict[str, Any]) -> None:
    delegation = stand_in(dee, tomas)
    values = {"maya": maya}
    given = {
        name: clock.now() + one if isinstance(one, timedelta) else values.get(str(one), one)
        for name, one in changed.items()
    }
    with pytest.raises(DatabaseError, match="only ended"), transaction.atomic():
        Delegation.objects.filter(pk=delegation.pk).update(**given)


def test_an_ended_delegation_does_not_come_back_and_none_is_deleted(tomas: User, dee: User) -> None:
    delegation = stand_in(dee, tomas)
    deputies.end(delegation.pk, by=tomas)
    with pytest.raises(DatabaseError, match="does not come back"), transaction.atomic():
        Delegation.objects.filter(pk=delegation.pk).update(ended_at=None, ended_by=None)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        Delegation.objects.all()._raw_delete("default")


def test_the_table_refuses_what_no_function_would_write(tomas: User, dee: User) -> None:
    now = clock.now()
    whole = {
        "absent": tomas,
        "deputy": dee,
        "created_at": now,
        "starts_at": now,
        "expires_at": now + HOUR,
        "reason": "Holiday",
    }
    for wrong in (
        {"deputy": tomas},
        {"expires_at": now},
        {"expires_at": now + timedelta(days=367)},
        {"starts_at": now - HOUR},
        {"reason": ""},
        {"ended_by": dee},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Delegation.objects.create(**{**whole, **wrong})


def test_the_table_refuses_two_answers_in_the_place_of_one(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % TWO)
    delegation = stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    approve(intent, dee)
    fields = {"intent": intent, "answer": "approved", "digest": intent.plan_digest, "decided_at": clock.now()}
    for wrong in (
        {"by": ines, "deputy_of": tomas, "delegation": delegation},
        {"by": ines, "deputy_of": maya},
        {"by": tomas, "deputy_of": tomas, "delegation": delegation},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Approval.objects.create(**fields, **wrong)


# At once


def _on_own_connection(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_end_that_came_first_leaves_nothing_to_answer_with(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    """The page was shown while it held; the answer waits for the end, and finds it."""
    rules(RULE % ONE)
    delegation = stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            deputies.end(delegation.pk, by=tomas)
            answer = pool.submit(_on_own_connection, lambda: approve(intent, dee, in_place_of=tomas.pk))
            wait_until_somebody_waits_for_a_lock()
        assert isinstance(answer.exception(), NotAnApprover)
    assert not Approval.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_end_waits_for_an_answer_that_is_being_given(
    rules: Publish, maya: User, tomas: User, dee: User
) -> None:
    rules(RULE % ONE)
    delegation = stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            approve(intent, dee)
            end = pool.submit(_on_own_connection, lambda: deputies.end(delegation.pk, by=tomas))
            wait_until_somebody_waits_for_a_lock()
        assert end.exception() is None
    delegation.refresh_from_db()
    assert delegation.ended_at is not None
    assert delegation.ended_at > Approval.objects.get().decided_at


@pytest.mark.django_db(transaction=True)
def test_the_absent_person_and_their_deputy_at_once_are_one_voice(
    rules: Publish, maya: User, tomas: User, ines: User, dee: User
) -> None:
    rules(RULE % TWO)
    stand_in(dee, tomas)
    intent = intents.submit(wish(maya))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            approve(intent, tomas)
            second = pool.submit(_on_own_connection, lambda: approve(intent, dee))
            wait_until_somebody_waits_for_a_lock()
        assert isinstance(second.exception(), NotWaiting)
    assert Approval.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_namings_at_once_are_counted_one_after_the_other(tomas: User, dee: User) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            stand_in(dee, tomas)
            second = pool.submit(_on_own_connection, lambda: stand_in(dee, tomas))
            wait_until_somebody_waits_for_a_lock()
        assert isinstance(second.exception(), InvalidParameters)
    assert Delegation.objects.count() == 1
