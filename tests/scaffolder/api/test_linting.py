"""POST /api/scaffolder/v2/lint."""

from __future__ import annotations

import pytest

from scaffolder.api import linting
from tests.scaffolder.api.conftest import Caller
from tests.scaffolder.test_linting import FETCH, steps

pytestmark = pytest.mark.django_db


def test_findings_come_with_line_and_rule(maya_calls: Caller) -> None:
    answer = maya_calls.raw("post", "/lint", {"template": steps("    - action: nothing:here\n")})
    assert answer.status_code == 200
    found = answer.json()
    assert found["valid"] is False
    assert found["findings"][0]["rule"] == "unused-parameter"
    assert {
        "line": 13,
        "column": 15,
        "severity": "error",
        "rule": "action",
        "file": "template.yaml",
    }.items() <= found["findings"][1].items()


def test_files_that_are_sent_along_are_looked_at(maya_calls: Caller) -> None:
    body = {"template": steps(FETCH % ""), "files": {"skeleton/a.md": "${{ values.name | uper }}"}}
    found = maya_calls.raw("post", "/lint", body).json()["findings"]
    assert [(one["file"], one["rule"]) for one in found] == [("skeleton/a.md", "filter")]


def test_without_files_nothing_is_said_of_them(maya_calls: Caller) -> None:
    assert maya_calls.raw("post", "/lint", {"template": steps(FETCH % "")}).json() == {
        "valid": True,
        "findings": [],
    }


def test_a_file_that_would_lie_elsewhere_is_refused(maya_calls: Caller) -> None:
    answer = maya_calls.raw("post", "/lint", {"template": "x", "files": {"../a": "x"}})
    assert answer.status_code == 400
    assert "leads out" in answer.content.decode()


def test_a_template_without_end_is_refused(maya_calls: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linting, "MAX_TEMPLATE", 3)
    assert maya_calls.raw("post", "/lint", {"template": "long"}).status_code == 413
