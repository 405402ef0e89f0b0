"""What files of strangers may hold: each refused or made harmless, said in words, quickly, and nothing is lost.

Every case replaces a file that described an entity before. Its neighbour is read, its last good version stays.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from catalog import ingest, locations, web
from catalog.errors import Unreadable
from catalog.filter_sql import as_q
from catalog.models import Entity, Location
from catalog.yaml12 import load
from control.errors import InvalidParameters
from control.filters import parse
from control.models import User
from tests import factories
from tests.catalog.pages import links
from tests.catalog.places import Place, component, entity

pytestmark = pytest.mark.django_db
SECONDS = 20  # generous: these machines are shared
KEPT = "component:default/victim"


@pytest.fixture
def attacked(place: Place) -> Place:
    place.write("a-victim.yaml", component("victim"))
    place.write("b-neighbour.yaml", component("neighbour"))
    place.read()
    return place


def read(place: Place, content: bytes | None = None) -> list[str]:
    """The errors of a read, in words; nothing may fail as a whole, take long, or get lost."""
    if content is not None:
        (place.folder / "a-victim.yaml").write_bytes(content)
    started = time.monotonic()
    outcome = place.read()
    assert outcome.failure == ""
    assert time.monotonic() - started < SECONDS
    assert {KEPT, "component:default/neighbour"} <= place.refs
    return [problem.message for problem in place.problems if problem.severity == "error"]


def with_metadata(**metadata: Any) -> bytes:
    document = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "victim", **metadata},
        "spec": {"type": "service", "lifecycle": "production", "owner": "payments"},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def with_spec(**spec: Any) -> bytes:
    document = json.loads(with_metadata())
    document["spec"] |= spec
    return json.dumps(document, ensure_ascii=False).encode()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(ord(above) + 1)}: &{chr(ord(above) + 1)} [{', '.join([f'*{above}'] * 9)}]\n"
    for above in "abcdefgh"
)
REFUSED: dict[str, tuple[bytes, str]] = {
    "aliases that grow": (BOMB.encode(), "aliases make this document too large"),
    "an alias of itself": (b"a: &a [*a]", "alias of itself"),
    "fifty megabytes": (b"# " + b"x" * 50_000_000, "are not read"),
    "a hundred thousand brackets": (b"a: " + b"[" * 100_000, "levels deep"),
    "deep mappings": ("".join(" " * n + "a:\n" for n in range(500)).encode(), "levels deep"),
    "a key twice": (
        component("victim").replace("  owner:", "  type: x\n  owner:").encode(),
        "The key “type” stands here",
    ),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20, "not UTF-8"),
    "zero bytes": (component("victim").encode().replace(b"payments", b"pay\x00ments"), "control character"),
    "a zero byte as an escape": (component("victim", type='"a\\0b"').encode(), "zero byte"),
    "half a character as an escape": (component("victim", type='"\\ud800"').encode(), "line"),
    "latin-1": (component("victim", type="caf\u00e9").encode("latin-1"), "not UTF-8"),
    "utf-16 without its mark": (component("victim").encode("utf-16-le"), "control character"),
    "utf-32": (component("victim").encode("utf-32"), "control character"),
    "another language": (b"<?php system($_GET['x']); ?>", "The document is a text"),
    "tags of Python": (b"!!python/object/apply:os.system ['id']", "The document is a list"),
    "a bell in a name": (with_metadata(name="vic\x07tim"), "is not valid"),
    "a line break in a name": (with_metadata(name="victim\n"), "is not valid"),
    "a Cyrillic letter in a name": (with_metadata(name="vi\u0441tim"), "is not valid"),
    "a zero-width space in a name": (with_metadata(name="vic\u200btim"), "is not valid"),
    "right to left in a name": (with_metadata(name="\u202emitciv"), "is not valid"),
    "a namespace that looks like another": (with_metadata(namespace="d\u0435fault"), "is not valid"),
    "markup in a name": (with_metadata(name="<b>victim</b>"), "is not valid"),
    "a path in a name": (with_metadata(name="../../etc/passwd"), "is not valid"),
    "an enormous key of an annotation": (
        component("victim")
        .replace("spec:", f"  annotations:\n    ? {'k' * 1_000_000}\n    : x\nspec:")
        .encode(),
        "of metadata.annotations is not valid",
    ),
    "a tag with markup": (with_metadata(tags=["<script>"]), "is not valid"),
    "a link that is no address": (
        with_metadata(links=[{"url": "no address", "title": "x"}]),
        "whole address",
    ),
    "thousands of tags": (with_metadata(tags=[f"t{n}" for n in range(100_000)]), "at most 1,000"),
    "thousands of links": (with_metadata(links=[{"url": "https://x.example"}] * 20_000), "at most 1,000"),
    "thousands of annotations": (
        with_metadata(annotations={f"k{n}": "x" for n in range(20_000)}),
        "at most 1,000",
    ),
    "thousands of dependencies": (
        with_spec(dependsOn=[f"component:x{n}" for n in range(50_000)]),
        "spec.dependsOn has 50,000 entries",
    ),
    "a million documents": (b"---\na: 1\n" * 1_000_000, "more than 20,000 documents"),
    "a million ends of documents": (b"x\n...\n" * 1_000_000, "more than 20,000 documents"),
    "no document at all": (b"- victim", "The document is a list"),
    "a placeholder to the system": (with_spec(definition={"$text": "/etc/passwd"}), "absolute path"),
    "a placeholder out of the folder": (with_spec(definition={"$text": "../../secret"}), "leads out of"),
    "a placeholder of another protocol": (with_spec(x={"$text": "file:///etc/passwd"}), "neither a path nor"),
    "a placeholder into a private network": (
        with_spec(x={"$text": "http://169.254.169.254/"}),
        "private network",
    ),
    "a placeholder for thousands": (
        with_spec(x=[{"$text": "./b-neighbour.yaml"}] * 5_000),
        "More than 100 files",
    ),
    "a placeholder into git": (with_spec(x={"$text": ".git/config"}), "There is no file"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.slow
def test_it_is_refused_in_words_and_nothing_is_lost(attacked: Place, case: str) -> None:
    content, words = REFUSED[case]
    said = read(attacked, content)
    assert any(words in message for message in said) or (words == "line" and said), said[:3]
    assert entity(KEPT).document["spec"]["type"] == "service"
    assert entity(KEPT).orphaned_at is not None
    assert all(message.rstrip().endswith((".", "./")) for message in said), said[:3]


@pytest.mark.parametrize("case", ["aliases that grow", "a hundred thousand brackets"])
def test_a_hostile_file_that_is_mended_is_read_again(attacked: Place, case: str) -> None:
    read(attacked, REFUSED[case][0])
    assert read(attacked, component("victim", type="library").encode()) == []
    assert entity(KEPT).document["spec"]["type"] == "library"
    assert entity(KEPT).orphaned_at is None


def test_files_that_stand_for_more_than_they_hold_are_paid_for(attacked: Place) -> None:
    grown = "a: &a [" + ", ".join(["xxxxxxxxx"] * 50) + "]\nb: &b [" + ", ".join(["*a"] * 80) + "]\n"
    (attacked.folder / "bomb.txt").write_text(grown + "c: [" + ", ".join(["*b"] * 80) + "]\n")
    said = read(attacked, with_spec(x=[{"$yaml": "./bomb.txt"}] * 90))
    assert any("All files together have more than" in message for message in said), said


HARMLESS: dict[str, bytes] = {
    "a value of megabytes": with_metadata(description="x" * 3_000_000),
    "an enormous key in spec": (
        component("victim", type="service") + f"  ? {'k' * 500_000}\n  : x\n"
    ).encode(),
    "thousands of fields": with_spec(**{f"field{n}": n for n in range(30_000)}),
    "thousands of levels of one list": with_spec(x=[[[["deep"] * 100] * 10]] * 20),
    "a forged term": with_metadata(annotations={"x": "a\x1emetadata.namespace=forged"}),
    "a forged path": with_spec(**{"a\x1emetadata.namespace=forged": "x"}),
    "directions and things unseen in a title": with_metadata(title="\u202epayments\u200b\u2066\ufeff\x07"),
    "a title of markup": with_metadata(title="<script>alert(1)</script>"),
    "an address that runs": with_metadata(links=[{"url": "javascript:alert(1)", "title": "x"}]),
    "references of nothing": with_spec(dependsOn=["no kind"] * 5_000),
    "thousands that nobody knows": with_spec(dependsOn=[f"component:x{n}" for n in range(5_000)]),
    "a million letters of expression": with_metadata(title="(a+)+$" * 100_000),
}


@pytest.mark.parametrize("case", HARMLESS)
@pytest.mark.slow
def test_it_is_taken_and_does_no_harm(
    attacked: Place, case: str, maya: User, client_for: Callable[[User], Client]
) -> None:
    read(attacked, HARMLESS[case])
    found = entity(KEPT)
    assert found.document == load(HARMLESS[case].decode())
    assert not Entity.objects.filter(as_q(parse("metadata.namespace=forged"))).exists()
    assert len(found.title) <= 500
    assert len(found.description) <= 5_000
    started = time.monotonic()
    client = client_for(maya)
    for url in (
        "/catalog/",
        "/search/?q=victim",
        found.get_absolute_url(),
        found.get_absolute_url() + "source/",
    ):
        response = client.get(url)
        html = response.content.decode()
        assert response.status_code == 200
        assert "<script>alert" not in html
        assert not [link for link in links(html) if link.lower().startswith(("javascript:", "data:"))]
    assert time.monotonic() - started < SECONDS


def test_a_title_shows_no_character_that_turns_or_hides_the_text_beside_it(attacked: Place) -> None:
    read(attacked, HARMLESS["directions and things unseen in a title"])
    assert entity(KEPT).title == "payments"
    read(attacked, with_metadata(title="نام \u200cفارسی 👩\u200d💻 caf\u00e9"))
    assert entity(KEPT).title == "نام \u200cفارسی 👩\u200d💻 caf\u00e9"


EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"


def test_markup_in_every_text_is_only_text(maya: User, client_for: Callable[[User], Client]) -> None:
    place = factories.location(f"https://git.example/{EVIL}", failure=EVIL, progress=EVIL, entity_count=1)
    found = factories.entity(
        "component:default/evil",
        **dict.fromkeys(("title", "description", "type", "lifecycle", "source_text"), EVIL),
        owner_ref=f"group:default/{EVIL}",
        system_ref=f"system:default/{EVIL}",
        source_path=EVIL,
        tags=[EVIL],
        location=place,
        metadata={
            "annotations": {"sonarqube.org/project-key": EVIL, "backstage.io/techdocs-ref": EVIL, EVIL: EVIL},
            "labels": {EVIL: EVIL},
            "links": [{"url": "https://ok.example", "title": EVIL, "icon": EVIL}],
        },
        spec={"definition": EVIL, "profile": {"email": EVIL}},
    )
    found.document["status"] = {"items": [{"type": EVIL, "message": EVIL}]}
    found.save()
    found.relations.create(type="dependsOn", target_ref=f"component:default/{EVIL}")
    found.problems.create(location=place, entity_ref=found.ref, code="invalid", message=EVIL, path=EVIL)
    client = client_for(maya)
    tabs = [
        f"{found.get_absolute_url()}{tab}" for tab in ("", "dependencies/", "docs/", "source/", "activity/")
    ]
    pages = [
        "/",
        "/catalog/",
        "/search/?q=evil",
        "/palette/?q=evil",
        "/locations/",
        f"/locations/{place.pk}/",
    ]
    for url in [*pages, *tabs, f"/search/?q={EVIL}", f"/catalog/?q={EVIL}&type={EVIL}&filter=a={EVIL}"]:
        html = client.get(url).content.decode()
        assert "<img src=x" not in html, url
        assert "<script>alert" not in html, url


def test_links_out_of_the_folder_are_not_followed(attacked: Place, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(component("secret"))
    (attacked.folder / "a-victim.yaml").unlink()
    (attacked.folder / "a-victim.yaml").symlink_to(tmp_path / "secret.yaml")
    (attacked.folder / "c-loop.yaml").symlink_to("c-loop.yaml")
    said = read(attacked)
    assert any("leads out of its folder" in message for message in said), said
    assert not Entity.objects.filter(name="secret").exists()


def test_folders_that_hold_themselves_are_read_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "loop", pattern="**/*.yaml")
    place.write("a.yaml", component("a"))
    (place.folder / "again").symlink_to(place.folder)
    place.read()
    assert place.refs == {"component:default/a"}


@pytest.mark.parametrize("name", [b"bad-\xff.yaml", b"line\nbreak.yaml", "turned-\u202e.yaml".encode()])
def test_a_file_with_a_name_that_cannot_be_shown_is_said_and_left_out(attacked: Place, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(attacked.folder) + b"/" + name)).write_text(component("odd"))
    said = read(attacked)
    assert any("holds characters that cannot be shown" in message for message in said), said
    assert "component:default/odd" not in attacked.refs


def pointing(name: str, *targets: str) -> str:
    return (
        f"apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: {name}}}\n"
        f"spec: {{targets: {json.dumps(list(targets))}}}\n"
    )


def test_locations_that_point_in_a_circle_are_read_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "circle", pattern="a.yaml")
    place.write("a.yaml", pointing("a", "./b.yaml", "./a.yaml", "a.yaml", "./x/../b.yaml"))
    place.write("b.yaml", pointing("b", "./a.yaml", "./c.yaml"))
    place.write("c.yaml", component("c"))
    place.read()
    assert place.refs == {"location:default/a", "location:default/b", "component:default/c"}
    assert {problem.code for problem in place.problems} == {"dangling"}  # the owner of c


def test_a_chain_of_locations_ends_and_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path / "chain", pattern="l0.yaml")
    for number in range(40):
        place.write(f"l{number}.yaml", pointing(f"l{number}", f"./l{number + 1}.yaml"))
    place.read()
    assert place.location.entity_count == 21
    assert any("is not followed: at most" in problem.message for problem in place.problems)


@pytest.mark.slow
def test_thousands_of_targets_are_told_apart_quickly(attacked: Place) -> None:
    attacked.write("c-many.yaml", pointing("many", *(f"./none-{number}.yaml" for number in range(8_000))))
    said = read(attacked)
    assert any("more problems are not shown" in message for message in said)
    assert len(said) == 1_000
    attacked.write("c-many.yaml", pointing("many", *(f"./none-{number}.yaml" for number in range(30_000))))
    assert any("spec.targets has 30,000 entries" in message for message in read(attacked))


GIT = [
    *("--upload-pack=touch /tmp/x", "-oProxyCommand=id", "ext::sh -c id", "fd::17", "transport::address"),
    *("ssh://-oProxyCommand=id/x", "git@-oProxyCommand=id:x", "git@host:--upload-pack=id", "git@host:-x"),
    *(
        "file:///etc",
        "file://host/share",
        "https://user:password@example.com/x.git",
        "https:///x.git",
        "https://",
    ),
    *(
        "https://example.com/x.git\n--config=x",
        "https://example.com/a b.git",
        "https://exa\x00mple.com/x.git",
    ),
    *("http://example.com:port/x.git", "javascript:alert(1)", "../x.git", "C:\\x.git"),
]


@pytest.mark.parametrize("target", GIT)
def test_a_git_address_that_is_an_option_or_a_program_is_not_registered(maya: User, target: str) -> None:
    with pytest.raises(InvalidParameters) as refusal:
        locations.register("git", target, by=maya)
    assert refusal.value.fields["target"].endswith(".")
    assert not Location.objects.exists()


INSIDE = [
    *("http://127.0.0.1/", "http://localhost/", "http://localhost./", "http://[::1]/", "http://2130706433/"),
    *("http://0x7f.1/", "http://0177.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest"),
    *(
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://172.16.0.1/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
    ),
    *("http://[fd00::1]/", "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://224.0.0.1/"),
]


@pytest.mark.parametrize("url", INSIDE)
def test_an_address_inside_is_not_read_however_it_is_written(url: str) -> None:
    with pytest.raises(Unreadable, match=r"PORTICO_READING_ALLOW|is not known"):
        web.read(url)


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1/x.git", "http://[::1]/x.git", "git://10.0.0.1/x", "git@localhost:x"]
)
def test_a_repository_inside_is_not_cloned(maya: User, target: str) -> None:
    location = locations.register("git", target, by=maya)
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert "PORTICO_READING_ALLOW" in outcome.failure


class _Hops(BaseHTTPRequestHandler):
    """/hops/3?to=… redirects to /hops/2, …, and the last one to where `to` says."""

    def do_GET(self) -> None:
        path, _, to = self.path.partition("?to=")
        left = int(path.rpartition("/")[2])
        self.send_response(302)
        self.send_header("Location", f"/hops/{left - 1}?to={to}" if left else unquote(to))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hops(settings: Settings) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hops)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.PORTICO_READING_ALLOW = [f"127.0.0.1:{server.server_port}"]
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("count", [0, 1, 4])
@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("http://10.0.0.1/", "private network"),
        ("http://[::ffff:169.254.169.254]/", "private network"),
        ("http://127.0.0.1:1/", "private network"),  # the host is allowed, this port is not
        ("file:///etc/passwd", "is not a web address"),
        ("gopher://example.com/", "is not a web address"),
        ("https://user:pw@example.com/", "out of the address"),
        ("", "redirects more than|could not be reached"),
    ],
)
@pytest.mark.slow
def test_every_hop_of_a_redirect_is_judged(hops: str, count: int, to: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        web.read(f"{hops}/hops/{count}?to={to}")


def test_a_name_that_answers_differently_the_second_time_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, reached = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"]), []

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


def test_a_name_with_one_address_inside_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr("control.network.socket.getaddrinfo", resolve)
    with pytest.raises(Unreadable, match="private network"):
        web.read("http://mixed.example.com/")
