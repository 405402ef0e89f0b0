"""Two judges that are not ours: Backstage's own client, and requests made up from its published schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_django.live_server_helper import LiveServer

from control import tokens
from control.models import User
from scaffolder.api import waiting
from tests import node
from tests.scaffolder import room
from tests.scaffolder.templates import document, log_step, template
from tests.scaffolder.test_runs import ASKS_FOR_A_TOKEN, SECRET, everything_stored
from tests.worker import RealWorker

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("anybody_may_run"),
]
HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parents[3] / "shared" / "contracts" / "backstage" / "scaffolder.openapi.json"
FUZZING_SECONDS = 40
RUN_SECONDS = 180


@pytest.fixture
def secret(transactional_db: None, maya: User) -> str:
    return tokens.issue(owner=maya, by=None, name="judge")[1]


@pytest.fixture
def offered(transactional_db: None, anybody_may_run: object) -> None:
    """A template that greets, one that waits, one that fails."""
    greeting = log_step("Hello ${{ parameters.name }}, Bearer ${{ secrets.token }}", id="hello")
    output = {"text": [{"title": "Greeting", "content": "Hello ${{ parameters.name }}"}]}
    template(document([greeting], parameters=ASKS_FOR_A_TOKEN, output=output, name="greets"))
    template(document([{"action": "debug:wait", "input": {"minutes": 5}}], name="waits"))
    missing = {"action": "fs:rename", "id": "move", "input": {"files": [{"from": "x", "to": "y"}]}}
    template(document([log_step("hello", id="hello"), missing], name="fails"))


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """Where the client is installed: once for all runs on this PORTICO_HOME."""
    return node.installed(HERE, "test-node-scaffolder")


def test_the_client_of_backstage_is_content(
    node_packages: Path,
    live_server: LiveServer,
    secret: str,
    maya: User,
    offered: None,
    real_worker: RealWorker,
) -> None:
    real_worker.start(SECRET_KEY=settings.SECRET_KEY)  # what one process seals, another opens
    found = subprocess.run(
        ["node", str(HERE / "client.mjs"), str(node_packages), live_server.url, secret, str(maya.entity_ref)],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert found.returncode == 0, real_worker.output[-4_000:] + found.stdout + found.stderr
    assert SECRET not in everything_stored() + found.stdout + real_worker.output


def published() -> dict[str, Any]:
    """The schema, with what it forgets and Backstage does: any request may be answered with an error."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    refusal = schema["components"]["responses"]["ErrorResponse"]
    for operations in schema["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.setdefault("default", refusal)
            if "errors" in json.dumps(responses.get("400", {})):
                found = responses["400"]["content"]["application/json"]["schema"]
                both = {"anyOf": [found, {"$ref": "#/components/schemas/Error"}]}
                responses["400"]["content"]["application/json"]["schema"] = both
    return schema


@pytest.mark.skipif(not SCHEMA.is_file(), reason=f"the corpus is not there: {SCHEMA}")
def test_no_request_that_the_schema_allows_is_answered_outside_of_it(
    live_server: LiveServer,
    secret: str,
    maya: User,
    offered: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.2)  # there are many questions to ask
    run = room.run_of(maya, lines=3, steps=2)
    schema = published()
    _suggest(schema, run_id=str(run.pk))
    path = tmp_path / "scaffolder.openapi.json"
    path.write_text(json.dumps(schema))
    checks = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(path)),
            *("--url", f"{live_server.url}/api/scaffolder", "--header", f"Authorization: Bearer {secret}"),
            *("--checks", checks, "--phases", "examples,coverage,fuzzing"),
            *("--max-time", str(FUZZING_SECONDS)),
            *("--continue-on-failure", "--no-color", "--warnings", "off", "--generation-database", "none"),
        ],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert found.returncode == 0, found.stdout[-8_000:] + found.stderr[-2_000:]


def _suggest(schema: Mapping[str, Any], *, run_id: str) -> None:
    """Examples that lead past “not found”."""
    parameters = schema["components"]["parameters"]
    parameters["taskId"]["example"] = run_id
    parameters["namespace"]["example"] = "default"
    parameters["kind"]["example"] = "template"
    parameters["name"]["example"] = "greets"
    wish = {"templateRef": "template:default/greets", "values": {"name": "a"}, "secrets": {"token": SECRET}}
    body = schema["paths"]["/v2/tasks"]["post"]["requestBody"]["content"]["application/json"]
    body["example"] = wish
