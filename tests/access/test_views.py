"""The pages as people meet them: ask, see the decision first, follow, end; strangers see nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import Grant
from catalog.models import Entity
from control import approvals
from control.models import Intent, State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
SignedIn = Callable[[User], Client]
FORM = {
    "entity": room.REF,
    "what": "production-logs@production",
    "duration": "4h",
    "reason": "Refunds of order 88 fail.",
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(maya: User, tomas: User, client_for: SignedIn) -> Client:
    """Maya's browser; Tomas owns payments."""
    return client_for(maya)


def text(answer: object) -> str:
    content: bytes = answer.content  # type: ignore[attr-defined]  # of whichever response class
    words = re.sub(r"</?code[^>]*>", "", content.decode())
    return " ".join(words.replace("\u00a0", " ").replace("&nbsp;", " ").split())


# Asking


def test_the_form_offers_every_role_with_its_consequence(client: Client) -> None:
    page = text(client.get("/access/request/", {"entity": room.REF}))
    assert "payments decides" in page
    assert "Allowed at once" in page
    assert "production-shell is for the group platform, and you are not in it" in page


def test_the_decision_is_shown_before_anything_is_sent(client: Client) -> None:
    page = text(
        client.get("/access/request/", {"entity": room.REF, "role": "production-logs", "duration": "2h"})
    )
    assert "Needs approval" in page
    assert "One of the payments owners must agree. Then you have 2 h." in page
    assert "Tomas Lind" in page
    assert f"portico_maya_okafor joins {room.RIGHT}" in page
    assert not Intent.objects.exists()


def test_every_stage_is_shown_before_anything_is_sent(
    client: Client, root_admin: User, tmp_path: Path
) -> None:
    stages = (
        "approval: {stages: [{name: Owners, anyOf: [{owners: true}], "
        "escalation: [{after: 4h, anyOf: [{kind: User, name: root.admin}]}]}, "
        "{name: Administrators, anyOf: [{kind: User, name: root.admin}]}]}"
    )
    room.publish(tmp_path, room.RULES.replace("approval: {anyOf: [{owners: true}], count: 1}", stages, 1))
    page = text(client.get("/access/request/", {"entity": room.REF, "role": "production-logs"}))
    page = page[page.index("Who will be asked") :]
    first, second = page.index("<b>Owners</b>"), page.index("<b>Administrators</b>")
    assert first < page.index("Tomas Lind") < page.index("after 4 h, Root Admin too") < second
    assert second < page.index("Root Admin must agree")


def test_once_somebody_has_agreed_the_page_says_what_is_still_missing(
    client: Client, maya: User, tomas: User, root_admin: User, tmp_path: Path
) -> None:
    stages = "approval: {stages: [{anyOf: [{owners: true}]}, {anyOf: [{kind: User, name: root.admin}]}]}"
    room.publish(tmp_path, room.RULES.replace("approval: {anyOf: [{owners: true}], count: 1}", stages, 1))
    intent = room.ask(maya)
    url = f"/access/requests/{intent.pk}/"
    assert "First one of the payments owners must agree, then Root Admin." in text(client.get(url))
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert "1 of 2 have agreed. Now Root Admin must agree." in text(client.get(url))


@pytest.mark.parametrize(
    ("typed", "words", "label"),
    [
        ({}, "One of the payments owners must agree. Then you have 4 h.", "Send to Tomas Lind"),
        ({"other": "8h"}, "8 h is more than production-logs allows. Ask for 4 h or less.", "disabled"),
        ({"other": "soon"}, "“soon” is not a length of time.", "disabled"),
        ({"what": "staging-shell@staging"}, "Allowed at once. You have 4 h.", "Get access now"),
        ({"what": "production-shell@production"}, "you are not in it", "disabled"),
    ],
)
def test_the_panel_follows_what_is_typed(
    client: Client, typed: dict[str, str], words: str, label: str
) -> None:
    answer = text(client.get("/access/request/decision/", {**FORM, **typed}, headers=HTMX))
    assert words in answer
    assert label in answer[answer.index('id="send"') :]


def test_a_role_with_a_shorter_limit_brings_the_length_within_it(client: Client, maya: User) -> None:
    maya.groups.add(factories.group("group:default/platform"))
    typed = {**FORM, "what": "production-shell@production", "changed": "what"}
    answer = text(client.get("/access/request/decision/", typed, headers=HTMX))
    assert "Then you have 1 h." in answer
    assert 'id="lengths" hx-swap-oob="true"' in answer


def test_a_length_that_is_chosen_replaces_one_that_was_typed(client: Client) -> None:
    typed = {**FORM, "other": "3h", "duration": "2h", "changed": "duration"}
    answer = text(client.get("/access/request/decision/", typed, headers=HTMX))
    assert "Then you have 2 h." in answer
    assert 'name="other" value=""' in answer


