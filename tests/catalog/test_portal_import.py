"""Taking over the catalogue of another portal: every entity as its author wrote it, nothing from half an answer."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from catalog import ingest, locations
from catalog.models import Entity, Location
from catalog.portal_import import ORIGIN
from control.models import AuditEvent, User
from tests.catalog.hosts.backstage import LONGEST_PAGE, Portal, as_served
from tests.catalog.hosts.server import TOKEN, Host, Reply, running

pytestmark = [pytest.mark.django_db, pytest.mark.service]


def document(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def service(name: str, **metadata: Any) -> dict[str, Any]:
    found = document("Component", name, type="service", lifecycle="production", owner="payments")
    found["metadata"] |= metadata
    return found


DOCUMENTS = [
    *(service(f"service-{number:03}") for number in range(100)),
    service(
        "odd-texts", title="1e3", description="yes\n- no: #1 “π” \x7f\u2028 'x' \"y\" ${{ x }}", tags=["a:b"]
    ),
    service("numbers", labels={"tier": "007"}, annotations={"example.com/on": "on", "example.com/empty": ""}),
    document("System", "money", owner="payments"),
    document(
        "API",
        "rest",
        type="openapi",
        lifecycle="x",
        owner="payments",
        definition="openapi: 3.0\n$text: ./not-a-placeholder\n",
    ),
    document("Location", "generated-1", type="url", targets=["https://git.example/other.yaml", "./x.yaml"]),
    document(
        "Contract",
        "of-another-kind",
        clauses=[1, 2.5, None, True, {"$text": "./kept-as-it-is"}],
        nested=[[], {}],
    ),
]
PEOPLE = [
    document("Group", "payments", type="team", children=[], members=["tomas"]),
    document("User", "tomas", memberOf=["payments"]),
]


@pytest.fixture(params=[True, False], ids=["by-query", "by-after"])
def portal(request: pytest.FixtureRequest) -> Portal:
    return Portal(list(map(as_served, [*DOCUMENTS, *PEOPLE])), has_by_query=request.param)


@pytest.fixture
def server(portal: Portal, settings: Settings) -> Iterator[Host]:
    with running(Host(portal.endpoint)) as host:
        settings.PORTICO_READING_ALLOW = [host.netloc]
        settings.PORTICO_INTEGRATIONS = [
            {"type": "backstage", "host": host.netloc, "api": f"{host.url}/api/catalog", "token": TOKEN}
        ]
        yield host


def stored() -> dict[str, dict[str, Any]]:
    """The documents by reference, without the note of where they came from."""
    found = {}
    for ref, kept in Entity.objects.values_list("ref", "document"):
        annotations = kept["metadata"].pop("annotations")
        assert annotations.pop(ORIGIN).startswith("url:https://git.example/")
        kept["metadata"] |= {"annotations": annotations} if annotations else {}
        found[ref] = kept
    return found


def expected(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{one['kind']}:default/{one['metadata']['name']}".lower(): one for one in documents}


def test_every_entity_is_reproduced(server: Host) -> None:
    location = locations.register("backstage", server.url, by=None)
    outcome = ingest.ingest(location.pk)
    assert outcome == ingest.Outcome(added=len(DOCUMENTS))
    assert stored() == expected(DOCUMENTS)
    assert len(server.log) >= len(DOCUMENTS) // LONGEST_PAGE


def test_people_come_only_from_a_source_of_people(server: Host, root_admin: User) -> None:
    location = locations.register("backstage", server.url, by=root_admin, is_org_source=True)
    ingest.ingest(location.pk)
    assert stored() == expected([*DOCUMENTS, *PEOPLE])


def test_reading_again_follows_what_changed(server: Host, portal: Portal) -> None:
    location = locations.register("backstage", server.url, by=None)
    ingest.ingest(location.pk)
    assert ingest.ingest(location.pk) == ingest.Outcome()
    portal.entities = [as_served(service("service-000", title="New")), *map(as_served, DOCUMENTS[2:])]
    assert ingest.ingest(location.pk) == ingest.Outcome(changed=1, removed=1)


@pytest.mark.parametrize(
    "failure", [Reply(500), Reply(401), Reply(200, b"<html>"), Reply(200, {"items": "?"}), Reply(200, [1])]
)
def test_half_an_answer_takes_nothing_away(server: Host, failure: Reply) -> None:
    location = locations.register("backstage", server.url, by=None)
    ingest.ingest(location.pk)
    original, asked = server.endpoint, len(server.log)

    def failing_later(question: Any) -> Reply:
        return failure if len(server.log) > asked + 1 else original(question)

    server.endpoint = failing_later
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert outcome.failure
    assert Entity.objects.count() == len(DOCUMENTS)


def test_an_empty_catalogue_or_a_page_cut_short_takes_nothing_away(server: Host, portal: Portal) -> None:
    location = locations.register("backstage", server.url, by=None)
    ingest.ingest(location.pk)
    if portal.has_by_query:
        portal.hidden = 5
        outcome = ingest.ingest(location.pk)
        assert outcome is not None
        assert "Only 108 of 113" in outcome.failure
    portal.entities = []
    portal.hidden = 0
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert "sent no entity" in outcome.failure
    assert Entity.objects.count() == len(DOCUMENTS)


def test_an_entity_that_is_none_is_a_problem_and_its_neighbours_come(server: Host, portal: Portal) -> None:
    portal.entities = [{"kind": "Component"}, as_served(service("good")), as_served(service("bad name"))]
    location = locations.register("backstage", server.url, by=None)
    ingest.ingest(location.pk)
    assert list(Entity.objects.values_list("ref", flat=True)) == ["component:default/good"]
    assert {problem.path for problem in location.problems.exclude(code="dangling")} == {
        "component:default/bad name",
        "a document without a name: {'kind': 'Component'}",
    }


def test_filters_are_asked_of_the_portal(server: Host) -> None:
    location = locations.register("backstage", f"{server.url}/#kind=system", by=None)
    ingest.ingest(location.pk)
    assert list(Entity.objects.values_list("ref", flat=True)) == ["system:default/money"]


@pytest.fixture
def token_file(tmp_path: Path, settings: Settings, server: Host) -> Path:
    """A token that no integration knows."""
    settings.PORTICO_INTEGRATIONS = []
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return tmp_path / "token"


def run(*arguments: object) -> str:
    output = StringIO()
    call_command("import_catalog", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_the_command_imports_once_with_a_token_that_is_not_kept(server: Host, token_file: Path) -> None:
    output = run(server.url, "--token-file", token_file)
    assert f"{len(DOCUMENTS)} added" in output
    assert "102 × component" in output
    assert "People and teams are left out" in output
    location = Location.objects.get()
    assert location.next_read_at is None
    assert TOKEN not in str(Location.objects.values().get())
    assert f"{0} added, 0 changed" in run(server.url, "--token-file", token_file)


def test_a_dry_run_says_what_would_change_and_changes_nothing(server: Host, token_file: Path) -> None:
    output = run(server.url, "--token-file", token_file, "--dry-run", "--org", "--filter", "kind=user")
    assert "1 × user" in output
    assert "Nothing was changed" in output
    assert not Location.objects.exists()
    assert not Entity.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_portal_that_refuses_is_a_failure_of_the_command(server: Host, token_file: Path) -> None:
    token_file.write_text("wrong")
    with pytest.raises(CommandError, match="does not accept the token"):
        run(server.url, "--token-file", token_file)
    with pytest.raises(CommandError, match="cannot be read"):
        run(server.url, "--token-file", token_file.parent / "none")
    with pytest.raises(CommandError, match="not a web address"):
        run("backstage")
