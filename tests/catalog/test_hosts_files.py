"""Single files of repositories: by the API of their host, with its token, and only when they changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from catalog import ingest, locations, reading, web
from catalog.errors import Missing, Unreadable
from catalog.hosts import addresses, integrations
from catalog.hosts.files import Files
from catalog.hosts.integrations import IntegrationInvalid, Secret
from catalog.models import Entity, Location, SourceFile
from catalog.web import Reader, Validators
from portal import environment
from tests.catalog.hosts.server import TOKEN, Host, Reply, running
from tests.catalog.hosts.world import World
from tests.catalog.places import component

pytestmark = [pytest.mark.django_db, pytest.mark.service]


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest) -> Host:
    found: Host = request.getfixturevalue(request.param)
    found.dash = "-/" if request.param == "gitlab" else ""  # type: ignore[attr-defined]  # for addresses below
    return found


def page(host: Host, path: str = "catalog-info.yaml", ref: str = "main", name: str = "acme/ledger") -> str:
    return f"{host.url}/{name}/{host.dash}blob/{ref}/{path}"  # type: ignore[attr-defined]


def registered(host: Host, **where: str) -> Location:
    return locations.register("url", page(host, **where), by=None)


def test_the_page_of_a_private_file_is_read_through_the_api_with_the_token(host: Host, world: World) -> None:
    world.add("ledger")
    location = registered(host)
    assert ingest.ingest(location.pk) == ingest.Outcome(added=1)
    assert [asked.has_token for asked in host.log] == [True]
    assert "/api/v" in host.log[0].path


def test_head_is_the_default_branch(host: Host, world: World) -> None:
    world.add("ledger", branch="trunk")
    assert ingest.ingest(registered(host, ref="HEAD").pk) == ingest.Outcome(added=1)


def test_a_branch_with_a_slash_is_one_part_of_the_path(host: Host, world: World) -> None:
    world.add("ledger", branch="feature/x")
    assert ingest.ingest(registered(host, ref="feature%2Fx").pk) == ingest.Outcome(added=1)


def test_a_project_in_a_group_of_a_group_is_read(gitlab: Host, world: World) -> None:
    world.owner = "acme/shop"
    world.add("web")
    url = f"{gitlab.url}/acme/shop/web/-/blob/main/catalog-info.yaml"
    assert ingest.ingest(locations.register("url", url, by=None).pk) == ingest.Outcome(added=1)


def test_what_a_file_points_to_and_pulls_in_comes_from_the_same_repository(host: Host, world: World) -> None:
    repository = world.add("ledger", None)
    repository.files |= {
        "portal/catalog-info.yaml": (
            "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\n"
            "spec:\n  targets: [./one.yaml, ../two.yaml]\n"
        ),
        "portal/one.yaml": component("one"),
        "two.yaml": (
            "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: two}\n"
            "spec: {type: openapi, lifecycle: x, owner: y, definition: {$text: ./api/two.txt}}\n"
        ),
        "api/two.txt": "the definition",
    }
    location = registered(host, path="portal/catalog-info.yaml")
    ingest.ingest(location.pk)
    assert Entity.objects.get(name="two").document["spec"]["definition"] == "the definition"
    host.forget()
    assert ingest.ingest(location.pk) == ingest.Outcome()
    assert len(host.log) == 4
    assert all(asked.status == 304 for asked in host.log)
    repository.push("api/two.txt", "another definition")
    assert ingest.ingest(location.pk) == ingest.Outcome(changed=1)


def test_a_relative_path_does_not_lead_into_another_repository(host: Host, world: World) -> None:
    world.add("secret").files["x.yaml"] = component("x")
    world.add(
        "ledger",
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\n"
        "spec: {target: ../../../secret/blob/main/x.yaml}\n",
    )
    location = registered(host)
    ingest.ingest(location.pk)
    assert "leads out of the repository acme/ledger" in location.problems.get().message


def test_an_unchanged_file_costs_one_conditional_request_and_no_write(host: Host, world: World) -> None:
    world.add("ledger")
    location = registered(host)
    ingest.ingest(location.pk)
    host.forget()
    with CaptureQueriesContext(connection) as queries:
        assert ingest.ingest(location.pk) == ingest.Outcome()
    assert [(asked.is_conditional, asked.status) for asked in host.log] == [(True, 304)]
    written = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "DELETE"))]
    assert not written


def test_bytes_that_are_sent_again_though_they_are_the_same_are_not_parsed_but_their_etag_is_kept(
    github: Host, world: World
) -> None:
    world.add("ledger")
    github.dash = ""  # type: ignore[attr-defined]
    location = registered(github)
    ingest.ingest(location.pk)
    SourceFile.objects.update(validators={page(github): ["another", "", reading.FORMAT.decode()]})
    assert ingest.ingest(location.pk) == ingest.Outcome()
    assert SourceFile.objects.get().validators[page(github)][0].startswith("W/")


def test_a_new_version_of_portico_reads_unchanged_files_anew(
    github: Host, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("ledger")
    github.dash = ""  # type: ignore[attr-defined]
    location = registered(github)
    ingest.ingest(location.pk)
    github.forget()
    monkeypatch.setattr(reading, "FORMAT", b"next")
    ingest.ingest(location.pk)
    ingest.ingest(location.pk)
    assert [(asked.is_conditional, asked.status) for asked in github.log] == [(False, 200), (True, 304)]


def test_a_file_with_problems_is_read_whole_each_time_so_that_they_stay(github: Host, world: World) -> None:
    world.add("ledger", "kind: [")
    github.dash = ""  # type: ignore[attr-defined]
    location = registered(github)
    for _ in range(2):
        ingest.ingest(location.pk)
        assert location.problems.count() == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "there is no file catalog-info.yaml at main in acme/ledger"),
        (403, "refuses file catalog-info.yaml"),
        (451, "legal reasons"),
        (500, "is in trouble"),
    ],
)
def test_a_refusal_is_explained_and_keeps_what_was_read(
    host: Host, world: World, status: int, words: str
) -> None:
    world.add("ledger")
    location = registered(host)
    ingest.ingest(location.pk)
    world["ledger"].refusal = status
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert words in outcome.failure
    assert Entity.objects.count() == 1


def test_a_renamed_repository_is_followed_with_the_token(github: Host, world: World) -> None:
    world.add("ledger").rename("books")
    github.dash = ""  # type: ignore[attr-defined]
    assert ingest.ingest(registered(github).pk) == ingest.Outcome(added=1)
    assert all(asked.has_token for asked in github.log)


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Host]:
    with running(Host(lambda _question: Reply(body=b"kind: x"), token="")) as host:
        settings.PORTICO_READING_ALLOW = [host.netloc]
        yield host


def test_a_token_stays_with_its_own_host_when_that_redirects_to_another(
    elsewhere: Host, github: Host, world: World
) -> None:
    github.dash = ""  # type: ignore[attr-defined]
    github.failures = [Reply(302, {}, {"Location": f"{elsewhere.url}/x"})]
    with Files() as files:
        assert files.read_if_changed(page(github)) is not None
    assert [asked.has_token for asked in elsewhere.log] == [False]
    assert [asked.has_token for asked in github.log] == [True]


def test_a_redirect_into_a_private_network_is_refused_on_an_api_too(
    elsewhere: Host, github: Host, settings: Settings
) -> None:
    github.dash = ""  # type: ignore[attr-defined]
    settings.PORTICO_READING_ALLOW = [github.netloc]
    github.failures = [Reply(302, {}, {"Location": f"{elsewhere.url}/x"})]
    with Files() as files, pytest.raises(Unreadable, match="private network"):
        files.read_if_changed(page(github))
    assert not elsewhere.log


def test_an_integration_does_not_open_a_private_network(github: Host, settings: Settings) -> None:
    github.dash = ""  # type: ignore[attr-defined]
    settings.PORTICO_READING_ALLOW = []
    with Files() as files, pytest.raises(Unreadable, match="PORTICO_READING_ALLOW"):
        files.read_if_changed(page(github))
    assert not github.log


def test_the_token_is_in_no_row_message_or_log(
    github: Host, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    github.dash = ""  # type: ignore[attr-defined]
    github.token = "another"
    outcome = ingest.ingest(registered(github).pk)
    assert outcome is not None
    assert "does not accept the token" in outcome.failure
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(integrations.integrations())
    assert not [row for row in Location.objects.values() if TOKEN in str(row)]


def test_public_files_are_read_conditionally_too(elsewhere: Host) -> None:
    first = web.read_if_changed(f"{elsewhere.url}/x.yaml")
    assert first is not None
    assert web.read_if_changed(f"{elsewhere.url}/x.yaml", first.validators) is None
    assert web.read(f"{elsewhere.url}/x.yaml") == b"kind: x"


def test_broken_connections_and_server_errors_are_tried_again(elsewhere: Host) -> None:
    elsewhere.failures = [Reply(500), Reply(503)]
    with Reader() as reader:
        assert reader.get(f"{elsewhere.url}/x").status == 200
    assert len(elsewhere.log) == 3
    elsewhere.failures = [Reply(500)] * 9
    with pytest.raises(Unreadable, match="answered 500"):
        web.read(f"{elsewhere.url}/x")
    assert len(elsewhere.log) == 3 + 4


def test_a_missing_public_file_says_so(elsewhere: Host) -> None:
    elsewhere.failures = [Reply(404)]
    with pytest.raises(Missing):
        web.read(f"{elsewhere.url}/x")


@pytest.mark.parametrize(
    ("base", "target", "meant"),
    [
        (
            "https://github.com/o/r/blob/main/a/b.yaml",
            "./c.yaml",
            "https://github.com/o/r/blob/main/a/c.yaml",
        ),
        ("https://github.com/o/r/tree/main/a/b.yaml", "../c.yaml", "https://github.com/o/r/tree/main/c.yaml"),
        (
            "https://github.com/o/r/blob/main/a/b.yaml",
            "/c d.yaml",
            "https://github.com/o/r/blob/main/c%20d.yaml",
        ),
        (
            "https://gitlab.com/g/s/r/-/blob/v1/a.yaml",
            "./b.yaml",
            "https://gitlab.com/g/s/r/-/blob/v1/b.yaml",
        ),
        ("https://example.com/a/b.yaml", "../c.yaml", "https://example.com/c.yaml"),
    ],
)
def test_paths_are_relative_to_the_file_that_names_them(base: str, target: str, meant: str) -> None:
    assert addresses.joined(base, target) == meant


def test_addresses_of_other_things_are_no_files() -> None:
    assert addresses.parse("https://github.com/o/r") is None
    assert addresses.parse("https://github.com/o/r/issues/1") is None
    assert addresses.parse("https://example.com/o/r/blob/main/x.yaml") is None


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"type": "svn", "host": "x.example"}, "no known type"),
        ({"type": "github", "host": "https://github.com"}, "without https://"),
        ({"type": "github", "host": "github.com", "api": "api.github.com"}, "no web address"),
        ({"type": "github", "host": "github.com", "password": "x"}, "not known"),
        ({"type": "github", "host": "github.com", "token": "x", "token_env": "Y"}, "twice"),
    ],
)
def test_an_integration_that_makes_no_sense_is_refused_in_words(
    settings: Settings, entry: dict[str, str], words: str
) -> None:
    settings.PORTICO_INTEGRATIONS = [entry]
    with pytest.raises(IntegrationInvalid, match=words):
        integrations.integrations()


def test_usual_apis_need_not_be_named(settings: Settings) -> None:
    hosts = [
        ("github", "github.com"),
        ("github", "ghe.example"),
        ("gitlab", "gitlab.com"),
        ("gitlab", "gl.example"),
    ]
    settings.PORTICO_INTEGRATIONS = [{"type": type, "host": host} for type, host in hosts]
    assert [one.api for one in integrations.integrations()] == [
        "https://api.github.com",
        "https://ghe.example/api/v3",
        "https://gitlab.com/api/v4",
        "https://gl.example/api/v4",
    ]


def test_secrets_come_from_files_and_variables_when_they_are_needed(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/token"
    with pytest.raises(Unreadable, match="token_file"):
        Secret("token", file=path).read()
    with open(path, "w") as file:  # noqa: PTH123  a plain text
        file.write("from-a-file\n")
    assert Secret("token", file=path).read() == "from-a-file"
    with pytest.raises(Unreadable, match="HOST_TOKEN"):
        Secret("token", variable="HOST_TOKEN").read()
    monkeypatch.setenv("HOST_TOKEN", "from-a-variable")
    assert Secret("token", variable="HOST_TOKEN").read() == "from-a-variable"


def test_the_setting_is_json_or_the_file_that_holds_it(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = '[{"type": "github", "host": "github.com", "token": "s3cret"}]'
    monkeypatch.setenv("PORTICO_INTEGRATIONS", entry)
    assert environment.records("PORTICO_INTEGRATIONS")[0]["host"] == "github.com"
    with open(f"{tmp_path}/integrations.json", "w") as file:  # noqa: PTH123  a plain text
        file.write(entry)
    monkeypatch.setenv("PORTICO_INTEGRATIONS", f"{tmp_path}/integrations.json")
    assert environment.records("PORTICO_INTEGRATIONS")[0]["type"] == "github"
    for wrong in (entry[:-3], '[{"token": ["s3cret"]}]', f"{tmp_path}/none"):
        monkeypatch.setenv("PORTICO_INTEGRATIONS", wrong)
        with pytest.raises(ImproperlyConfigured) as refusal:
            environment.records("PORTICO_INTEGRATIONS")
        assert "s3cret" not in str(refusal.value)


def test_validators_that_say_nothing_are_not_sent() -> None:
    assert not Validators()
    assert Validators(etag="x").headers == {"If-None-Match": "x"}
