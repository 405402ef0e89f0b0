"""Dry runs over the API: what a run would leave, no effect, and no secret in the answer."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from catalog.models import Entity
from control.models import Intent
from scaffolder.api import trying
from scaffolder.dry_run import File
from tests.scaffolder import templates
from tests.scaffolder.api.conftest import Caller
from tests.scaffolder.templates import document, log_step, publish_step, template_step
from tests.scaffolder.test_runs import ASKS_FOR_A_TOKEN, SECRET, everything_stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]


def coded(content: str | bytes) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def wish(steps: list[dict[str, Any]], files: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    described = document(steps, parameters=ASKS_FOR_A_TOKEN, output=more.pop("output", None))
    contents = [{"path": path, "base64Content": coded(text)} for path, text in (files or {}).items()]
    return {
        "template": described,
        "values": {"name": "payout"},
        "secrets": {"token": SECRET},
        "directoryContents": contents,
        **more,
    }


def test_files_output_log_and_changes_are_answered_and_nothing_is_done(maya_calls: Caller) -> None:
    steps = [
        template_step(values={"name": "${{ parameters.name }}"}),
        publish_step("${{ parameters.name }}"),
        log_step("never", **{"if": "${{ false }}"}),
    ]
    output = {"links": [{"title": "Code", "url": "${{ steps.publish.output.remoteUrl }}"}]}
    found = maya_calls.post(
        "/dry-run", wish(steps, {"skeleton/README.md": "# ${{ values.name }}"}, output=output)
    )
    assert found["directoryContents"] == [
        {"path": "README.md", "executable": False, "base64Content": coded("# payout")}
    ]
    assert [step["id"] for step in found["steps"]] == ["fetch", "publish", "step-3"]
    assert "halfmoon/payout" in found["output"]["links"][0]["url"]
    assert found["changes"][0]["what"].startswith("repository halfmoon/payout")
    ends = [
        (line["body"]["stepId"], line["body"]["status"]) for line in found["log"] if "status" in line["body"]
    ]
    assert ends == [
        *(
            ("fetch", "processing"),
            ("fetch", "completed"),
            ("publish", "processing"),
            ("publish", "completed"),
        ),
        *(("step-3", "processing"), ("step-3", "skipped")),
    ]
    assert not Intent.objects.exists()
    assert not Entity.objects.exists()
    assert not templates.remote("halfmoon", "payout").exists()


def test_a_secret_comes_back_nowhere(maya_calls: Caller) -> None:
    steps = [log_step("Bearer ${{ secrets.token }}"), {"action": "fs:delete", "input": {"files": "x"}}]
    response = maya_calls.raw("POST", "/dry-run", wish(steps))
    assert "Bearer ***" in response.content.decode()
    assert SECRET not in response.content.decode() + everything_stored()


def test_a_step_that_fails_is_an_error_with_what_came_before(maya_calls: Caller) -> None:
    missing = {"action": "fs:rename", "id": "move", "input": {"files": [{"from": "x", "to": "y"}]}}
    found = maya_calls.post("/dry-run", wish([log_step("hello"), missing, log_step("never")]), status=400)
    [error] = found["errors"]
    assert error["path"] == ["template", "spec", "steps", 1]
    assert found["error"]["message"] == error["message"]
    assert found["log"][-1]["body"] == {"message": error["message"], "status": "failed", "stepId": "move"}


def test_a_link_is_told_by_where_it_leads() -> None:
    file = trying._file(File("a", 0, points_to="b"))
    assert file == {"path": "a", "executable": False, "base64Content": coded("b"), "symlink": True}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"template": {}}, "Input template is not a template"),
        ({"template": {"kind": "Template", "metadata": {}, "spec": {}}}, "Input template is not a template"),
        ({"template": {"kind": "Template", "metadata": {"name": "x"}, "spec": {}}}, "is written for None"),
        ({"directoryContents": [{"path": "a", "base64Content": "%%"}]}, "base64Content of a is not base64"),
        ({"directoryContents": [{"path": "a"}]}, "required property 'base64Content'"),
        ({"directoryContents": [{"path": "../a", "base64Content": ""}]}, "../a"),
        ({"directoryContents": [{"path": "/etc/x", "base64Content": ""}]}, "/etc/x"),
        ({"values": {"name": "Not Allowed"}}, ""),
        ({"secrets": {}}, "missing"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_words(
    maya_calls: Caller, more: dict[str, Any], words: str
) -> None:
    error = maya_calls.post("/dry-run", {**wish([log_step("x")]), **more}, status=400)["error"]
    assert error["name"] == "InputError"
    assert words in error["message"]


def test_a_second_one_at_the_same_time_is_told_to_come_back(maya_calls: Caller) -> None:
    place = trying._places.take()
    assert place
    try:
        response = maya_calls.raw("POST", "/dry-run", wish([log_step("x")]))
        assert (response.status_code, response["Retry-After"]) == (503, "1")
    finally:
        place.leave()
    for _ in range(2):  # a place is given back, also after an error
        maya_calls.post("/dry-run", wish([{"action": "acme:x"}]), status=400)
    maya_calls.post("/dry-run", wish([log_step("x")]))
