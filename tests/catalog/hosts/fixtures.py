"""Running hosts as fixtures, with the settings that open them. Import them into a test file or its conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.catalog.hosts import github as github_api
from tests.catalog.hosts import gitlab as gitlab_api
from tests.catalog.hosts.server import TOKEN, Host, running
from tests.catalog.hosts.world import World

WEBHOOK_SECRET = "webhook-secret-of-the-test"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def github(world: World, settings: Settings) -> Iterator[Host]:
    with running(Host(github_api.endpoint(world))) as host:
        _open(settings, host, "github", github_api.PREFIX)
        yield host


@pytest.fixture
def gitlab(world: World, settings: Settings) -> Iterator[Host]:
    with running(Host(gitlab_api.endpoint(world))) as host:
        _open(settings, host, "gitlab", gitlab_api.PREFIX)
        yield host


def _open(settings: Settings, host: Host, type: str, prefix: str) -> None:
    settings.PORTICO_READING_ALLOW = [*settings.PORTICO_READING_ALLOW, host.netloc]
    entry = {"type": type, "host": host.netloc, "api": f"{host.url}{prefix}", "token": TOKEN}
    settings.PORTICO_INTEGRATIONS = [
        *settings.PORTICO_INTEGRATIONS,
        {**entry, "webhook_secret": WEBHOOK_SECRET},
    ]
