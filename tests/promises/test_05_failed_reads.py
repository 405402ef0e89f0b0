"""Promise 5: a failed read never removes entities."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from pytest_django.fixtures import Settings

from catalog import ingest, locations
from catalog.ingest import Outcome
from catalog.models import Entity, Location
from tests.catalog.places import Place, component

REFS = {"component:default/a", "component:default/b"}


def refs() -> set[str]:
    return set(Entity.objects.values_list("ref", flat=True))


def read(location: Location) -> Outcome:
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    location.refresh_from_db()
    return outcome


def says_that_it_fails(location: Location) -> bool:
    return location.failing_since is not None and len(location.failure) > 20 and location.read_at is not None


def test_a_folder_that_is_gone_keeps_its_entities(db: None, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    place.write("a.yaml", component("a"))
    place.write("b.yaml", component("b"))
    place.read()
    shutil.rmtree(place.folder)
    assert place.read().failure
    assert refs() == REFS
    assert says_that_it_fails(place.location)
    since = place.location.failing_since
    place.read()
    assert place.location.failing_since == since


def test_a_location_that_can_be_read_again_fails_no_more(db: None, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    place.write("a.yaml", component("a"))
    place.read()
    place.folder.rename(tmp_path / "away")
    place.read()
    (tmp_path / "away").rename(place.folder)
    place.read()
    assert (place.location.failing_since, place.location.failure) == (None, "")


def test_one_file_that_cannot_be_opened_keeps_what_it_described(db: None, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    place.write("a.yaml", component("a"))
    place.write("b.yaml", component("b"))
    place.read()
    (place.folder / "b.yaml").unlink()
    (place.folder / "b.yaml").symlink_to("/etc/hostname")
    place.read()
    assert refs() == REFS
    assert Entity.objects.get(name="b").orphaned_at is not None
    assert "leads out of" in next(p.message for p in place.problems if p.code == "unreadable")


class Site(BaseHTTPRequestHandler):
    answer: ClassVar[tuple[int, bytes]] = (200, b"")

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + (10 if status == 299 else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def site(settings: Settings) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.PORTICO_READING_ALLOW = [f"127.0.0.1:{server.server_port}"]
    yield f"http://127.0.0.1:{server.server_port}/catalog-info.yaml"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [404, 403, 429, 500, 503, 304, 204])
@pytest.mark.slow
def test_a_web_address_that_fails_keeps_its_entities(db: None, site: str, status: int) -> None:
    Site.answer = (200, (component("a") + "---\n" + component("b")).encode())
    location = locations.register("url", site, by=None)
    read(location)
    assert refs() == REFS
    Site.answer = (status, b"")
    assert read(location).failure
    assert refs() == REFS
    assert says_that_it_fails(location)


def test_an_address_that_left_the_allowed_networks_keeps_its_entities(
    db: None, site: str, settings: Settings
) -> None:
    Site.answer = (200, (component("a") + "---\n" + component("b")).encode())
    location = locations.register("url", site, by=None)
    read(location)
    settings.PORTICO_READING_ALLOW = []
    assert "PORTICO_READING_ALLOW" in read(location).failure
    assert refs() == REFS


def test_an_empty_answer_takes_back_only_what_a_good_one_did_not_say(db: None, site: str) -> None:
    """A page that is there and empty is a good read: the entities are really gone from it."""
    Site.answer = (200, (component("a") + "---\n" + component("b")).encode())
    location = locations.register("url", site, by=None)
    read(location)
    Site.answer = (200, component("a").encode())
    assert read(location).removed == 1
    assert refs() == {"component:default/a"}


def test_a_repository_that_vanishes_keeps_its_entities(db: None, tmp_path: Path, settings: Settings) -> None:
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    settings.PORTICO_HOME = tmp_path / "home"
    work = tmp_path / "work"
    work.mkdir()
    (work / "catalog-info.yaml").write_text(component("a") + "---\n" + component("b"))
    git = ["git", "-C", str(work), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "All"]):
        subprocess.run([*git, *command], check=True)
    location = locations.register("git", f"file://{work}", by=None)
    read(location)
    assert refs() == REFS
    work.rename(tmp_path / "away")
    assert read(location).failure
    assert refs() == REFS
    (tmp_path / "away").rename(work)
    subprocess.run([*git, "mv", "catalog-info.yaml", "other.yaml"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "Rename"], check=True)
    assert "catalog-info.yaml" in read(location).failure
    assert refs() == REFS
