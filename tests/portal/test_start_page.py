"""The home page: what waits, what is theirs, what is new; the same number of queries for any number of rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import Grant
from control.models import Approver, Intent, State, User
from portal.start_page import start_page
from scaffolder.models import Run
from tests import factories

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def intent(
    by: User, *, asked: Group | None = None, state: State = State.AWAITING_APPROVAL, **fields: object
) -> Intent:
    now = timezone.now()
    decided = None if state == State.AWAITING_APPROVAL else now
    made = Intent.objects.create(
        capability=str(fields.pop("capability", "access.grant")),
        title=str(fields.pop("title", "Production logs of payments")),
        subject_ref="component:default/payments",
        subject_title="payments",
        state=state,
        requested_by=by,
        requested_at=now,
        decided_at=decided,
        decide_before=now + timedelta(days=7),
        plan_digest="0" * 64,
    )
    if asked:
        Approver.objects.create(intent=made, group=asked, counts_from=made.requested_at)
    return made


def grant(to: User, ends_in: timedelta) -> Grant:
    now = timezone.now()
    return Grant.objects.create(
        intent=intent(to, state=State.SUCCEEDED),
        user=to,
        role="production-logs",
        role_title="Production logs",
        entity_ref="component:default/payments",
        environment="production",
        starts_at=now - timedelta(hours=1),
        expires_at=now + ends_in,
    )


def test_a_request_shows_for_its_owner_to_decide_and_for_its_requester_to_follow(
    maya: User, tomas: User, payments: Group
) -> None:
    asked = intent(maya, asked=payments)
    assert start_page(tomas).waiting == [(asked, None)]
    assert start_page(maya).waiting == []
    assert start_page(maya).requests == [asked]


def test_grants_show_while_they_hold(maya: User) -> None:
    held = grant(maya, timedelta(hours=1))
    grant(maya, timedelta(seconds=-1))
    assert start_page(maya).grants == [held]


def test_components_of_ones_teams_are_ones_own(tomas: User) -> None:
    own = factories.entity("component:default/payments", owner_ref="group:default/payments")
    factories.entity("component:default/shop", owner_ref="group:default/storefront")
    factories.entity("api:default/payments", owner_ref="group:default/payments")
    assert start_page(tomas).owned == [own]


def test_locations_that_cannot_be_read_show_to_who_registered_them_and_to_owners_of_what_they_hold(
    maya: User, tomas: User, ines: User, client_for: ClientFor
) -> None:
    now = timezone.now()
    broken = factories.location(registered_by=maya, failing_since=now, failure="The token is not accepted.")
    factories.location("https://git.example.org/fine.git", registered_by=maya)
    factories.location("https://git.example.org/other.git", failing_since=now)
    factories.entity("component:default/payments", owner_ref="group:default/payments", location=broken)
    assert start_page(maya).unreadable == [broken]
    assert start_page(tomas).unreadable == [broken]
    page = client_for(tomas).get("/").content.decode()
    assert "Locations of yours that cannot be read" in page
    assert "The token is not accepted." in page
    assert broken.get_absolute_url() in page
    stranger = factories.user("stranger")
    assert start_page(stranger).unreadable == []
    assert "cannot be read" not in client_for(stranger).get("/").content.decode()


def test_an_empty_catalogue_says_what_to_do_first(maya: User, client_for: ClientFor) -> None:
    page = client_for(maya).get("/").content.decode()
    assert "The catalogue is empty" in page
    assert 'href="/locations/register/"' in page


def test_a_person_with_nothing_is_told_so_and_led_on(maya: User, client_for: ClientFor) -> None:
    factories.entity("component:default/shop", owner_ref="group:default/storefront")
    page = client_for(maya).get("/").content.decode()
    assert "Nobody waits for your decision." in page
    assert "No component is owned by you or your teams." in page
    assert "You have made nothing yet." in page


def test_who_is_not_signed_in_is_asked_to(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/signin/?next=/"


def test_the_number_of_queries_is_the_same_for_one_row_and_for_thirty(
    tomas: User, maya: User, payments: Group, client_for: ClientFor
) -> None:
    client = client_for(tomas)
    counts = []
    for rows in (1, 30):
        for number in range(rows):
            factories.entity(f"component:default/service-{rows}-{number}", owner_ref="group:default/payments")
            intent(maya, asked=payments)
            intent(tomas)
            grant(tomas, timedelta(hours=1))
            Run.objects.create(intent=intent(tomas, capability="scaffolder.run"), **run_fields())
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def run_fields() -> dict[str, object]:
    return {"template_ref": "template:default/python-service", "template": {}, "values": {}}
