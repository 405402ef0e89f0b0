"""Messages of hosts: who may send them, that each counts once, and that just what changed is read again."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from catalog import ingest, locations
from catalog.models import Entity, Location, WebhookDelivery
from catalog.views.hooks import BODY_LIMIT_BYTES
from tests.catalog.hosts.fixtures import WEBHOOK_SECRET
from tests.catalog.hosts.server import Host
from tests.catalog.hosts.world import World
from tests.catalog.places import component

pytestmark = pytest.mark.django_db


def send_github(
    payload: Any, *, event: str = "push", number: str = "1", secret: str = WEBHOOK_SECRET
) -> HttpResponse:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-Hub-Signature-256": f"sha256={signature}",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": number,
    }
    return Client().post("/hooks/github/", body, content_type="application/json", headers=headers)  # type: ignore[return-value]  # a response of the test client


def send_gitlab(payload: Any, *, number: str = "1", secret: str = WEBHOOK_SECRET) -> HttpResponse:
    headers = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Push Hook", "Idempotency-Key": number}
    return Client().post(  # type: ignore[return-value]  # as above
        "/hooks/gitlab/", json.dumps(payload), content_type="application/json", headers=headers
    )


def github_push(
    host: Host, name: str = "ledger", *, branch: str = "main", **paths: list[str]
) -> dict[str, Any]:
    commit: dict[str, list[str]] = {"added": [], "removed": [], "modified": [], **paths}
    return {
        "ref": f"refs/heads/{branch}",
        "before": "1" * 40,
        "after": "2" * 40,
        "forced": False,
        "deleted": False,
        "commits": [commit],
        "repository": {
            "html_url": f"{host.url}/acme/{name}",
            "full_name": f"acme/{name}",
            "default_branch": "main",
            "owner": {"login": "acme"},
        },
    }


def gitlab_push(host: Host, name: str = "ledger", **paths: list[str]) -> dict[str, Any]:
    return {
        "object_kind": "push",
        "event_name": "push",
        "ref": "refs/heads/main",
        "before": "1" * 40,
        "total_commits_count": 1,
        "commits": [{"added": [], "removed": [], "modified": [], **paths}],
        "project": {
            "web_url": f"{host.url}/acme/{name}",
            "path_with_namespace": f"acme/{name}",
            "default_branch": "main",
        },
    }


def owed() -> set[str]:
    """What would be read now, by the name of the repository; a discovery by its type."""
    due = Location.objects.due(timezone.now())
    return {
        location.target.split("/acme/")[1].split("/")[0] if "/acme/" in location.target else location.type
        for location in due
    }


@pytest.fixture
def discovered(github: Host, world: World) -> Location:
    """Two repositories, read; nothing is owed."""
    for name in ("ledger", "payments"):
        world.add(name)
    return _read(locations.register("github-discovery", f"{github.url}/acme", by=None))


@pytest.fixture
def discovered_on_gitlab(gitlab: Host, world: World) -> Location:
    for name in ("ledger", "payments"):
        world.add(name)
    return _read(locations.register("gitlab-discovery", f"{gitlab.url}/acme", by=None))


def _read(location: Location) -> Location:
    ingest.ingest(location.pk)
    for child in location.children.all():
        ingest.ingest(child.pk)
    assert not owed()
    return location


def test_a_push_owes_a_read_to_just_the_files_that_changed(
    github: Host, discovered: Location, world: World
) -> None:
    response = send_github(github_push(github, modified=["catalog-info.yaml"]))
    assert (response.status_code, response.content) == (202, b"Accepted.\n")
    assert owed() == {"ledger"}
    world["ledger"].push("catalog-info.yaml", component("ledger", lifecycle="deprecated"))
    ingest.ingest(Location.objects.get(target__contains="ledger").pk)
    assert Entity.objects.get(name="ledger").lifecycle == "deprecated"


def test_a_push_to_gitlab_does_the_same(gitlab: Host, discovered_on_gitlab: Location) -> None:
    assert send_gitlab(gitlab_push(gitlab, modified=["catalog-info.yaml"])).status_code == 202
    assert owed() == {"ledger"}


@pytest.mark.parametrize(
    "change",
    [
        {"modified": ["src/main.py"]},
        {"modified": ["catalog-info.yaml"], "branch": "feature"},
        {"modified": ["catalog-info.yaml"], "name": "other"},
    ],
)
def test_other_files_branches_and_repositories_owe_nothing(
    github: Host, discovered: Location, change: dict[str, Any]
) -> None:
    assert send_github(github_push(github, **change)).status_code == 202
    assert not owed()


def test_a_file_that_is_pulled_in_counts_as_the_file_that_pulls_it_in(github: Host, world: World) -> None:
    world.add(
        "ledger",
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: ledger}\n"
        "spec: {type: x, lifecycle: x, owner: y, definition: {$text: ./api.txt}}\n",
    ).files["api.txt"] = "x"
    _read(locations.register("url", f"{github.url}/acme/ledger/blob/HEAD/catalog-info.yaml", by=None))
    send_github(github_push(github, modified=["api.txt"]))
    assert owed() == {"ledger"}


@pytest.mark.parametrize("unclear", [{"forced": True}, {"commits": [{}] * 2_048}])
def test_a_push_that_does_not_tell_its_files_may_have_changed_all(
    github: Host, discovered: Location, unclear: dict[str, Any]
) -> None:
    commits: list[dict[str, list[str]]] = [
        {"added": [], "removed": [], "modified": []} for _ in unclear.get("commits", [1])
    ]
    send_github({**github_push(github), **unclear, "commits": commits})
    assert owed() == {"ledger", "github-discovery"}


def test_only_the_last_twenty_commits_of_gitlab_are_told(
    gitlab: Host, discovered_on_gitlab: Location
) -> None:
    send_gitlab({**gitlab_push(gitlab, modified=["x"]), "total_commits_count": 21})
    assert "ledger" in owed()


@pytest.mark.parametrize("paths", [{"added": ["catalog-info.yaml"]}, {"removed": ["catalog-info.yaml"]}])
def test_a_file_that_comes_or_goes_owes_the_discovery_a_look(
    github: Host, discovered: Location, world: World, paths: dict[str, Any]
) -> None:
    world.add("new", None)
    send_github(github_push(github, "new", **paths))
    assert owed() == {"github-discovery"}


@pytest.mark.parametrize("action", ["created", "renamed", "archived", "deleted", "publicized"])
def test_a_repository_that_is_new_renamed_archived_or_deleted_owes_the_discovery_a_look(
    github: Host, discovered: Location, action: str
) -> None:
    payload = {"action": action, "repository": github_push(github)["repository"]}
    send_github(payload, event="repository")
    assert owed() == {"github-discovery"}


@pytest.mark.parametrize("event", ["project_create", "project_rename", "project_destroy", "project_transfer"])
def test_system_hooks_of_gitlab_owe_the_discovery_a_look(
    gitlab: Host, discovered_on_gitlab: Location, event: str
) -> None:
    send_gitlab({"event_name": event, "path_with_namespace": "acme/shop/web"})
    assert owed() == {"gitlab-discovery"}


def test_changes_of_people_owe_the_source_of_people_a_read(github: Host, discovered: Location) -> None:
    locations.register("github-org", f"{github.url}/acme", by=None)
    Location.objects.filter(type="github-org").update(next_read_at=timezone.now() + timedelta(hours=1))
    payload = {"organization": {"login": "acme"}, "sender": {"html_url": f"{github.url}/maya"}}
    send_github(payload, event="membership")
    assert owed() == {"github-org"}


def test_a_git_location_of_the_repository_is_read_again(github: Host, discovered: Location) -> None:
    netloc = github.netloc.partition(":")[0]
    for target in (
        f"https://{netloc}/acme/ledger.git",
        f"git@{netloc}:acme/ledger.git#portal/*.yaml",
        f"https://{netloc}/acme/ledger.git#docs",
        f"https://{netloc}/acme/payments.git",
    ):
        locations.register("git", target, by=None)
    Location.objects.filter(type="git").update(next_read_at=timezone.now() + timedelta(hours=1))
    send_github(github_push(github, added=["portal/x.yaml"]))
    due = Location.objects.due(timezone.now()).values_list("target", flat=True)
    assert list(due) == [f"git@{netloc}:acme/ledger.git#portal/*.yaml"]


def test_a_delivery_counts_once_by_its_number_and_by_its_content(github: Host, discovered: Location) -> None:
    payload = github_push(github, modified=["catalog-info.yaml"])
    send_github(payload, number="one")
    later = timezone.now() + timedelta(hours=1)
    for body, number in ((payload, "one"), (payload, "two"), ({**payload, "after": "3" * 40}, "one")):
        Location.objects.update(next_read_at=later)
        assert send_github(body, number=number).status_code == 202
        assert not owed()
    assert WebhookDelivery.objects.count() == 1
    send_github({**payload, "after": "4" * 40}, number="three")
    assert owed() == {"ledger"}


def test_deliveries_are_forgotten_after_the_time_in_which_they_may_come_again(
    github: Host, discovered: Location
) -> None:
    send_github(github_push(github, modified=["x"]), number="old")
    WebhookDelivery.objects.update(received_at=timezone.now() - timedelta(days=8))
    send_github({**github_push(github, modified=["x"]), "after": "5" * 40}, number="new")
    assert list(WebhookDelivery.objects.values_list("number", flat=True)) == ["new"]


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_who_does_not_know_the_secret_is_refused_and_told_nothing(
    github: Host, gitlab: Host, discovered: Location, secret: str
) -> None:
    for response in (
        send_github(github_push(github, modified=["catalog-info.yaml"]), secret=secret),
        send_gitlab(gitlab_push(gitlab, modified=["catalog-info.yaml"]), secret=secret),
    ):
        assert (response.status_code, response.content) == (403, b"Not accepted.\n")
    assert not owed()
    assert not WebhookDelivery.objects.exists()


def test_without_a_secret_in_the_settings_nothing_is_taken(
    github: Host, discovered: Location, settings: Any
) -> None:
    settings.PORTICO_INTEGRATIONS = [{**settings.PORTICO_INTEGRATIONS[0], "webhook_secret": ""}]
    assert send_github(github_push(github), secret="").status_code == 403


def test_a_body_that_was_changed_on_the_way_is_refused(github: Host, discovered: Location) -> None:
    good = json.dumps(github_push(github, modified=["x"])).encode()
    signature = hmac.new(WEBHOOK_SECRET.encode(), good, hashlib.sha256).hexdigest()
    response = Client().post(
        "/hooks/github/",
        good.replace(b'"x"', b'"catalog-info.yaml"'),
        content_type="application/json",
        headers={"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": "push"},
    )
    assert response.status_code == 403


def test_a_host_speaks_for_its_own_repositories_only(
    github: Host, gitlab: Host, discovered: Location
) -> None:
    payload = github_push(github, modified=["catalog-info.yaml"])
    payload["repository"]["html_url"] = "https://github.com/acme/ledger"
    send_github(payload)
    assert not owed()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"ref": 5}', b"\xff", b"null", b"[" * 100_000])
def test_a_signed_body_that_makes_no_sense_changes_nothing(
    github: Host, discovered: Location, body: bytes
) -> None:
    assert send_github(body).status_code == 202
    assert not owed()


def test_a_large_body_is_refused_unread(github: Host) -> None:
    assert send_github(b" " * (BODY_LIMIT_BYTES + 1)).status_code == 413


def test_other_events_and_methods_do_nothing(github: Host, discovered: Location) -> None:
    assert send_github({"zen": "x"}, event="ping").status_code == 202
    assert Client().get("/hooks/github/").status_code == 405
    assert not owed()


def test_it_needs_no_session_and_no_form_token(github: Host, discovered: Location) -> None:
    body = json.dumps(github_push(github, modified=["catalog-info.yaml"])).encode()
    signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    client = Client(enforce_csrf_checks=True)
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": "push"}
    response = client.post("/hooks/github/", body, content_type="application/json", headers=headers)
    assert response.status_code == 202
    assert not response.cookies