def test_sending_makes_a_request_and_leads_to_it(client: Client, maya: User) -> None:
    answer = client.post("/access/request/", FORM)
    intent = Intent.objects.get()
    assert (intent.requested_by, intent.state) == (maya, State.AWAITING_APPROVAL)
    assert answer["Location"] == f"/access/requests/{intent.pk}/"


def test_sending_the_same_form_twice_makes_one_request(client: Client) -> None:
    form = {**FORM, "key": str(uuid4())}
    first, second = client.post("/access/request/", form), client.post("/access/request/", form)
    assert first["Location"] == second["Location"]
    assert Intent.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": ""}, "Say why. Whoever decides reads it first"),
        ({"other": "8h"}, "8 h is more than production-logs allows."),
        ({"other": "soon"}, "“soon” is not a length of time."),
        ({"what": "root@production"}, "Choose one of the roles that are offered here."),
        ({"what": "production-logs@staging"}, "Production logs is offered in production. Choose that."),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_words_at_the_field_and_nothing_made(
    client: Client, changed: dict[str, str], words: str
) -> None:
    answer = client.post("/access/request/", {**FORM, **changed})
    assert answer.status_code == 422
    assert words in text(answer)
    assert FORM["reason"] in text(answer) or not changed.get("reason", "x")
    assert not Intent.objects.exists()


def test_without_javascript_the_decision_can_be_looked_at(client: Client) -> None:
    answer = client.post("/access/request/", {**FORM, "what": "staging-shell@staging", "look": "1"})
    assert "Allowed at once" in text(answer)
    assert not Intent.objects.exists()


def test_what_the_rules_refuse_is_kept_as_refused_and_gives_nothing(client: Client) -> None:
    answer = client.post(
        "/access/request/", {**FORM, "what": "production-shell@production", "duration": "1h"}, follow=True
    )
    assert "Refused" in text(answer)
    assert Intent.objects.get().state == State.DENIED
    assert not Grant.objects.exists()


def test_an_entity_that_is_not_there_is_not_found(client: Client) -> None:
    assert client.get("/access/request/", {"entity": "component:default/nothing"}).status_code == 404


def test_who_comes_without_an_entity_chooses_one(client: Client) -> None:
    factories.entity("component:default/handbook", type="documentation")
    factories.entity("resource:default/bucket")
    page = text(client.get("/access/request/"))
    assert "/access/request/?entity=component:default/payments" in page
    assert "bucket" not in page


# Following


def test_the_page_of_a_request_that_waits_says_who_is_asked(client: Client, maya: User) -> None:
    intent = room.ask(maya)
    page = text(client.get(f"/access/requests/{intent.pk}/"))
    assert "Waiting" in page
    assert "Tomas Lind" in page
    assert "Withdraw" in page
    assert 'hx-trigger="every 5s"' in page


def test_the_page_of_a_grant_says_when_it_ends_and_who_allowed_it(
    client: Client, maya: User, tomas: User
) -> None:
    grant = room.granted(maya, by=tomas)
    page = text(client.get(f"/access/requests/{grant.intent_id}/"))
    assert "by itself." in page
    assert "Approved by Tomas Lind" in page
    assert "You are in group:default/support" in page
    assert "End now" in page


