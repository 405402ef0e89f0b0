"""Two judges that are not ours: Backstage's own client, and requests made up from its published schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from control import tokens
from control.models import User
from tests import factories, node
from tests.catalog.places import Place, component

pytestmark = [pytest.mark.service, pytest.mark.django_db(transaction=True)]
HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parents[3] / "shared" / "contracts" / "backstage" / "catalog.openapi.json"
FUZZING_SECONDS = 40
RUN_SECONDS = 120


@pytest.fixture
def administrator(transactional_db: None) -> User:
    return factories.user("root.admin", "Root Admin", is_staff=True)


@pytest.fixture
def secret(administrator: User) -> str:
    return tokens.issue(owner=administrator, by=None, name="judge")[1]


@pytest.fixture
def registered(tmp_path: Path, settings: Any) -> Path:
    """A folder that may be registered through the API."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    (folder / "catalog-info.yaml").write_text(component("fresh"))
    (folder / "other.yaml").write_text(component("other"))
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    return folder


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """Where the client is installed: once for all runs on this PORTICO_HOME."""
    return node.installed(HERE, "test-node")


def test_the_client_of_backstage_is_content(
    live_server: LiveServer, secret: str, shop: Place, registered: Path, node_packages: Path
) -> None:
    factories.entity("component:default/billing", type="worker", location=shop.location)
    found = subprocess.run(
        ["node", str(HERE / "client.mjs"), str(node_packages), live_server.url, secret, str(registered)],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.skipif(not SCHEMA.is_file(), reason=f"the corpus is not there: {SCHEMA}")
def test_no_request_that_the_schema_allows_is_answered_outside_of_it(
    live_server: LiveServer, secret: str, shop: Place, tmp_path: Path
) -> None:
    schema = json.loads(SCHEMA.read_text())
    for name in (
        "Entity",
        "NullableEntity",
    ):  # it forgets that `fields` leaves members out, as Backstage does
        shape = schema["components"]["schemas"][name]
        shape.get("anyOf", [shape])[0].pop("required")
    published = tmp_path / "catalog.openapi.json"
    published.write_text(json.dumps(schema))
    checks = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(published)),
            *("--url", f"{live_server.url}/api/catalog", "--header", f"Authorization: Bearer {secret}"),
            *(
                "--checks",
                checks,
                "--phases",
                "examples,coverage,fuzzing",
                "--max-time",
                str(FUZZING_SECONDS),
            ),
            *("--continue-on-failure", "--no-color", "--warnings", "off", "--generation-database", "none"),
        ],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert found.returncode == 0, found.stdout[-8_000:] + found.stderr[-2_000:]
