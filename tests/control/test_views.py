"""The inbox as people meet it: with htmx, without JavaScript, as a stranger, too late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from control import approvals, clock, intents
from control.models import Approval, Approver, Decision, Intent, State, User
from tests.control.spine import wish
from tests.factories import user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide", "capability")]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def waiting(maya: User, tomas: User) -> Intent:
    return intents.submit(wish(maya))


@pytest.fixture
def owner(tomas: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(tomas)


def answer(intent: Intent, verb: str = "approve", **fields: str) -> tuple[str, dict[str, str]]:
    return reverse(f"control:{verb}", args=[intent.pk]), {
        "digest": intent.plan_digest,
        "answer": "as_asked",
        **fields,
    }


def test_the_inbox_opens_with_what_waits(owner: Client, waiting: Intent) -> None:
    page = owner.get(reverse("control:inbox")).content.decode()
    assert "Maya Okafor asks for Size 4" in page
    assert "Order 88 is stuck." in page
    assert "Look at this." in page
    assert waiting.plan_digest in page


def test_an_empty_inbox_says_what_comes_here(client_for: Callable[[User], Client]) -> None:
    page = client_for(user("newcomer")).get(reverse("control:inbox")).content.decode()
    assert "Your inbox is empty" in page


def test_approving_with_htmx_answers_the_inbox_as_it_stands(owner: Client, waiting: Intent) -> None:
    url, fields = answer(waiting, comment="Fine.")
    response = owner.post(url, fields, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in page
    assert "Approved: Size 4, for Maya Okafor." in page
    assert 'id="inbox-count"' in page
    waiting.refresh_from_db()
    assert waiting.state == State.APPROVED


def test_approving_without_javascript_shows_what_was_answered_as_htmx_does(
    owner: Client, waiting: Intent
) -> None:
    url, fields = answer(waiting)
    response = owner.post(url, fields, follow=True)
    assert response.redirect_chain[-1][0] == reverse("control:inbox_item", args=[waiting.pk])
    assert "Approved: Size 4, for Maya Okafor." in response.content.decode()


def test_approving_less_than_was_asked(owner: Client, waiting: Intent) -> None:
    url, fields = answer(waiting, answer="shorten", narrow="size=1")
    owner.post(url, fields)
    waiting.refresh_from_db()
    assert waiting.parameters == {"size": 1}


def test_a_rejection_without_words_is_asked_for_them_and_nothing_changes(
    owner: Client, waiting: Intent
) -> None:
    url, fields = answer(waiting, "reject")
    response = owner.post(url, fields, headers=HTMX)
    assert response.status_code == 422
    assert "Say why: the requester reads it" in response.content.decode()
    waiting.refresh_from_db()
    assert waiting.state == State.AWAITING_APPROVAL


def test_a_rejection_reaches_the_record_with_its_words(owner: Client, waiting: Intent) -> None:
    url, fields = answer(waiting, "reject", comment="Ask for staging.")
    owner.post(url, fields)
    assert Approval.objects.get().comment == "Ask for staging."


def test_a_stranger_finds_no_such_request(client_for: Callable[[User], Client], waiting: Intent) -> None:
    stranger = client_for(user("stranger"))
    assert stranger.get(reverse("control:inbox_item", args=[waiting.pk])).status_code == 404
    url, fields = answer(waiting)
    assert stranger.post(url, fields).status_code == 404
    assert not Approval.objects.exists()


def test_the_requester_reads_it_but_has_no_buttons(
    client_for: Callable[[User], Client], maya: User, waiting: Intent
) -> None:
    page = client_for(maya).get(reverse("control:inbox_item", args=[waiting.pk])).content.decode()
    assert "You asked for this yourself" in page
    assert reverse("control:approve", args=[waiting.pk]) not in page
    url, fields = answer(waiting)
    assert client_for(maya).post(url, fields).status_code == 403


def test_an_administrator_sees_it_and_may_not_decide(
    client_for: Callable[[User], Client], root_admin: User, waiting: Intent
) -> None:
    url, fields = answer(waiting)
    assert client_for(root_admin).post(url, fields).status_code == 403
    assert not Approval.objects.exists()


def test_a_decided_request_says_so_with_409(owner: Client, waiting: Intent, ines: User) -> None:
    approvals.reject(waiting.pk, by=ines, digest=waiting.plan_digest, comment="No.")
    url, fields = answer(waiting)
    response = owner.post(url, fields)
    assert response.status_code == 409
    assert "already rejected" in response.content.decode()


def test_anonymous_visitors_are_sent_to_sign_in(client: Client, waiting: Intent) -> None:
    for name in ("control:inbox", "control:rules"):
        assert reverse("signin") in client.get(reverse(name))["Location"]


def test_answers_are_posted(owner: Client, waiting: Intent) -> None:
    assert owner.get(reverse("control:approve", args=[waiting.pk])).status_code == 405
    assert owner.get(reverse("control:reject", args=[waiting.pk])).status_code == 405


def test_what_people_write_is_never_markup(owner: Client, maya: User, tomas: User) -> None:
    draft = wish(maya)
    hostile = type(draft)(**{**vars(draft), "reason": "<script>alert(1)</script>"})
    intents.submit(hostile)
    page = owner.get(reverse("control:inbox")).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("tab", ["waiting", "mine", "decided"])
@pytest.mark.slow
def test_the_number_of_queries_does_not_grow_with_the_inbox(
    owner: Client, maya: User, tomas: User, tab: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(reverse("control:inbox"), {"tab": tab}).status_code == 200
        return len(captured)

    first = intents.submit(wish(maya))
    for _ in range(9):
        intents.submit(wish(maya))
    few = queries()
    _multiply(first, 990)
    assert queries() == few


def _multiply(intent: Intent, times: int) -> None:
    """Copies of a waiting intent with its decision and approvers, in bulk."""
    copies = [Intent(**{**_fields(intent), "id": uuid4()}) for _ in range(times)]
    Intent.objects.bulk_create(copies)
    decision, approver = intent.decisions.get(), intent.approvers.get()
    Decision.objects.bulk_create(
        Decision(**{**_fields(decision), "id": None, "intent_id": copy.pk}) for copy in copies
    )
    Approver.objects.bulk_create(
        Approver(intent=copy, group_id=approver.group_id, counts_from=copy.requested_at) for copy in copies
    )


def _fields(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_the_rules_page_shows_each_rule_with_its_place(owner: Client) -> None:
    page = owner.get(reverse("control:rules")).content.decode()
    assert "counting-by-owners" in page
    assert "rules.yaml, line" in page


# What an answer must say


def test_shorter_without_saying_how_much_approves_nothing(owner: Client, waiting: Intent) -> None:
    url, fields = answer(waiting, answer="shorten", narrow="")
    response = owner.post(url, fields)
    assert response.status_code == 422
    assert "Choose how much shorter, then approve." in response.content.decode()
    waiting.refresh_from_db()
    assert waiting.state == State.AWAITING_APPROVAL


def test_a_comment_that_is_too_long_is_said_so(owner: Client, waiting: Intent) -> None:
    url, fields = answer(waiting, verb="reject", comment="x" * 2_001)
    assert "The comment is too long." in owner.post(url, fields).content.decode()


def test_enter_in_the_comment_approves_nothing(owner: Client, waiting: Intent) -> None:
    """Browsers press the first button of a form; one that cannot be pressed keeps the words from being a yes."""
    page = owner.get(reverse("control:inbox")).content.decode()
    form = page[page.index('class="decision-bar"') :]
    assert form[form.index("<button") :].startswith('<button type="submit" disabled')


# Who sees what


def test_who_decided_still_sees_it_after_leaving_the_team(
    owner: Client, waiting: Intent, tomas: User
) -> None:
    url, fields = answer(waiting)
    owner.post(url, fields)
    tomas.groups.clear()
    assert owner.get(reverse("control:inbox_item", args=[waiting.pk])).status_code == 200


def test_a_second_account_of_the_requester_is_not_shown_among_who_decides(
    owner: Client, waiting: Intent, payments: Group
) -> None:
    user("m.okafor", "Maya Second", groups=[payments], email="MAYA.OKAFOR@example.org")
    page = owner.get(reverse("control:inbox_item", args=[waiting.pk])).content.decode()
    assert "Maya Second" not in page


def test_the_inbox_tells_how_quickly_one_decided_today(owner: Client, waiting: Intent, ines: User) -> None:
    Intent.objects.update(requested_at=clock.now() - timedelta(minutes=90))
    url, fields = answer(waiting)
    owner.post(url, fields)
    assert (
        "Decided today: 1. Median wait 1\u00a0h\u00a030\u00a0min."
        in owner.get(reverse("control:inbox")).content.decode()
    )