def test_an_approver_reads_reasons_about_the_requester_and_not_about_themselves(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    intent = room.ask(maya)
    page = text(client_for(tomas).get(f"/access/requests/{intent.pk}/"))
    assert "Maya Okafor is in group:default/support" in page
    assert "You are in" not in page


def test_a_stranger_does_not_see_a_request(maya: User, tomas: User, client_for: SignedIn) -> None:
    intent = room.ask(maya)
    stranger = client_for(factories.user("freya.nilsen", groups=["group:default/storefront"]))
    for address in ("", "end/", "withdraw/", "sign-in/", "retry/"):
        url = f"/access/requests/{intent.pk}/{address}"
        assert (stranger.post(url) if address else stranger.get(url)).status_code == 404
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL


def test_an_owner_sees_what_a_rule_gave_without_asking_them(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    intent = room.ask(maya, role="staging-shell", environment="staging")
    assert "End now" in text(client_for(tomas).get(f"/access/requests/{intent.pk}/"))


def test_ending_it_is_one_press_and_the_page_says_so(client: Client, maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    answer = client.post(f"/access/requests/{grant.intent_id}/end/", follow=True)
    assert "Ended early by Maya Okafor" in text(answer)
    assert not Grant.objects.live().exists()
    assert client.post(f"/access/requests/{grant.intent_id}/end/").status_code == 409


def test_withdrawing_takes_it_out_of_the_inbox(client: Client, maya: User, tomas: User) -> None:
    intent = room.ask(maya)
    answer = client.post(f"/access/requests/{intent.pk}/withdraw/", headers=HTMX)
    assert "Withdrawn" in text(answer)
    assert not Intent.objects.waiting_for(tomas).exists()


@pytest.mark.parametrize("action", ["end", "withdraw", "sign-in", "retry"])
def test_a_link_changes_nothing(client: Client, maya: User, action: str) -> None:
    intent = room.ask(maya)
    assert client.get(f"/access/requests/{intent.pk}/{action}/").status_code == 405


def test_going_back_after_an_end_never_leaves_the_portal(client: Client, maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    answer = client.post(f"/access/requests/{grant.intent_id}/end/", {"next": "//evil.example/"})
    assert answer["Location"] == f"/access/requests/{grant.intent_id}/"


@pytest.mark.parametrize(
    ("reason", "words"),
    [("x" * 2_001, "The reason is too long."), ("\0", "Null characters are not allowed.")],
)
def test_a_reason_that_cannot_be_kept_ends_nothing_and_is_said(
    client: Client, maya: User, tomas: User, reason: str, words: str
) -> None:
    grant = room.granted(maya, by=tomas)
    answer = client.post(f"/access/requests/{grant.intent_id}/end/", {"reason": reason})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Grant.objects.live().exists()


@pytest.mark.parametrize(
    "path", ["/access/check/?entity=%00", "/access/request/?entity=a%00b", "/palette/?q=%00"]
)
def test_an_address_with_a_zero_byte_is_refused_and_no_defect(client: Client, path: str) -> None:
    assert client.get(path).status_code == 400


def test_other_methods_than_looking_and_sending_are_refused(client: Client) -> None:
    assert client.delete(f"/access/request/?entity={room.REF}").status_code == 405


def test_words_that_people_typed_are_shown_as_words(client: Client, maya: User) -> None:
    intent = room.ask(maya, reason="<script>alert(1)</script>{{ 7|add:7 }}")
    page = client.get(f"/access/requests/{intent.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "{{ 7|add:7 }}" in page


# My access, the tab of an entity


def test_who_holds_nothing_is_told_that_this_is_well(client: Client) -> None:
    page = text(client.get("/access/"))
    assert "You hold no time-boxed access" in page
    assert "That is how it should be most days." in page


def test_my_access_shows_what_holds_waits_ended_and_is_always_so(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    room.ask(maya)
    now = timezone.now()
    room.grant_between(maya, now - timedelta(hours=2), now - timedelta(hours=1))
    room.granted(maya, by=tomas)
    mine = text(client_for(maya).get("/access/"))
    assert "Waiting for somebody" in mine
    assert "by itself" in mine
    assert "Staging logs" in text(client_for(tomas).get("/access/"))


def test_the_tab_shows_who_holds_what_and_lets_owners_end_it(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    grant = room.granted(maya, by=tomas)
    url = "/catalog/component/default/payments/access/"
    owner, stranger = client_for(tomas), client_for(factories.user("freya.nilsen"))
    assert "End Production logs of Maya Okafor now" in text(owner.get(url))
    assert "End Production logs of Maya Okafor now" not in text(stranger.get(url))
    answer = owner.post(f"/access/requests/{grant.intent_id}/end/", {"next": url})
    assert answer["Location"] == url
    assert "Nobody holds time-boxed access here." in text(owner.get(url))


def test_the_overview_of_an_entity_leads_to_a_request(client: Client) -> None:
    page = text(client.get("/catalog/component/default/payments/"))
    assert "/access/request/?entity=component:default/payments" in page
    assert "Your access" in page


# The question of a tool


def test_a_tool_hears_yes_until_when_and_why(client: Client, maya: User, tomas: User) -> None:
    query = {"entity": room.REF, "permission": "logs:read"}
    assert client.get("/access/check/", query).json()["allowed"] is False
    grant = room.granted(maya, by=tomas)
    said = client.get("/access/check/", query).json()
    assert said == {
        "allowed": True,
        "until": grant.expires_at.isoformat(),
        "why": "Production logs in production",
        "environments": ["production"],
    }
    assert client.get("/access/check/", {**query, "environment": "staging"}).json()["allowed"] is False


def test_who_is_not_signed_in_is_sent_to_sign_in() -> None:
    for url in ("/access/", "/access/request/", "/access/check/", f"/access/requests/{uuid4()}/"):
        assert Client().get(url)["Location"].startswith("/signin/")


# The number of queries does not grow with the number of rows


def _queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    "url", ["/access/", f"/access/request/?entity={room.REF}", "/catalog/component/default/payments/access/"]
)
@pytest.mark.slow
def test_pages_take_as_many_queries_for_1000_grants_as_for_10(
    maya: User, tomas: User, client_for: SignedIn, url: str
) -> None:
    client = client_for(maya)
    people = [maya, *(factories.user(f"person.{number}") for number in range(30))]
    room.many_grants(people, 10 * len(people))
    few = _queries(client, url)
    room.many_grants(people, 1000)
    assert _queries(client, url) == few


def test_the_page_of_a_request_takes_as_many_queries_with_many_other_holders(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path, service: Entity
) -> None:
    intent = room.ask(maya)
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    client, url = client_for(maya), f"/access/requests/{intent.pk}/"
    others = [factories.user(f"person.{number}") for number in range(20)]
    room.many_grants(others, 20)
    few = _queries(client, url)
    room.many_grants(others, 1000)
    assert _queries(client, url) == few
