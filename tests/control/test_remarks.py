"""Asking back and answering: by whom, when, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from control import approvals, clock, intents, remarks
from control.errors import (
    ControlError,
    InvalidParameters,
    NotAnApprover,
    NotWaiting,
    OwnRequest,
    Refused,
    TooLate,
)
from control.models import AuditEvent, Intent, Notice, Remark, State, User
from tests.control.spine import wish
from tests.factories import group, user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide", "capability")]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def waiting(maya: User, tomas: User) -> Intent:
    return intents.submit(wish(maya))


def told(person: User) -> list[str]:
    return list(
        Notice.objects.filter(user=person, happening__settled_at=None)
        .order_by("id")
        .values_list("happening__title", flat=True)
    )


def test_a_question_changes_nothing_but_is_told_recorded_and_answered(
    waiting: Intent, maya: User, tomas: User
) -> None:
    before = Intent.objects.values().get(pk=waiting.pk)
    remarks.ask_back(waiting.pk, by=tomas, text=" Which order? ")
    assert Intent.objects.values().get(pk=waiting.pk) == before
    assert "Tomas Lind asks about Size 4" in told(maya)

    remarks.reply(waiting.pk, by=maya, text="Order 88.")
    assert "Maya Okafor answers about Size 4" in told(tomas)
    assert "Tomas Lind asks about Size 4" not in told(maya)
    said = waiting.remarks.order_by("id").values_list("by__username", "role", "text")
    assert list(said) == [("tomas.lind", "question", "Which order?"), ("maya.okafor", "answer", "Order 88.")]
    recorded = AuditEvent.objects.filter(intent=waiting, action__in=["intent.asked_back", "intent.replied"])
    assert list(recorded.values_list("detail", flat=True)) == ["“Which order?”", "“Order 88.”"]
    approvals.approve(waiting.pk, by=tomas, digest=waiting.plan_digest)
    assert "Maya Okafor answers about Size 4" not in told(tomas)


def refused(error: type[ControlError], say: Callable[..., Remark], intent: Intent, by: User) -> None:
    with pytest.raises(error):
        say(intent.pk, by=by, text="Why?")
    assert not intent.remarks.filter(by=by).exists()


def test_only_who_can_decide_asks(waiting: Intent, maya: User, tomas: User, root_admin: User) -> None:
    maya.groups.add(group("group:default/payments"))
    refused(OwnRequest, remarks.ask_back, waiting, maya)
    refused(NotAnApprover, remarks.ask_back, waiting, user("stranger"))
    refused(NotAnApprover, remarks.ask_back, waiting, root_admin)
    agent = user("release-agent", acts_for=tomas, groups=[group("group:default/payments")])
    refused(NotAnApprover, remarks.ask_back, waiting, agent)
    User.objects.filter(pk=tomas.pk).update(is_active=False)
    refused(Refused, remarks.ask_back, waiting, tomas)


def test_only_the_requesters_person_answers_and_only_when_asked(
    waiting: Intent, maya: User, tomas: User
) -> None:
    refused(NotWaiting, remarks.reply, waiting, maya)
    remarks.ask_back(waiting.pk, by=tomas, text="Which order?")
    refused(Refused, remarks.reply, waiting, user("stranger"))
    refused(Refused, remarks.reply, waiting, user("ines.duarte", groups=["group:default/payments"]))


def test_nothing_is_said_once_it_is_decided_or_over(waiting: Intent, maya: User, tomas: User) -> None:
    remarks.ask_back(waiting.pk, by=tomas, text="Which order?")
    past = clock.now() - timedelta(seconds=1)
    Intent.objects.filter(pk=waiting.pk).update(requested_at=past - timedelta(days=1), decide_before=past)
    with pytest.raises(TooLate):
        remarks.reply(waiting.pk, by=maya, text="Order 88.")
    Intent.objects.filter(pk=waiting.pk).update(decide_before=clock.now() + timedelta(hours=1))
    approvals.reject(waiting.pk, by=tomas, digest=waiting.plan_digest, comment="No.")
    with pytest.raises(NotWaiting):
        remarks.reply(waiting.pk, by=maya, text="Order 88.")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2_001])
def test_empty_and_endless_words_are_refused(waiting: Intent, tomas: User, text: str) -> None:
    with pytest.raises(InvalidParameters):
        remarks.ask_back(waiting.pk, by=tomas, text=text)
    assert not waiting.remarks.exists()


def test_two_people_cannot_talk_for_ever(waiting: Intent, tomas: User) -> None:
    for number in range(remarks.MOST):
        remarks.ask_back(waiting.pk, by=tomas, text=f"Question {number}?")
    with pytest.raises(InvalidParameters, match="Talk to each other"):
        remarks.ask_back(waiting.pk, by=tomas, text="And?")


def test_what_was_said_cannot_be_changed(waiting: Intent, tomas: User) -> None:
    remark = remarks.ask_back(waiting.pk, by=tomas, text="Which order?")
    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
        Remark.objects.filter(pk=remark.pk).update(text="Nothing.")
    with (
        pytest.raises((InternalError, ProgrammingError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM control_remark")


def test_the_inbox_asks_and_the_list_says_so(
    waiting: Intent, maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    owner, requester = client_for(tomas), client_for(maya)
    asked = owner.post(
        reverse("control:ask_back", args=[waiting.pk]), {"comment": "Which <b>order</b>?"}, headers=HTMX
    )
    page = asked.content.decode()
    assert "Which &lt;b&gt;order&lt;/b&gt;?" in page
    assert "Asked back" in page
    mine = requester.get(reverse("control:inbox_item", args=[waiting.pk]), {"tab": "mine"}).content.decode()
    assert "Your answer" in mine
    requester.post(reverse("control:reply", args=[waiting.pk]), {"comment": "Order 88."})
    assert "Order 88." in owner.get(reverse("control:inbox_item", args=[waiting.pk])).content.decode()
    assert Intent.objects.get(pk=waiting.pk).state == State.AWAITING_APPROVAL


def test_a_stranger_does_not_even_see_that_there_is_a_request(
    waiting: Intent, client_for: Callable[[User], Client]
) -> None:
    stranger = client_for(user("stranger"))
    for name in ("ask_back", "reply"):
        assert (
            stranger.post(reverse(f"control:{name}", args=[waiting.pk]), {"comment": "?"}).status_code == 404
        )
    assert stranger.get(reverse("control:ask_back", args=[waiting.pk])).status_code == 405
