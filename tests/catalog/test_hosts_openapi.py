"""The test's GitHub is honest: its answers, and what Portico asks of it, are held against GitHub's OpenAPI document.

For GitLab no package with such a document was found; its shapes are those of its written API documentation.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from catalog import ingest, locations
from tests.catalog.hosts import github as github_api
from tests.catalog.hosts.server import Asked, Host, Question
from tests.catalog.hosts.world import Team, World

pytestmark = [pytest.mark.django_db, pytest.mark.service]
PACKAGE = "@octokit/openapi@23.0.2"
_GENERAL = frozenset(
    {301, 304, 401}
)  # any endpoint may answer so; the document names them only here and there


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("This test needs npm, for GitHub's OpenAPI document. Debian: apt-get install npm.")
    folder = tmp_path_factory.mktemp("openapi")
    install = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        PACKAGE,
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    path: Path = folder / "node_modules/@octokit/openapi/generated/api.github.com.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


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


def test_answers_and_questions_are_as_github_describes_them(
    document: dict[str, Any], github: Host, world: World
) -> None:
    pairs = visited(world, github)
    templates = {_template(document, asked.path) for asked, _ in pairs}
    assert templates == {
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
        template = _template(document, asked.path)
        if template:
            operation = document["paths"][template]["get"]
            _check_question(document, operation, asked)
            _check_answer(document, operation, asked, body)


def _template(document: dict[str, Any], path: str) -> str:
    """The path of the document that `path` is an instance of; the one with the fewest placeholders."""
    path = path.removeprefix(github_api.PREFIX)
    found = [
        template
        for template in document["paths"]
        if re.fullmatch(
            re.sub(r"\\\{path\\\}", ".+", re.sub(r"\\\{(?!path)\w+\\\}", "[^/]+", re.escape(template))), path
        )
    ]
    return min(found, key=lambda template: (template.count("{"), len(template)), default="")


def _check_question(document: dict[str, Any], operation: dict[str, Any], asked: Asked) -> None:
    known = {p["name"]: p for p in (_resolved(document, one) for one in operation["parameters"])}
    for name, value in asked.query.items():
        assert name in known, f"{asked.path} has no parameter {name}"
        schema = _resolved(document, known[name]["schema"])
        if "enum" in schema:
            assert value in schema["enum"], f"{name}={value} at {asked.path}"


def _check_answer(document: dict[str, Any], operation: dict[str, Any], asked: Asked, body: Any) -> None:
    if isinstance(body, bytes) or asked.status in _GENERAL:
        return
    assert str(asked.status) in operation["responses"], f"{asked.path} is never answered {asked.status}"
    response = _resolved(document, operation["responses"][str(asked.status)])
    schema = response["content"]["application/json"]["schema"]
    whole = {**_of_today(schema), "components": _schemas(document)}
    faults = [
        f"{asked.path}: {error.json_path}: {error.message[:200]}"
        for error in Draft202012Validator(whole).iter_errors(body)
    ]
    assert not faults


_kept: dict[int, Any] = {}


def _schemas(document: dict[str, Any]) -> Any:
    if id(document) not in _kept:
        _kept[id(document)] = {"schemas": _of_today(document["components"]["schemas"])}
    return _kept[id(document)]


def _of_today(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema says so in the type."""
    if isinstance(schema, list):
        return [_of_today(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {
        key: _of_today(value) for key, value in schema.items() if key not in ("nullable", "discriminator")
    }
    return {"anyOf": [{"type": "null"}, rest]} if schema.get("nullable") is True else rest


def _resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node
