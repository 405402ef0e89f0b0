"""People and teams of hosts: who they are, which teams they are in, and that only administrators take them in."""

from __future__ import annotations

import pytest

from catalog import ingest, locations
from catalog.models import Entity, Location
from control.errors import Refused
from control.models import User
from tests import factories
from tests.catalog.hosts.server import Host, Reply
from tests.catalog.hosts.world import Team, World

pytestmark = [pytest.mark.django_db, pytest.mark.service]


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest, world: World) -> Host:
    world.people = {"maya": "Maya Okafor", "tomas": "Tomas Lind", "ines": "Inês Duarte"}
    if request.param == "github":
        world.teams = [
            Team(1, "engineering", "Engineering", members=["maya", "tomas"]),
            Team(2, "payments", "Payments", parent=1, members=["tomas"]),
        ]
    else:
        world.teams = [
            Team(1, "acme", "Acme", members=["maya", "ines"]),
            Team(2, "acme/engineering", "Engineering", parent=1, members=["maya", "tomas"]),
            Team(3, "acme/engineering/payments", "Payments", parent=2, members=["tomas"]),
        ]
    found: Host = request.getfixturevalue(request.param)
    found.type = request.param  # type: ignore[attr-defined]  # for the address below
    return found


def registered(host: Host, by: User | None = None) -> Location:
    return locations.register(f"{host.type}-org", f"{host.url}/acme", by=by)  # type: ignore[attr-defined]


def entity(ref: str) -> Entity:
    return Entity.objects.get(ref=ref)


def relations(ref: str, type: str) -> set[str]:
    return set(entity(ref).relations.filter(type=type).values_list("target_ref", flat=True))


def test_people_come_with_their_profile(host: Host) -> None:
    outcome = ingest.ingest(registered(host).pk)
    assert outcome is not None
    assert not outcome.problems
    maya = entity("user:default/maya")
    assert maya.title == "Maya Okafor"
    assert maya.document["spec"]["profile"] == {
        "displayName": "Maya Okafor",
        "email": "maya@example.org",
        "picture": "https://avatars.example/maya.png",
    }
    assert set(Entity.objects.filter(kind="user").values_list("name", flat=True)) == {"maya", "tomas", "ines"}


def test_teams_come_with_their_parents_and_members(host: Host) -> None:
    ingest.ingest(registered(host).pk)
    parent = "group:default/engineering"
    child = (
        "group:default/payments" if host.type == "github" else "group:default/engineering-payments"  # type: ignore[attr-defined]
    )
    assert entity(child).title == "Payments"
    assert relations(child, "childOf") == {parent}
    assert relations(parent, "parentOf") == {child}
    assert relations(child, "hasMember") == {"user:default/tomas"}
    assert relations(parent, "hasMember") == {"user:default/maya", "user:default/tomas"}


def test_memberships_give_the_right_to_decide_and_take_it_away_again(host: Host, world: World) -> None:
    tomas = factories.user("tomas", entity_ref="user:default/tomas")
    location = registered(host)
    ingest.ingest(location.pk)
    assert tomas.groups.filter(name="group:default/engineering").exists()
    next(team for team in world.teams if team.title == "Engineering").members.remove("tomas")
    ingest.ingest(location.pk)
    assert not tomas.groups.filter(name="group:default/engineering").exists()


def test_a_second_read_makes_conditional_requests_only_and_writes_nothing(host: Host) -> None:
    location = registered(host)
    ingest.ingest(location.pk)
    host.forget()
    assert ingest.ingest(location.pk) == ingest.Outcome()
    assert host.log
    assert all(asked.is_conditional and asked.status == 304 for asked in host.log)


def test_only_administrators_register_them(host: Host, maya: User, root_admin: User) -> None:
    with pytest.raises(Refused):
        registered(host, maya)
    assert registered(host, root_admin).is_org_source


@pytest.mark.parametrize("failure", [Reply(500), Reply(403, {"message": "no"})])
def test_a_list_of_members_that_cannot_be_read_takes_nobody_out(
    host: Host, world: World, failure: Reply
) -> None:
    location = registered(host)
    ingest.ingest(location.pk)
    original = host.endpoint
    host.endpoint = lambda question: failure if "/members" in question.path else original(question)
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert outcome.failure
    assert relations("group:default/engineering", "hasMember") == {"user:default/maya", "user:default/tomas"}


def test_an_organisation_without_anybody_is_a_lost_right(host: Host, world: World) -> None:
    location = registered(host)
    ingest.ingest(location.pk)
    world.people, world.teams = {}, []
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert outcome.failure
    assert Entity.objects.filter(kind="user").count() == 3


def test_a_name_that_is_none_is_a_problem_of_its_own(host: Host, world: World) -> None:
    world.people["-odd-"] = "Odd"
    if host.type == "gitlab":  # type: ignore[attr-defined]
        world.teams[0].members.append("-odd-")
    outcome = ingest.ingest(registered(host).pk)
    assert outcome is not None
    assert outcome.problems >= 1
    assert Entity.objects.filter(kind="user").count() == 3
