"""Running hosts with git over http, as fixtures, with the settings that open them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.catalog.hosts.server import TOKEN, Host, running
from tests.scaffolder.forge import git_http, gitea, github, gitlab
from tests.scaffolder.forge.world import Forge

APIS: dict[str, Any] = {"github": github, "gitlab": gitlab, "gitea": gitea}


@dataclass
class Server:
    """A host under the name that `repoUrl`s have."""

    type: str
    name: str
    forge: Forge
    host: Host
    logins: list[str] = field(default_factory=list)  # of git

    @property
    def asked(self) -> list[str]:
        """Changes that its REST API was asked for."""
        prefix = APIS[self.type].PREFIX
        return [
            f"{one.method} {one.path.removeprefix(prefix)}" for one in self.host.log if one.method != "GET"
        ]


@contextmanager
def serving(type: str, name: str, root: Path, settings: Settings) -> Iterator[Server]:
    """`name` as the host of `repoUrl`; its API and git answer on this machine."""
    root.mkdir(parents=True, exist_ok=True)
    forge = Forge(root)
    with running(Host(APIS[type].endpoint(forge))) as host:
        server = Server(type, name, forge, host)
        host.git = git_http.serving(root, TOKEN, server.logins)
        entry = {"type": type, "host": name, "api": f"{host.url}{APIS[type].PREFIX}", "token": TOKEN}
        settings.PORTICO_INTEGRATIONS = [*settings.PORTICO_INTEGRATIONS, entry]
        settings.PORTICO_READING_ALLOW = [*settings.PORTICO_READING_ALLOW, host.netloc]
        settings.PORTICO_GIT_HOSTS = {
            **settings.PORTICO_GIT_HOSTS,
            name: f"{host.url}/{{owner}}/{{repo}}.git",
        }
        yield server


@pytest.fixture
def github_server(db: None, folders: Path, settings: Settings) -> Iterator[Server]:
    with serving("github", "github.example", folders / "forge", settings) as server:
        yield server


@pytest.fixture
def gitlab_server(db: None, folders: Path, settings: Settings) -> Iterator[Server]:
    with serving("gitlab", "gitlab.example", folders / "forge", settings) as server:
        yield server


@pytest.fixture
def gitea_server(db: None, folders: Path, settings: Settings) -> Iterator[Server]:
    with serving("gitea", "gitea.example", folders / "forge", settings) as server:
        yield server
