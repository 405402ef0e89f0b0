"""Deciding several requests in one go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from control import approvals, intents
from control.models import Approval, Intent, State, User
from tests.control.spine import wish
from tests.factories import user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide", "capability")]
PAGE = "/inbox/several/"


@pytest.fixture
def waiting(maya: User, tomas: User) -> list[Intent]:
    return [intents.submit(wish(maya, size=size)) for size in (2, 3, 4)]


@pytest.fixture
def owner(tomas: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(tomas)


def items(*chosen: Intent) -> list[str]:
    return [f"{intent.pk}:{intent.plan_digest}" for intent in chosen]


def states(*chosen: Intent) -> list[str]:
    found = Intent.objects.in_bulk([intent.pk for intent in chosen])
    return [found[intent.pk].state for intent in chosen]


def test_what_is_marked_is_shown_once_more_before_it_is_decided(owner: Client, waiting: list[Intent]) -> None:
    page = owner.get(PAGE, {"intent": [str(waiting[0].pk), str(waiting[2].pk)]}).content.decode()
    assert "Size 2" in page
    assert "Size 3" not in page
    assert "Look at this." in page
    assert items(waiting[2])[0] in page
    assert states(*waiting) == [State.AWAITING_APPROVAL] * 3


def test_all_that_is_ticked_is_approved_by_the_one_way_to_approve(
    owner: Client, tomas: User, waiting: list[Intent]
) -> None:
    page = owner.post(PAGE, {"item": items(*waiting[:2]), "verb": "approve", "comment": "Month end."})
    assert page.status_code == 200
    assert states(*waiting) == [State.APPROVED, State.APPROVED, State.AWAITING_APPROVAL]
    answers = Approval.objects.filter(by=tomas).order_by("id").values_list("comment", "digest")
    assert list(answers) == [("Month end.", intent.plan_digest) for intent in waiting[:2]]


def test_one_that_cannot_be_answered_keeps_no_other_from_it(owner: Client, waiting: list[Intent]) -> None:
    intents.withdraw(waiting[0].pk, by=waiting[0].requested_by)
    changed = f"{waiting[1].pk}:{'0' * 64}"
    page = owner.post(PAGE, {"item": [*items(waiting[0]), changed, *items(waiting[2])], "verb": "approve"})
    text = page.content.decode()
    assert "2 of 3 could not be answered" in text
    assert "already withdrawn" in text
    assert "The request changed after you opened it" in text
    assert states(*waiting) == [State.WITHDRAWN, State.AWAITING_APPROVAL, State.APPROVED]


def test_rejecting_needs_words(owner: Client, waiting: list[Intent]) -> None:
    page = owner.post(PAGE, {"item": items(*waiting), "verb": "reject"})
    assert page.status_code == 422
    assert "Say why" in page.content.decode()
    assert states(*waiting) == [State.AWAITING_APPROVAL] * 3
    owner.post(PAGE, {"item": items(*waiting), "verb": "reject", "comment": "Freeze until Monday."})
    assert states(*waiting) == [State.REJECTED] * 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"verb": "approve"}, "Tick at least one"),
        ({"item": ["x"], "verb": "succeed"}, "Choose whether"),
        ({"item": ["x"], "verb": "approve", "comment": "x" * 2_001}, "too long"),
    ],
)
def test_a_form_that_says_nothing_is_explained(owner: Client, fields: dict[str, str], words: str) -> None:
    page = owner.post(PAGE, fields)
    assert page.status_code == 422
    assert words in page.content.decode()


def test_others_requests_cannot_be_named_and_nothing_odd_is_read(
    waiting: list[Intent], maya: User, client_for: Callable[[User], Client]
) -> None:
    stranger = client_for(user("stranger"))
    assert stranger.get(PAGE, {"intent": [str(waiting[0].pk), "'; --"]}).url == reverse("control:inbox")  # type: ignore[attr-defined]
    page = stranger.post(PAGE, {"item": [*items(*waiting), "../etc:zz"], "verb": "approve"})
    assert "Maya Okafor" not in page.content.decode()
    own = client_for(maya).post(PAGE, {"item": items(*waiting), "verb": "approve"}).content.decode()
    assert "You asked for this yourself" in own
    assert states(*waiting) == [State.AWAITING_APPROVAL] * 3
    assert not Approval.objects.exists()


@pytest.mark.slow
def test_more_than_a_page_is_not_taken_at_once(owner: Client, maya: User) -> None:
    many = [intents.submit(wish(maya, size=2)) for _ in range(27)]
    owner.post(PAGE, {"item": items(*many), "verb": "approve"})
    assert states(*many).count(State.APPROVED) == 25


def test_marks_stay_while_another_request_is_read(owner: Client, waiting: list[Intent]) -> None:
    url = reverse("control:inbox_item", args=[waiting[1].pk])
    page = owner.get(url, {"intent": str(waiting[0].pk)}, headers={"HX-Request": "true"}).content.decode()
    assert f'value="{waiting[0].pk}" form="several" checked' in page
    approvals.approve(
        waiting[0].pk, by=User.objects.get(username="tomas.lind"), digest=waiting[0].plan_digest
    )
    assert 'form="several" checked' not in owner.get(url, {"intent": str(waiting[0].pk)}).content.decode()
