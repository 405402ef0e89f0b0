"""Deciding: who may, when, on what, and exactly once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from control import approvals, clock, intents
from control.errors import (
    AgentsDoNotApprove,
    ControlError,
    InvalidParameters,
    NotAnApprover,
    NotWaiting,
    OwnRequest,
    PlanChanged,
    Refused,
    TooLate,
)
from control.models import Approval, AuditEvent, Intent, State, User
from tests.control.spine import Counting, wish
from tests.factories import group, user
from tests.locks import wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide", "capability")]


@pytest.fixture
def waiting(maya: User, tomas: User) -> Intent:
    return intents.submit(wish(maya))


def test_a_request_waits_for_the_owners(waiting: Intent, tomas: User, maya: User) -> None:
    assert waiting.state == State.AWAITING_APPROVAL
    assert list(Intent.objects.waiting_for(tomas)) == [waiting]
    assert not Intent.objects.waiting_for(maya)


def test_an_owner_approves_and_the_record_says_who_and_what(
    waiting: Intent, tomas: User, capability: Counting
) -> None:
    intent = approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest, comment="Fine.")
    assert intent.state == State.APPROVED
    assert capability.approved == [waiting.pk]
    event = AuditEvent.objects.get(intent=waiting, action="intent.approved")
    assert event.actor_name == tomas.label
    assert "“Fine.”" in event.detail


def refused(error: type[ControlError], waiting: Intent, **answer: Any) -> None:
    with pytest.raises(error):
        approvals.approve(waiting.pk, **{"digest": waiting.plan_digest, **answer})
    waiting.refresh_from_db()
    assert waiting.state == State.AWAITING_APPROVAL
    assert not Approval.objects.exists()


def test_the_requester_is_refused(waiting: Intent, maya: User) -> None:
    maya.groups.add(group("group:default/payments"))
    refused(OwnRequest, waiting, by=maya)


def test_a_second_account_of_the_requester_is_refused(waiting: Intent, maya: User) -> None:
    double = user("maya.two", email=maya.email.upper(), groups=[group("group:default/payments")])
    refused(OwnRequest, waiting, by=double)


def test_an_agent_is_refused(waiting: Intent, tomas: User) -> None:
    agent = user("release-agent", acts_for=tomas, groups=[group("group:default/payments")])
    refused(AgentsDoNotApprove, waiting, by=agent)


def test_a_stranger_is_refused(waiting: Intent) -> None:
    refused(NotAnApprover, waiting, by=user("stranger"))


def test_an_administrator_who_is_not_an_owner_is_refused(waiting: Intent, root_admin: User) -> None:
    refused(NotAnApprover, waiting, by=root_admin)


def test_a_closed_account_is_refused(waiting: Intent, tomas: User) -> None:
    User.objects.filter(pk=tomas.pk).update(is_active=False)
    refused(Refused, waiting, by=tomas)


def test_another_digest_is_refused(waiting: Intent, tomas: User) -> None:
    refused(PlanChanged, waiting, by=tomas, digest="0" * 64)


def test_an_expired_request_is_refused_before_any_sweep_ran(waiting: Intent, tomas: User) -> None:
    past = clock.now() - timedelta(seconds=1)
    Intent.objects.filter(pk=waiting.pk).update(requested_at=past - timedelta(days=1), decide_before=past)
    refused(TooLate, waiting, by=tomas)


def test_rules_that_changed_since_the_request_count(waiting: Intent, tomas: User, rules: Any) -> None:
    rules(
        "apiVersion: portico.dev/v1\nkind: DenyRule\nmetadata: {name: freeze}\n"
        'spec: {capabilities: ["test.counting"], subjects: [{kind: Everyone}], message: "Frozen until Monday."}\n'
    )
    with pytest.raises(Refused, match=r"Frozen until Monday\."):
        approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest)


def test_an_approver_can_make_it_smaller_and_the_record_keeps_both(waiting: Intent, tomas: User) -> None:
    intent = approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest, narrowed={"size": "1"})
    assert intent.parameters == {"size": 1}
    assert AuditEvent.objects.get(action="intent.submitted").after["parameters"] == {"size": 4}


def test_an_approver_cannot_make_it_larger(waiting: Intent, tomas: User) -> None:
    refused(InvalidParameters, waiting, by=tomas, narrowed={"size": "9"})


def test_a_second_answer_changes_nothing(waiting: Intent, tomas: User) -> None:
    approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest)
    with pytest.raises(NotWaiting, match="already approved"):
        approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest)
    assert Approval.objects.count() == 1


def test_a_rejection_needs_words(waiting: Intent, tomas: User) -> None:
    with pytest.raises(InvalidParameters):
        approvals.reject(waiting.pk, by=tomas, digest=waiting.plan_digest, comment="  ")
    intent = approvals.reject(waiting.pk, by=tomas, digest=waiting.plan_digest, comment="Ask for staging.")
    assert intent.state == State.REJECTED


def test_two_of_two_must_agree(
    rules: Any, maya: User, tomas: User, ines: User, two_owners_decide: Any
) -> None:
    intent = intents.submit(wish(maya))
    intent = approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert intent.state == State.AWAITING_APPROVAL
    with pytest.raises(NotWaiting, match="answered this request already"):
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert approvals.approve(intent.pk, by=ines, digest=intent.plan_digest).state == State.APPROVED


def test_the_sweep_expires_what_nobody_decided(waiting: Intent) -> None:
    assert approvals.expire_undecided() == 0
    past = clock.now() - timedelta(seconds=1)
    Intent.objects.filter(pk=waiting.pk).update(requested_at=past - timedelta(days=1), decide_before=past)
    assert approvals.expire_undecided() == 1
    waiting.refresh_from_db()
    assert waiting.state == State.EXPIRED


def _approve_on_own_connection(intent: Intent, by: User) -> None:
    try:
        approvals.approve(intent.pk, by=by, digest=intent.plan_digest)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_approvers_at_once_is_refused(waiting: Intent, tomas: User, ines: User) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest)
            second = pool.submit(_approve_on_own_connection, waiting, ines)
            wait_until_somebody_waits_for_a_lock()
        assert isinstance(second.exception(), NotWaiting)
    assert Approval.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_approval_against_withdrawal_has_one_outcome(waiting: Intent, tomas: User, maya: User) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            intents.withdraw(waiting.pk, by=maya)
            late = pool.submit(_approve_on_own_connection, waiting, tomas)
            wait_until_somebody_waits_for_a_lock()
        assert isinstance(late.exception(), NotWaiting)
    waiting.refresh_from_db()
    assert waiting.state == State.WITHDRAWN
    assert not Approval.objects.exists()
