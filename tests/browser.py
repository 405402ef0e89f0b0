"""A whole Portico, started as the README says, and a browser in front of it: once for all tests of one run.

`tests/conftest.py` takes the fixtures from here; a second conftest that did would start a second server.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 180
CHROMIUM_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DEMO_PASSWORD = "portico-demo"


@dataclass
class Portal:
    url: str
    home: Path
    process: subprocess.Popen[bytes]

    @property
    def database_url(self) -> str:
        return (self.home / "run" / "database-url").read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The server with its demo organisation, on a data folder and a port of its own."""
    home, port = tmp_path_factory.mktemp("portico"), free_port()
    log = home / "story.log"
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DATABASE_URL", "PORTICO_", "CELERY_"))
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.server", "--port", str(port)],
            env={**kept, "PORTICO_HOME": str(home), "PORTICO_SWEEP_SECONDS": "2"},
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    started = Portal(f"http://127.0.0.1:{port}", home, process)
    try:
        wait_until(lambda: _ready(started), START_SECONDS, "Portico is ready", log.read_text)
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(portal: Portal) -> bool:
    assert portal.process.poll() is None, "the server ended before it was ready"
    try:
        return requests.get(f"{portal.url}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import (
        sync_playwright,
    )  # takes a quarter of a second, which most runs need not pay

    path = shutil.which("chromium")
    assert path, "chromium is missing: apt-get install chromium"
    flags = [*CHROMIUM_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else CHROMIUM_FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(portal: Portal, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`sign_in("maya.okafor")` is a page of a browser of their own; keywords go to the browser context."""
    contexts: list[BrowserContext] = []

    def enter(username: str, **options: object) -> Page:
        context = chromium.new_context(base_url=portal.url, **options)  # type: ignore[arg-type]  # playwright's own
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto("/signin/")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(DEMO_PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: "/signin" not in url)
        return page

    yield enter
    for context in contexts:
        context.close()


def choose(page: Page, label: str, name: str) -> None:
    """An entity in a picker, whether it is drawn as a list or as a text to complete."""
    field = page.get_by_label(label, exact=True)
    if field.evaluate("element => element.tagName") == "SELECT":
        wanted = (
            field.locator("option").filter(has_text=re.compile(name.replace("-", "."), re.IGNORECASE)).first
        )
        field.select_option(wanted.get_attribute("value"))
    else:
        field.fill(name)
