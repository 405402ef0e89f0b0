"""Every repository of an organisation: found, read again cheaply, and never taken away by a failure."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog import ingest, locations
from catalog.ingest import Outcome
from catalog.models import Entity, HostPause, KeptAnswer, Location, Problem
from control.errors import InvalidParameters, Refused
from control.models import AuditEvent, User
from tests.catalog.hosts.server import Host, Reply
from tests.catalog.hosts.world import World
from tests.catalog.places import component

pytestmark = [pytest.mark.django_db, pytest.mark.service]
Discover = Callable[..., Location]


def discovery(host: Host, type: str = "github", what: str = "") -> Location:
    return locations.register(f"{type}-discovery", f"{host.url}/acme{what}", by=None)


def read(location: Location) -> Outcome:
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    location.refresh_from_db()
    return outcome


def read_all(location: Location) -> Outcome:
    """The discovery, and everything below it, as the schedule does."""
    outcome = read(location)
    for child in location.children.order_by("target"):
        ingest.ingest(child.pk)
    return outcome


def refs() -> set[str]:
    return set(Entity.objects.values_list("ref", flat=True))


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest) -> tuple[str, Host]:
    return request.param, request.getfixturevalue(request.param)


def test_each_repository_with_a_descriptor_becomes_a_location_of_its_own(
    host: tuple[str, Host], world: World
) -> None:
    type, server = host
    for name in ("ledger", "payments"):
        world.add(name)
    world.add("notes", None)
    location = discovery(server, type)
    assert read_all(location) == Outcome(added=2, owes_others=True)
    dash = "-/" if type == "gitlab" else ""
    assert set(location.children.values_list("target", flat=True)) == {
        f"{server.url}/acme/{name}/{dash}blob/main/catalog-info.yaml" for name in ("ledger", "payments")
    }
    assert refs() == {"component:default/ledger", "component:default/payments"}
    assert AuditEvent.objects.filter(action="location.discovered").count() == 1


def test_five_hundred_repositories_are_found_and_a_second_pass_asks_only_whether_something_changed(
    github: Host, world: World
) -> None:
    for number in range(500):
        world.add(f"service-{number:03}", "" if number % 5 else None)
    location = discovery(github)
    tracemalloc.start()
    read(location)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
    for child in location.children.all():
        ingest.ingest(child.pk)
    assert location.children.count() == 400
    assert Entity.objects.count() == 400
    # The account, five full pages and an empty one, one tree for each repository, one file for each found.
    assert len(github.log) == 1 + 6 + 500 + 400
    github.forget()
    events, answers = AuditEvent.objects.count(), set(KeptAnswer.objects.values_list("pk", flat=True))
    assert read_all(location) == Outcome()
    assert all(asked.is_conditional and asked.status == 304 for asked in github.log)
    assert len(github.log) == 1 + 6 + 400  # nothing was pushed, so no tree is asked for
    assert AuditEvent.objects.count() == events
    assert set(KeptAnswer.objects.values_list("pk", flat=True)) == answers


def test_a_second_pass_over_gitlab_is_conditional_too(gitlab: Host, world: World) -> None:
    for number in range(20):
        world.add(f"service-{number}")
    location = discovery(gitlab, "gitlab")
    read_all(location)
    gitlab.forget()
    read_all(location)
    assert len(gitlab.log) == 1 + 20 + 20
    assert all(asked.is_conditional and asked.status == 304 for asked in gitlab.log)


def test_only_what_was_pushed_is_read_again(github: Host, world: World) -> None:
    for name in ("ledger", "payments"):
        world.add(name)
    location = discovery(github)
    read_all(location)
    github.forget()
    world["ledger"].push("catalog-info.yaml", component("ledger", lifecycle="deprecated"))
    read_all(location)
    changed = [asked.path.rpartition("/api/v3")[2] for asked in github.log if asked.status == 200]
    assert changed == ["/orgs/acme/repos", "/repos/acme/ledger/contents/catalog-info.yaml"]
    assert Entity.objects.get(name="ledger").lifecycle == "deprecated"


def test_the_last_full_page_does_not_hide_a_repository_that_comes_after_it(
    host: tuple[str, Host], world: World
) -> None:
    type, server = host
    for number in range(100):
        world.add(f"service-{number}", None)
    location = discovery(server, type)
    read(location)
    world.add("new")
    assert read_all(location).added == 1


def test_a_vanished_repository_takes_its_entities_along_and_the_record_says_why(
    host: tuple[str, Host], world: World
) -> None:
    type, server = host
    for name in ("ledger", "payments"):
        world.add(name)
    location = discovery(server, type)
    read_all(location)
    world.repositories.remove(world["ledger"])
    assert read(location).removed == 1
    assert refs() == {"component:default/payments"}
    event = AuditEvent.objects.get(action="location.removed")
    assert "is not there any more" in event.detail
    assert event.before["entities"] == ["component:default/ledger"]


def test_a_repository_that_moved_to_another_owner_is_gone_from_this_one(github: Host, world: World) -> None:
    world.add("ledger")
    world.add("payments")
    location = discovery(github)
    read_all(location)
    world["ledger"].owner = "elsewhere"
    world["ledger"].former_names.append("acme/ledger")
    assert read(location).removed == 1


def test_a_repository_that_a_listing_passed_over_stays_while_the_host_knows_it(
    github: Host, world: World
) -> None:
    """Pages shift while they are read: what is not on any of them may still be there."""
    world.add("ledger")
    world.add("payments")
    location = discovery(github)
    read_all(location)
    hidden = [one for one in world.repositories if one.name == "ledger"]
    listed = [one for one in world.repositories if one.name != "ledger"]
    original = github.endpoint

    def without_ledger(question):  # type: ignore[no-untyped-def]
        world.repositories = listed if question.path.endswith("/orgs/acme/repos") else hidden + listed
        return original(question)

    github.endpoint = without_ledger
    assert read(location).removed == 0
    assert refs() == {"component:default/ledger", "component:default/payments"}


@pytest.mark.parametrize("status", [403, 404, 451, 500])
def test_a_repository_that_becomes_unreadable_keeps_its_entities_marked_stale(
    host: tuple[str, Host], world: World, status: int
) -> None:
    type, server = host
    for name in ("ledger", "payments"):
        world.add(name)
    location = discovery(server, type)
    read_all(location)
    world["ledger"].refusal = status
    world["ledger"].pushes += 1
    assert read_all(location).removed == 0
    assert refs() == {"component:default/ledger", "component:default/payments"}
    child = Location.objects.get(entities__name="ledger")
    assert child.failing_since is not None
    assert str(status) in child.failure
    assert Location.objects.get(entities__name="payments").failing_since is None
    problem = Problem.objects.get(location=location)
    assert (problem.path, problem.code) == ("acme/ledger", "unreadable")
    world["ledger"].refusal = 0
    world["ledger"].pushes += 1
    read_all(location)
    assert Location.objects.get(pk=child.pk).failing_since is None
    assert not Problem.objects.filter(location=location).exists()


def test_a_file_that_was_deleted_from_its_repository_goes(host: tuple[str, Host], world: World) -> None:
    type, server = host
    world.add("ledger")
    world.add("payments")
    location = discovery(server, type)
    read_all(location)
    world["ledger"].delete("catalog-info.yaml")
    assert read(location).removed == 1
    assert "not in its repository any more" in AuditEvent.objects.get(action="location.removed").detail


@pytest.mark.parametrize(
    "failure", [Reply(500), Reply(401, {"message": "Bad credentials"}), Reply(200, b"<html>")]
)
def test_a_listing_that_fails_removes_nothing(github: Host, world: World, failure: Reply) -> None:
    for number in range(150):
        world.add(f"service-{number}", "" if number % 50 == 0 else None)
    location = discovery(github)
    read_all(location)
    before = refs()
    world.repositories = world.repositories[:100]
    KeptAnswer.objects.all().delete()
    original = github.endpoint

    def failing_on_the_second_page(question):  # type: ignore[no-untyped-def]
        return failure if question.query.get("page") == "2" else original(question)

    github.endpoint = failing_on_the_second_page
    outcome = read(location)
    assert outcome.failure
    assert location.failing_since is not None
    assert refs() == before
    assert location.children.count() == 3


def test_an_empty_listing_is_a_lost_right_and_removes_nothing(host: tuple[str, Host], world: World) -> None:
    type, server = host
    world.add("ledger")
    location = discovery(server, type)
    read_all(location)
    world.repositories.clear()
    assert "lists no repository at all" in read(location).failure
    assert refs() == {"component:default/ledger"}


def test_a_renamed_repository_and_branch_keep_their_entities(host: tuple[str, Host], world: World) -> None:
    type, server = host
    world.add("ledger")
    location = discovery(server, type)
    read_all(location)
    entity = Entity.objects.get(name="ledger")
    world["ledger"].rename("general-ledger")
    world["general-ledger"].branch = "trunk"
    world["general-ledger"].pushes += 1
    assert read_all(location) == Outcome(changed=1, owes_others=True)
    assert Entity.objects.get(name="ledger").pk == entity.pk
    assert location.children.get().target.endswith("blob/trunk/catalog-info.yaml")
    assert "general-ledger" in location.children.get().target


def test_filters_choose_by_name_topic_visibility_archive_and_fork(
    host: tuple[str, Host], world: World
) -> None:
    type, server = host
    world.add("shop-web", topics=["product"])
    world.add("shop-old", topics=["product"], archived=True)
    world.add("shop-copy", topics=["product"], fork=True)
    world.add("shop-play", topics=["product", "sandbox"])
    world.add("shop-open", topics=["product"], visibility="public")
    world.add("shop-bare")
    world.add("ledger", topics=["product"])
    location = discovery(
        server, type, "#/catalog-info.yaml?name=shop-*&topic=product&not-topic=sandbox&visibility=private"
    )
    read_all(location)
    assert refs() == {"component:default/shop-web"}
    every = discovery(server, type, "#/catalog-info.yaml?archived=yes&forks=yes&name=shop-*")
    read(every)
    assert every.children.count() == 5  # shop-web belongs to the first


def test_a_repository_that_is_archived_leaves_when_archives_are_not_selected(
    github: Host, world: World
) -> None:
    world.add("ledger")
    world.add("payments")
    location = discovery(github)
    read_all(location)
    world["ledger"].archived = True
    assert read(location).removed == 1
    assert "not selected any more" in AuditEvent.objects.get(action="location.removed").detail


def test_a_pattern_finds_files_in_all_folders(host: tuple[str, Host], world: World) -> None:
    type, server = host
    mono = world.add("mono")
    mono.files["services/web/catalog-info.yaml"] = component("web")
    mono.files["services/web/other.yaml"] = component("other")
    location = discovery(server, type, "#/**/catalog-info.yaml")
    read_all(location)
    assert refs() == {"component:default/mono", "component:default/web"}


def test_a_file_in_a_folder_is_found_and_repositories_without_it_are_not_missed(
    host: tuple[str, Host], world: World
) -> None:
    type, server = host
    world.add("one", None).files["deploy/portal.yaml"] = component("one")
    world.add("two", None)
    location = discovery(server, type, "#/deploy/portal.yaml")
    assert read_all(location).problems == 0
    assert refs() == {"component:default/one"}


def test_an_empty_repository_is_no_problem(host: tuple[str, Host], world: World) -> None:
    type, server = host
    world.add("ledger")
    world.add("empty", None).files.clear()
    location = discovery(server, type)
    assert read(location) == Outcome(added=1, owes_others=True)


def test_a_list_of_files_that_was_cut_short_takes_nothing_away(github: Host, world: World) -> None:
    world.add("mono").files["a/catalog-info.yaml"] = component("a")
    location = discovery(github, what="#/**/catalog-info.yaml")
    read_all(location)
    world["mono"].delete("a/catalog-info.yaml")
    world["mono"].is_truncated = True
    assert read(location).removed == 0
    assert "more files than its host lists" in Problem.objects.get(location=location).message


def test_the_repositories_of_a_person_are_found_too(github: Host, world: World) -> None:
    world.is_organisation = False
    world.add("dotfiles")
    read_all(discovery(github))
    assert refs() == {"component:default/dotfiles"}


def test_one_broken_repository_changes_nothing_for_the_others(github: Host, world: World) -> None:
    for number in range(10):
        world.add(f"service-{number}")
    world["service-3"].files["catalog-info.yaml"] = "kind: [broken"
    location = discovery(github)
    read_all(location)
    assert Entity.objects.count() == 9
    [problem] = Problem.objects.filter(code="yaml")
    assert "service-3" in problem.path


def test_a_used_up_limit_puts_the_location_off_until_the_host_takes_requests_again(
    github: Host, world: World
) -> None:
    for number in range(20):
        world.add(f"service-{number}")
    location = discovery(github)
    github.use_up(left=10, seconds=900)
    outcome = read(location)
    assert "takes no more requests" in outcome.postponed
    assert location.failing_since is None
    assert location.postponed_until is not None
    assert location.postponed_until == location.next_read_at
    assert timedelta(minutes=14) < location.postponed_until - timezone.now() < timedelta(minutes=16)
    asked = len(github.log)
    read(location)  # somebody asks before the time: the host is left alone
    assert len(github.log) == asked == 10
    HostPause.objects.all().delete()
    github.use_up(left=6, seconds=900)
    read(location)
    HostPause.objects.all().delete()
    github.limit = None
    github.forget()
    assert read(location).added == 20
    assert (
        len([one for one in github.log if one.status == 200]) == 22 - 10 - 6
    )  # what was learned is not asked again
    assert location.postponed_until is None


def test_another_location_of_a_host_at_its_limit_waits_too(github: Host, world: World) -> None:
    world.add("ledger")
    location = discovery(github)
    read(location)
    github.use_up(seconds=900)
    child = location.children.get()
    assert read(child).postponed
    asked = len(github.log)
    assert read(location).postponed
    assert len(github.log) == asked


def test_a_short_wait_is_waited_and_server_errors_are_tried_again(github: Host, world: World) -> None:
    world.add("ledger")
    github.failures = [
        Reply(502),
        Reply(503),
        Reply(429, {"message": "slow down"}, {"Retry-After": "1"}),
    ]
    assert read(discovery(github)).added == 1


def test_a_token_that_is_not_accepted_is_explained(github: Host, world: World) -> None:
    world.add("ledger")
    github.token = "another"
    assert "does not accept the token" in read(discovery(github)).failure


def test_what_somebody_registered_is_left_to_them(github: Host, world: World) -> None:
    world.add("ledger")
    own = locations.register("url", f"{github.url}/acme/ledger/blob/main/catalog-info.yaml", by=None)
    location = discovery(github)
    assert read(location).added == 0
    own.refresh_from_db()
    assert own.parent is None


def test_removing_a_discovery_removes_what_it_found(github: Host, world: World, root_admin: User) -> None:
    for name in ("ledger", "payments"):
        world.add(name)
    location = discovery(github)
    read_all(location)
    locations.remove(location.pk, by=root_admin)
    assert not Location.objects.exists()
    assert refs() == set()


def test_a_found_location_is_not_removed_alone(github: Host, world: World, root_admin: User) -> None:
    world.add("ledger")
    location = discovery(github)
    read_all(location)
    with pytest.raises(Refused, match="would be found again"):
        locations.remove(location.children.get().pk, by=root_admin)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("/ledger", "is a repository"),
        ("#/../x", "not one of a file"),
        ("#/a/**", "must stand alone"),
        ("#/x.yaml?owner=me", "not known"),
        ("#/x.yaml?archived=maybe", "yes or no"),
        ("#/x.yaml?visibility=secret", "public, internal and private"),
    ],
)
def test_selections_that_make_no_sense_are_refused(github: Host, maya: User, what: str, words: str) -> None:
    with pytest.raises(InvalidParameters, match=words):
        locations.register("github-discovery", f"{github.url}/acme{what}", by=maya)


def test_a_host_without_an_integration_is_refused_with_the_setting_to_change(maya: User) -> None:
    with pytest.raises(InvalidParameters, match="PORTICO_INTEGRATIONS"):
        locations.register("github-discovery", "https://git.example.com/acme", by=maya)


def test_a_selection_has_one_spelling(github: Host, maya: User) -> None:
    first = locations.register("github-discovery", f"{github.url}/acme/", by=maya)
    again = locations.register("github-discovery", f"{github.url}/acme#catalog-info.yaml", by=maya)
    assert first == again
    assert first.target == f"{github.url}/acme#/catalog-info.yaml"
