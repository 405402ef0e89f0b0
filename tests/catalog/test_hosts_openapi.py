"""The test's GitHub is honest: its answers, and what Portico asks of it, are held against GitHub's OpenAPI document.

For GitLab no package with such a document was found; its shapes are those of its written API documentation.
"""

from __future__ import annotations

from typing import Any

import pytest

from catalog import ingest, locations
from tests.catalog.hosts import openapi
from tests.catalog.hosts.server import Asked, Host, Question
from tests.catalog.hosts.world import Team, World

pytestmark = [pytest.mark.django_db, pytest.mark.service]


def visited(world: World, host: Host) -> list[tuple[Asked, Any]]:
    """What Portico asks in all its ways of reading, each with the answer as JSON."""
    world.add("ledger").former_names.append("acme/old")
    world.add("empty", None).files.clear()
    world.add("gone")
    world.people = {"maya": "Maya"}
    world.teams = [Team(1, "engineering", "E", members=["maya"]), Team(2, "payments", "P", parent=1)]
    pairs: list[tuple[Asked, Any]] = []
    original = host.endpoint

    def noting(question: Question) -> Any:
        reply = original(question)
        pairs.append((Asked(question.path, question.query, False, reply.status, True), reply.body))
        return reply

    host.endpoint = noting
    discovery = locations.register("github-discovery", f"{host.url}/acme", by=None)
    ingest.ingest(discovery.pk)
    ingest.ingest(discovery.children.order_by("target")[0].pk)
    del world.repositories[2]
    ingest.ingest(discovery.pk)
    ingest.ingest(locations.register("github-org", f"{host.url}/acme", by=None).pk)
    world.is_organisation = False
    ingest.ingest(locations.register("github-discovery", f"{host.url}/acme#/x.yaml", by=None).pk)
    old = f"{host.url}/acme/old/blob/main/catalog-info.yaml"
    ingest.ingest(locations.register("url", old, by=None).pk)
    return pairs


def test_answers_and_questions_are_as_github_describes_them(github: Host, world: World) -> None:
    pairs = visited(world, github)
    assert {openapi.template_of(asked.path) for asked, _ in pairs} == {
        "/orgs/{org}/members",
        "/orgs/{org}/repos",
        "/orgs/{org}/teams",
        "/orgs/{org}/teams/{team_slug}/members",
        "/repos/{owner}/{repo}",
        "/repos/{owner}/{repo}/contents/{path}",
        "/repos/{owner}/{repo}/git/trees/{tree_sha}",
        "/users/{username}",
        "/users/{username}/repos",
        "",  # where a renamed repository is redirected to, which the document does not name
    }
    for asked, body in pairs:
        if openapi.template_of(asked.path):
            faults = openapi.faults_of("GET", asked.path, asked.query, None, asked.status, body)
            assert list(faults) == []
