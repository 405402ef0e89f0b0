"""Discoveries, sources of people and portals as people meet them: registering, watching, removing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from catalog import ingest, locations
from catalog.forms import guess_type
from catalog.models import Location
from control.models import User
from tests import factories
from tests.catalog.hosts.server import Host
from tests.catalog.hosts.world import Team, World
from tests.catalog.pages import HTMX, queries

pytestmark = pytest.mark.django_db
REGISTER = "/locations/register/"


@pytest.fixture
def reader(maya: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(maya)


def page(client: Client, url: str, **headers: str) -> str:
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    return str(response.content.decode())


def child(parent: Location, name: str, **fields: object) -> Location:
    target = f"https://github.com/acme/{name}/blob/main/catalog-info.yaml"
    return factories.location(
        target, type="url", parent=parent, found_as=f"{name}:catalog-info.yaml", **fields
    )


@pytest.fixture
def discovery(db: None) -> Location:
    return factories.location(
        "https://github.com/acme#/catalog-info.yaml", type="github-discovery", read_at=timezone.now()
    )


@pytest.mark.parametrize(
    ("target", "type"),
    [
        ("https://github.com/acme", "github-discovery"),
        ("https://github.com/acme/", "github-discovery"),
        ("https://gitlab.com/acme", "gitlab-discovery"),
        ("https://github.com/acme/ledger", "git"),
        ("https://git.example.com/acme", "url"),
    ],
)
def test_the_address_of_an_organisation_is_guessed_as_one(db: None, target: str, type: str) -> None:
    assert guess_type(target) == type


def test_the_form_writes_its_fields_into_the_target(reader: Client, maya: User) -> None:
    fields = {
        "target": "https://github.com/acme",
        "path": "/**/catalog-info.yaml",
        "name": "shop-*",
        "not_topic": "Sandbox, old",
        "archived": "on",
    }
    reader.post(REGISTER, fields)
    location = Location.objects.get()
    assert (location.type, location.registered_by) == ("github-discovery", maya)
    assert location.target == (
        "https://github.com/acme#/**/catalog-info.yaml?name=shop-*&not-topic=sandbox,old&archived=yes"
    )


def test_a_field_that_makes_no_sense_is_explained_and_its_part_of_the_form_is_open(reader: Client) -> None:
    response = reader.post(REGISTER, {"target": "https://github.com/acme", "visibility": "secret"})
    html = response.content.decode()
    assert response.status_code == 422
    assert "public, internal and private" in html
    assert '<details class="facet-more" open>' in html


def test_fields_of_discoveries_mean_nothing_for_other_types(reader: Client) -> None:
    reader.post(REGISTER, {"target": "https://github.com/acme/ledger", "name": "shop-*"})
    assert Location.objects.get().target == "https://github.com/acme/ledger"


def test_typing_says_what_a_discovery_would_do(reader: Client) -> None:
    html = page(reader, f"{REGISTER}?target=https://github.com/acme&type=", **HTMX)
    assert "lists the repositories" in html
    assert "PORTICO_INTEGRATIONS" in page(
        reader, f"{REGISTER}?target=https://git.example.com/acme&type=github-discovery", **HTMX
    )


def test_the_preview_of_a_discovery_says_when_it_is_known_what_it_finds(reader: Client) -> None:
    response = reader.post(f"{REGISTER}preview/", {"target": "https://github.com/acme"})
    assert response.status_code == 422
    assert "is known once it is registered" in response.content.decode()


def test_sources_of_people_are_offered_to_administrators_only(
    reader: Client, root_admin: User, client_for: Callable[[User], Client]
) -> None:
    assert "github-org" not in page(reader, REGISTER)
    assert "github-org" in page(client_for(root_admin), REGISTER)
    refused = reader.post(REGISTER, {"target": "https://github.com/acme", "type": "github-org"})
    assert refused.status_code == 422
    assert not Location.objects.exists()


def test_a_source_of_people_says_so_before_and_after(
    root_admin: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(root_admin)
    assert "teams approve requests" in page(
        client, f"{REGISTER}?target=https://github.com/acme&type=github-org", **HTMX
    )
    client.post(REGISTER, {"target": "https://github.com/acme", "type": "github-org"})
    assert Location.objects.get().is_org_source


def test_the_page_of_a_discovery_lists_what_it_found_the_troubled_first(
    reader: Client, discovery: Location
) -> None:
    now = timezone.now()
    child(discovery, "alpha", read_at=now, entity_count=1)
    child(discovery, "zeta", read_at=now, failing_since=now, failure="No.")
    html = page(reader, discovery.get_absolute_url())
    assert html.index("acme/zeta") < html.index("acme/alpha")
    assert "Cannot be read" in html
    assert "1 with problems" in html


def test_a_discovery_that_found_nothing_says_what_to_change(reader: Client, discovery: Location) -> None:
    assert "No repository has the file that is looked for" in page(reader, discovery.get_absolute_url())


def test_a_found_location_names_its_discovery_and_offers_no_removal(
    root_admin: User, client_for: Callable[[User], Client], discovery: Location
) -> None:
    html = page(client_for(root_admin), child(discovery, "ledger").get_absolute_url())
    assert discovery.get_absolute_url() in html
    assert "/remove/" not in html


def test_the_list_shows_what_was_registered_and_the_rest_apart(reader: Client, discovery: Location) -> None:
    child(discovery, "ledger", failing_since=timezone.now())
    assert "acme/ledger" not in page(reader, "/locations/")
    assert "acme/ledger" in page(reader, "/locations/?state=found")
    assert "acme/ledger" in page(reader, "/locations/?state=problems")


def test_a_postponed_location_says_until_when_and_why(reader: Client) -> None:
    location = factories.location(
        postponed_until=timezone.now() + timedelta(minutes=10), postponed_why="Its limit is used up."
    )
    html = page(reader, location.get_absolute_url())
    assert "Waits until" in html
    assert "Its limit is used up." in html
    assert "Waits until" in page(reader, "/locations/")


def test_pages_need_as_many_queries_for_thirty_as_for_three(reader: Client, discovery: Location) -> None:
    for number in range(3):
        child(discovery, f"few-{number}")
    few = queries(reader, discovery.get_absolute_url())
    for number in range(27):
        child(discovery, f"many-{number}")
    assert queries(reader, discovery.get_absolute_url()) == few


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_the_command_reads_a_discovery_with_all_that_it_finds(github: Host, world: World) -> None:
    world.add("ledger")
    world.add("broken", "kind: [")
    output = run("register_location", "github-discovery", f"{github.url}/acme")
    assert "2 added" in output
    assert "broken/blob/main/catalog-info.yaml:" in output
    assert "ledger/blob/main/catalog-info.yaml: 1 added" in output
    assert "0 added, 0 changed" in run("refresh_locations")


def test_the_command_takes_in_people_and_explains_what_it_cannot_read(github: Host, world: World) -> None:
    world.people = {"maya": "Maya"}
    world.teams = [Team(1, "support", "Support", members=["maya"])]
    assert "2 added" in run("register_location", "github-org", f"{github.url}/acme")
    github.token = "another"
    with pytest.raises(CommandError, match="does not accept the token"):
        run("register_location", "github-discovery", f"{github.url}/acme")


def test_asking_a_discovery_again_is_one_look(github: Host, world: World, maya: User) -> None:
    world.add("ledger")
    location = locations.register("github-discovery", f"{github.url}/acme", by=maya)
    ingest.ingest(location.pk)
    locations.ask_refresh(location.pk, by=maya)
    assert ingest.ingest(location.pk) == ingest.Outcome()
    location.refresh_from_db()
    assert location.refresh_asked_at is None
