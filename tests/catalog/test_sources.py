"""What may be read, and what may not: paths, links, networks, redirects, git addresses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from catalog import git, ingest, locations, tree, web
from catalog.errors import Missing, Unreadable
from catalog.models import Location
from catalog.sources import fetch_tree, open_kept_tree, open_tree, repository_of
from control import network
from control.errors import InvalidParameters, Refused
from control.models import AuditEvent, User
from tests.catalog.places import Place, component, entity


@pytest.fixture
def roots(tmp_path: Path, settings: Settings) -> Path:
    """The only folder that people may register, and the state of the portal beside it."""
    settings.PORTICO_FILE_ROOTS = [tmp_path / "roots"]
    settings.PORTICO_HOME = tmp_path / "home"
    (tmp_path / "roots").mkdir()
    return tmp_path / "roots"


def repository(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run = ["git", "-C", str(folder), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "All"]):
        subprocess.run([*run, *command], check=True)
    return f"file://{folder}"


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "relative/x.yaml", "", "{roots}/../x.yaml", "{roots}/link/x.yaml", "/\x00"],
)
def test_people_may_register_files_below_the_roots_only(roots: Path, maya: User, target: str) -> None:
    (roots / "link").symlink_to("/etc")
    with pytest.raises(InvalidParameters) as refusal:
        locations.register("file", target.format(roots=roots), by=maya)
    assert "target" in refusal.value.fields
    assert locations.register("file", f"{roots}/*.yaml", by=maya).registered_by == maya


@pytest.mark.parametrize(
    ("type", "target"),
    [
        ("git", "ext::sh%20-c%20id"),
        ("git", "--upload-pack=id"),
        ("git", "ssh://;id;.example.org/team/repository"),
        ("git", "ssh://$(id).example.org/team/repository"),
        ("git", "ssh://-oProxyCommand=id/team/repository"),
        ("git", "file:///etc"),
        ("git", "https://user:secret@example.com/x.git"),
        ("git", "https://"),
        ("git", "https://-oProxyCommand=id/x"),
        ("git", "git@host:-x"),
        ("url", "file:///etc/passwd"),
        ("url", "https://user:secret@example.com/x"),
        ("url", "https://example.com/a b"),
        ("url", "ftp://example.com/x"),
        ("nfs", "x"),
    ],
)
def test_targets_that_make_no_sense_or_hide_commands_and_secrets_are_refused(
    db: None, maya: User, type: str, target: str
) -> None:
    with pytest.raises(InvalidParameters):
        locations.register(type, target, by=maya)
    assert not Location.objects.exists()


def test_registering_twice_is_one_location_and_one_event(roots: Path, maya: User, tomas: User) -> None:
    first = locations.register("file", f"{roots}/*.yaml", by=maya)
    assert locations.register("file", f"{roots}/*.yaml", by=tomas) == first
    assert AuditEvent.objects.filter(action="location.registered").count() == 1


def test_only_administrators_name_a_source_of_people(roots: Path, maya: User, root_admin: User) -> None:
    with pytest.raises(Refused):
        locations.register("file", f"{roots}/*.yaml", by=maya, is_org_source=True)
    assert locations.register("file", f"{roots}/*.yaml", by=root_admin, is_org_source=True).is_org_source


def test_only_who_registered_a_location_or_an_administrator_removes_it(
    roots: Path, maya: User, tomas: User
) -> None:
    location = locations.register("file", f"{roots}/*.yaml", by=maya)
    with pytest.raises(Refused):
        locations.remove(location.pk, by=tomas)
    locations.remove(location.pk, by=maya)
    assert not Location.objects.exists()


@pytest.mark.parametrize("name", ["link", "../outside", "sub/../../outside", ".git/config", "folder", "pipe"])
def test_nothing_outside_of_a_tree_is_read(tmp_path: Path, name: str) -> None:
    root = tmp_path / "tree"
    (root / "folder").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (tmp_path / "outside").write_text("secret")
    (root / "link").symlink_to(tmp_path / "outside")
    subprocess.run(["mkfifo", str(root / "pipe")], check=True)
    with pytest.raises(Unreadable):
        tree.read(root, name)


def test_links_within_a_tree_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").symlink_to("a")
    assert tree.read(tmp_path, "b") == b"text"
    with pytest.raises(Missing):
        tree.read(tmp_path, "c")


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1"),
        *("fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not network.is_public(address)


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        where = {
            "/inside": "http://[::1]:1/x",
            "/file": "file:///etc/passwd",
            "/loop": "/loop",
            "/there": "/ok",
        }
        if self.path in where:
            self.send_response(302)
            self.send_header("Location", where[self.path])
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * (30_000_000 if self.path == "/large" else 2))

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_private_networks_are_closed_until_they_are_named(site: str, settings: Settings) -> None:
    with pytest.raises(Unreadable, match="PORTICO_READING_ALLOW"):
        web.read(f"http://{site}/ok")
    settings.PORTICO_READING_ALLOW = [site]
    assert web.read(f"http://{site}/there") == b"xx"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("inside", "private network"),
        ("file", "not a web address"),
        ("loop", "redirects"),
        ("large", "larger than"),
    ],
)
def test_every_hop_is_judged_again_and_answers_have_limits(
    site: str, settings: Settings, path: str, words: str
) -> None:
    settings.PORTICO_READING_ALLOW = [site]
    with pytest.raises(Unreadable, match=words):
        web.read(f"http://{site}/{path}")


def test_the_address_that_was_judged_is_the_one_that_is_reached(
    site: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers with a public address first and with an inner one later gains nothing."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    reached: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", (next(answers), port))]

    def connect(address: tuple[str, int], timeout: float) -> None:
        reached.append(address[0])
        raise OSError("no network in tests")

    monkeypatch.setattr("control.network.socket.getaddrinfo", resolve)
    monkeypatch.setattr("control.outbound.socket.create_connection", connect)
    with pytest.raises(Unreadable):
        web.read("http://rebinding.example.com/")
    assert reached == ["93.184.216.34"]


@pytest.mark.parametrize(
    ("page", "raw"),
    [
        ("https://github.com/o/r/blob/main/a/b.yaml", "https://github.com/o/r/raw/main/a/b.yaml"),
        ("https://github.com/o/r/tree/main/b.yaml", "https://github.com/o/r/raw/main/b.yaml"),
        ("https://gitlab.com/g/s/r/-/blob/main/b.yaml", "https://gitlab.com/g/s/r/-/raw/main/b.yaml"),
        ("https://example.com/catalog-info.yaml", "https://example.com/catalog-info.yaml"),
    ],
)
def test_the_page_of_a_file_stands_for_the_file(page: str, raw: str) -> None:
    assert web.raw_address(page) == raw


def test_a_repository_is_read_and_its_tree_opened_for_templates(roots: Path, maya: User) -> None:
    url = repository(
        roots / "shop",
        {
            "catalog-info.yaml": component("a"),
            "templates/x/info.yaml": component("b"),
            "templates/x/skeleton/f": "f",
        },
    )
    location = locations.register("git", f"{url}#templates/*/info.yaml", by=maya)
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert (outcome.failure, outcome.added) == ("", 1)
    found = entity("component:default/b")
    assert found.source_path == "templates/x/info.yaml"
    with open_tree(found) as opened, fetch_tree("./skeleton", base=opened) as skeleton:
        assert (skeleton / "f").read_text() == "f"
        with pytest.raises(Unreadable), fetch_tree("../../../..", base=opened):
            """Never reached."""
    with open_kept_tree(found) as kept, fetch_tree(url, base=kept) as other:
        assert (kept.base / "skeleton").is_dir()
        assert (other / "catalog-info.yaml").is_file()


def test_git_does_not_run_hooks_and_says_what_is_wrong(roots: Path) -> None:
    url = repository(roots / "shop", {"a": "a"})
    with git.checkout(url) as first, git.checkout(url) as second:
        assert first == second
    with pytest.raises(Missing, match="no such branch"), git.checkout(url, "none"):
        """Never reached."""
    with pytest.raises(Unreadable, match="git could not read"), git.checkout(f"file://{roots}/none"):
        """Never reached."""
    with pytest.raises(Unreadable, match="PORTICO_READING_ALLOW"), git.checkout("https://127.0.0.1/x.git"):
        """Never reached."""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/o/r/tree/main/a/b", ("https://github.com/o/r.git", "main", "a/b")),
        ("https://gitlab.com/g/s/r/-/tree/v1/x", ("https://gitlab.com/g/s/r.git", "v1", "x")),
        ("https://github.com/o/r", ("https://github.com/o/r.git", "HEAD", "")),
        ("git@github.com:o/r.git", ("git@github.com:o/r.git", "HEAD", "")),
    ],
)
def test_the_page_of_a_repository_stands_for_it(address: str, expected: tuple[str, str, str]) -> None:
    assert repository_of(address) == expected


def test_placeholders_are_filled_from_files_beside_the_descriptor(place: Place) -> None:
    api = (
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: books}\n"
        "spec: {type: openapi, lifecycle: production, owner: shop, definition: {$text: ./books.json}}\n"
    )
    place.write("api.yaml", api)
    place.write("books.json", '{"openapi": "3.1.0"}')
    place.read()
    assert entity("api:default/books").document["spec"]["definition"] == '{"openapi": "3.1.0"}'
    place.write("books.json", '{"openapi": "3.1.1"}')
    place.read()
    assert "3.1.1" in entity("api:default/books").document["spec"]["definition"]
    (place.folder / "books.json").unlink()
    place.read()
    assert "3.1.1" in entity("api:default/books").document["spec"]["definition"]
    assert [(p.code, p.line) for p in place.problems if p.severity == "error"] == [("unreadable", 4)]


def test_the_commands_register_read_and_refresh(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(component("a"))
    call_command("register_location", "file", str(tmp_path / "a.yaml"))
    assert "1 added" in capsys.readouterr().out
    call_command("refresh_locations")
    assert "0 added, 0 changed, 0 removed" in capsys.readouterr().out
    (tmp_path / "a.yaml").unlink()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("refresh_locations")
    with pytest.raises(CommandError, match="absolute path"):
        call_command("register_location", "file", "a.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "could not be read"),
        ("[" * 150 + "]" * 150, "levels deep"),
        ('"\\ud800"', "could not be read"),
        ('"\\u0000"', "zero byte"),
        ("{", "could not be read"),
    ],
)
def test_what_a_placeholder_pulls_in_cannot_break_the_reading(place: Place, text: str, words: str) -> None:
    place.write("a.yaml", component("a", more="{$json: ./x.json}") + "---\n" + component("b"))
    place.write("x.json", text)
    assert place.read().failure == ""
    assert place.refs == {"component:default/b"}
    assert words in next(problem.message for problem in place.problems if problem.code == "unreadable")


def test_an_error_of_the_portal_itself_is_seen_at_the_location(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("a.yaml", component("a"))

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("catalog.ingest.read_location", fail)
    assert "error of its own" in place.read().failure
    assert place.location.failing_since is not None
    assert place.location.reading_since is None
