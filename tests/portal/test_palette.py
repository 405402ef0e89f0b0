"""The palette: what is found, what can be done with it, where one can go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.postgres.search import SearchVector
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Entity
from control.models import User
from portal.palette import marked
from tests import factories
from tests.access import room

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def entity(ref: str, **fields: object) -> Entity:
    made = factories.entity(ref, **fields)
    Entity.objects.filter(pk=made.pk).update(search=SearchVector("name", "title", config="simple"))
    return made


def rows(client: Client, text: str) -> str:
    answer = client.get("/palette/", {"q": text})
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_entity_is_found_and_access_to_it_can_be_asked_for(
    maya: User, client_for: ClientFor, tmp_path: Path
) -> None:
    room.publish(tmp_path)
    entity("component:default/payments", type="service", owner_ref="group:default/payments")
    page = rows(client_for(maya), "pay")
    assert 'href="/catalog/component/default/payments/"' in page
    assert "<mark>pay</mark>ments" in page
    assert 'href="/access/request/?entity=component%3Adefault%2Fpayments"' in page


def test_a_template_is_offered_to_create_from_and_not_for_access(maya: User, client_for: ClientFor) -> None:
    entity("template:default/python-service", title="Python service")
    page = rows(client_for(maya), "python")
    assert 'href="/create/default/python-service/"' in page
    assert "Request access" not in page


def test_access_is_not_offered_where_no_rule_offers_any(maya: User, client_for: ClientFor) -> None:
    entity("component:default/payments", type="service")
    assert "Request access" not in rows(client_for(maya), "payments")


def test_a_team_is_found_but_access_to_it_is_not_offered(maya: User, client_for: ClientFor) -> None:
    entity("group:default/payments")
    assert "Request access" not in rows(client_for(maya), "payments")


def test_without_words_it_shows_where_one_can_go(maya: User, client_for: ClientFor) -> None:
    page = rows(client_for(maya), "")
    assert 'href="/inbox/"' in page
    assert 'href="/locations/register/"' in page


def test_a_page_is_found_by_its_other_names(maya: User, client_for: ClientFor) -> None:
    page = rows(client_for(maya), "import repo")
    assert "Register a location" in page
    assert "Rules in force" not in page


def test_nothing_found_says_so(maya: User, client_for: ClientFor) -> None:
    assert "Nothing is called “zzzzz”" in rows(client_for(maya), "zzzzz")


def test_what_people_type_and_what_things_are_called_is_escaped(maya: User, client_for: ClientFor) -> None:
    assert "<script>" not in rows(client_for(maya), "<script>")
    assert marked("<b>pay</b>", "pay") == "&lt;b&gt;<mark>pay</mark>&lt;/b&gt;"


@pytest.mark.parametrize(
    ("label", "text", "shown"),
    [
        ("refund-payments", "pay", "refund-<mark>pay</mark>ments"),
        ("repay", "pay", "repay"),
        ("Payments API", "api pay", "<mark>Pay</mark>ments <mark>API</mark>"),
        ("a.b*c axb", "a.b", "<mark>a.b</mark>*c axb"),
        ("payments", "", "payments"),
    ],
)
def test_letters_are_marked_where_they_begin_a_word(label: str, text: str, shown: str) -> None:
    assert marked(label, text) == shown


def test_the_number_of_queries_does_not_grow(maya: User, client_for: ClientFor) -> None:
    client = client_for(maya)
    counts = []
    for size in (4, 40):
        for number in range(size):
            entity(f"component:default/service-{size}-{number}")
        with CaptureQueriesContext(connection) as queries:
            rows(client, "service")
        counts.append(len(queries))
    assert counts[0] == counts[1]
