"""Rules at the start: a fresh Portico has some, and a bad set leaves the old one in force."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from control import policy

pytestmark = pytest.mark.django_db
ROLE = "apiVersion: portico.dev/v1\nkind: Role\nmetadata: {name: logs}\nrules: [{resources: [logs], verbs: [read]}]\n"


@pytest.fixture(autouse=True)
def without_the_rest(settings: Any, tmp_path: Path) -> None:
    settings.PORTICO_DEMO = False
    settings.PORTICO_HOME = tmp_path / "home"
    settings.STATIC_ROOT = tmp_path / "static"


def prepare() -> str:
    said = StringIO()
    call_command("prepare", stdout=said)
    return said.getvalue()


def test_without_the_demo_the_shipped_rules_are_in_force_from_the_first_start() -> None:
    prepare()
    revision = policy.in_force()
    assert revision is not None
    assert revision.digest == policy.digest_of(policy.load([policy.DEFAULT_PATH]))


def test_rules_that_are_named_are_in_force_from_the_first_start(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(ROLE)
    settings.PORTICO_POLICY_PATHS = [tmp_path / "rules.yaml"]
    prepare()
    revision = policy.in_force()
    assert revision is not None
    assert set(policy.parsed(revision).roles) == {"logs"}


def test_named_rules_that_cannot_be_taken_leave_the_old_ones_in_force_and_are_explained(
    settings: Any, tmp_path: Path
) -> None:
    prepare()
    before = policy.in_force()
    (tmp_path / "rules.yaml").write_text(ROLE.replace("Role", "Roll"))
    settings.PORTICO_POLICY_PATHS = [tmp_path / "rules.yaml"]
    assert "rules.yaml, line 2: kind Roll" in prepare()
    assert policy.in_force() == before


def test_named_rules_that_cannot_be_taken_stop_the_first_start(settings: Any, tmp_path: Path) -> None:
    settings.PORTICO_POLICY_PATHS = [tmp_path / "nowhere.yaml"]
    with pytest.raises(CommandError, match=r"nowhere\.yaml, line 1: cannot be read"):
        prepare()
    assert policy.in_force() is None
