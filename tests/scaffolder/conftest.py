"""Folders and rules for runs: everybody may run every template at once, below a PORTICO_HOME of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from control import policy
from control.models import PolicyRevision
from scaffolder.testing import Bench
from tests.scaffolder.forge.fixtures import gitea_server, github_server, gitlab_server

__all__ = ["gitea_server", "github_server", "gitlab_server"]

RUN_AT_ONCE = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: run-templates}
spec:
  capabilities: [scaffolder.run]
  subjects: [{kind: Everyone}]
  entities: "kind=template"
  approval: none
"""


@pytest.fixture
def folders(tmp_path: Path, settings: Settings) -> Path:
    """Repositories below `git`, those that runs make below `git/remotes`."""
    roots = tmp_path / "git"
    roots.mkdir()
    settings.PORTICO_HOME = tmp_path / "home"
    settings.PORTICO_FILE_ROOTS = [roots]
    # The heartbeat's own connection sees nothing of a test's transaction: let it come after the test.
    settings.PORTICO_LEASE_SECONDS = 3600
    settings.PORTICO_GIT_HOSTS = {"git.localhost": f"file://{roots}/remotes/{{owner}}/{{repo}}.git"}
    return tmp_path


@pytest.fixture
def bench(folders: Path, tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


@pytest.fixture
def anybody_may_run(db: None, folders: Path, tmp_path: Path) -> PolicyRevision:
    path = tmp_path / "rules.yaml"
    path.write_text(RUN_AT_ONCE)
    return policy.publish([path], by=None)
