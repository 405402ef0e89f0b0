"""Promise 8: a template cannot read outside its workspace, a URL reader cannot reach networks that are not allowed.

Outside lies a file, the treasure, and inside the network stands a server that counts its visitors. Whatever people,
descriptors, templates and redirects say: the treasure is in no table, log or page, and nobody visits the server.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django.fixtures import Settings

from catalog import ingest, locations
from catalog.models import Entity, Location
from control.models import PolicyRevision, State, User
from scaffolder.models import Run
from tests.catalog.places import component
from tests.promises.test_07_secrets_are_nowhere_in_clear import stored
from tests.scaffolder import templates
from tests.scaffolder.conftest import anybody_may_run, folders
from tests.scaffolder.templates import document, finish, log_step, publish_step, template_step

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]
__all__ = ["anybody_may_run", "folders"]
TREASURE = "the-treasure-of-the-machine"
REDIRECTS = 3  # hops of the longest chain here
SignedIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def treasure(folders: Path) -> Path:
    """Beside the folders that may be read; valid as a descriptor, so that reading it would be seen."""
    (folders / "treasure").write_text(TREASURE)
    (folders / "treasure.yaml").write_text(component(TREASURE))
    return folders / "treasure"


# A server inside, and one outside that sends everybody there


@dataclass
class Site:
    """A web server that answers with `text`, or sends visitors of a path on to another address."""

    text: str = ""
    moved: dict[str, str] = field(default_factory=dict)
    visits: list[str] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Site:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.visits.append(self.path)
                to = next((to for path, to in site.moved.items() if self.path.startswith(path)), "")
                self.send_response(302 if to else 200)
                if to:
                    self.send_header("Location", to)
                self.end_headers()
                self.wfile.write(site.text.encode())

            def do_POST(self) -> None:  # git's second question
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def inside() -> Iterator[Site]:
    """Stands in a network that is closed; nobody may come."""
    with Site(component(TREASURE)) as site:
        yield site
        assert site.visits == []


@pytest.fixture
def outside(settings: Settings) -> Iterator[Site]:
    with Site() as site:
        settings.PORTICO_READING_ALLOW = [f"127.0.0.1:{site.port}"]
        yield site


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that somebody registered to lead inside; every other one is asked as ever."""
    known = {
        "inner.example.com": ["127.0.0.1"],
        "half.example.com": ["93.184.216.34", "127.0.0.1"],
        "six.example.com": ["::1"],
        "mapped.example.com": ["::ffff:127.0.0.1"],
        "nat64.example.com": ["64:ff9b::7f00:1"],
        "sixtofour.example.com": ["2002:7f00:1::"],
        "cloud.example.com": ["169.254.169.254"],
    }
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, *rest: Any, **how: Any) -> Any:
        if host not in known:
            return ask(host, port, *rest, **how)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr("control.network.socket.getaddrinfo", answer)


INSIDE = [
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "10.0.0.1", "192.168.1.1"),
    *(
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::]",
    ),
    *("inner.example.com", "half.example.com", "six.example.com", "mapped.example.com", "nat64.example.com"),
    *("sixtofour.example.com", "cloud.example.com", "inner.example.com.", "LOCALHOST", "169.254.169.254"),
]


def read(client: Client, target: str) -> str:
    """Register an address as people do, read it as a worker does, and what its page says."""
    answer = client.post("/locations/register/", {"target": target, "type": "url"})
    assert answer.status_code == 302, answer.content.decode()
    location = Location.objects.get()
    ingest.ingest(location.pk)
    return client.get(location.get_absolute_url()).content.decode()


@pytest.mark.parametrize("host", INSIDE)
def test_an_address_inside_is_not_read(host: str, inside: Site, maya: User, client_for: SignedIn) -> None:
    page = read(client_for(maya), f"http://{host}:{inside.port}/catalog-info.yaml")
    assert "inside a private network" in page
    assert not Entity.objects.exists()


@pytest.mark.parametrize("hops", range(1, REDIRECTS + 1))
@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "inner.example.com", "2130706433"])
def test_no_redirect_leads_inside_at_any_hop(
    host: str, hops: int, inside: Site, outside: Site, maya: User, client_for: SignedIn
) -> None:
    for hop in range(1, hops):
        outside.moved[f"/{hop}.yaml"] = f"http://127.0.0.1:{outside.port}/{hop + 1}.yaml"
    outside.moved[f"/{hops}.yaml"] = f"http://{host}:{inside.port}/catalog-info.yaml"
    page = read(client_for(maya), f"http://127.0.0.1:{outside.port}/1.yaml")
    assert len(outside.visits) == hops
    assert "inside a private network" in page
    assert not Entity.objects.exists()


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "file://{treasure}", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/x"]
)
def test_no_redirect_leads_to_another_kind_of_address(
    to: str, outside: Site, maya: User, client_for: SignedIn, treasure: Path
) -> None:
    outside.moved["/1.yaml"] = to.format(treasure=treasure)
    assert "is not a web address" in read(client_for(maya), f"http://127.0.0.1:{outside.port}/1.yaml")
    assert TREASURE not in stored()


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: more}}\nspec: {{target: '{inside}'}}\n",
        component("payments") + "  definition: {{$text: '{inside}'}}\n",
        component("payments") + "  definition: {{$yaml: '{inside}'}}\n",
    ],
)
def test_what_a_descriptor_names_is_not_read_inside_either(
    text: str, inside: Site, outside: Site, maya: User, client_for: SignedIn
) -> None:
    outside.text = text.format(inside=f"http://inner.example.com:{inside.port}/x.yaml")
    page = read(client_for(maya), f"http://127.0.0.1:{outside.port}/catalog-info.yaml")
    assert "inside a private network" in page
    assert not Entity.objects.filter(name=TREASURE).exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "inner.example.com"])
def test_git_does_not_go_inside(host: str, inside: Site, maya: User) -> None:
    location = locations.register("git", f"http://{host}:{inside.port}/team/a.git", by=maya)
    outcome = ingest.ingest(location.pk)
    assert outcome is not None
    assert "inside a private network" in outcome.failure


def test_git_is_not_sent_inside(inside: Site, outside: Site, maya: User) -> None:
    outside.moved["/team"] = f"http://127.0.0.1:{inside.port}/team"
    location = locations.register("git", f"http://127.0.0.1:{outside.port}/team/a.git", by=maya)
    outcome = ingest.ingest(location.pk)
    assert outside.visits, "git asked, or this test shows nothing"
    assert outcome is not None
    assert outcome.failure


STEPS_INSIDE = {
    "fetch:plain": {"url": "http://{host}/team/a"},
    "fetch:template": {"url": "http://{host}/team/a/tree/main/skeleton"},
    "publish:git": {"remoteUrl": "http://{host}/team/a.git"},
    "catalog:register": {"catalogInfoUrl": "http://{host}/catalog-info.yaml"},
}


@pytest.mark.parametrize("host", ["127.0.0.1", "inner.example.com"])
@pytest.mark.parametrize("action", STEPS_INSIDE)
def test_no_step_of_a_template_goes_inside(host: str, action: str, inside: Site, maya: User) -> None:
    given = {name: text.format(host=f"{host}:{inside.port}") for name, text in STEPS_INSIDE[action].items()}
    steps = [template_step(), {"action": action, "input": given}]
    templates.run(templates.template(document(steps), {"skeleton/a": "a"}), by=maya)
    for location in Location.objects.filter(target__contains=host):  # what was registered is read later
        assert "inside a private network" in str(ingest.ingest(location.pk))
    assert TREASURE not in stored()


# Files


@pytest.mark.parametrize(
    "target",
    [
        "{out}/treasure.yaml",
        "file://{out}/treasure.yaml",
        "{roots}/../treasure.yaml",
        "{roots}/link/treasure.yaml",
        "{roots}/../*.yaml",
        "{roots}/li*/treasure.yaml",
        "{roots}/treasure-link.yaml",
        "{roots}/**/treasure-link.yaml",
    ],
)
def test_a_file_outside_the_folders_is_not_read(
    target: str,
    maya: User,
    client_for: SignedIn,
    folders: Path,
) -> None:
    roots = folders / "git"
    (roots / "link").symlink_to(folders)
    (roots / "treasure-link.yaml").symlink_to(folders / "treasure.yaml")
    client = client_for(maya)
    answer = client.post(
        "/locations/register/", {"target": target.format(out=folders, roots=roots), "type": "file"}
    )
    for location in Location.objects.all():  # registered, because a link may be made later too
        ingest.ingest(location.pk)
        answer = client.get(location.get_absolute_url())
    words = answer.content.decode()
    assert "outside the folders" in words or "leads out of its folder" in words or "Nothing is found" in words
    assert not Entity.objects.exists()


@pytest.mark.parametrize(
    "target",
    [
        "../../treasure.yaml",
        "{out}/treasure.yaml",
        "file://{out}/treasure.yaml",
        "./link",
        "a/../../../treasure.yaml",
    ],
)
@pytest.mark.parametrize("way", ["target", "$text", "techdocs"])
def test_what_a_descriptor_names_is_not_read_outside(
    way: str,
    target: str,
    maya: User,
    client_for: SignedIn,
    folders: Path,
) -> None:
    place = folders / "git" / "place"
    place.mkdir()
    (place / "link").symlink_to(folders / "treasure.yaml")
    (place / "README.md").symlink_to(folders / "treasure")
    named = target.format(out=folders)
    more = {
        "target": f"---\napiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: more}}\n"
        f"spec: {{target: '{named}'}}\n",
        "$text": f"  definition: {{$text: '{named}'}}\n",
        "techdocs": "",
    }
    text = component("payments") + more[way]
    if way == "techdocs":
        text = text.replace(
            "metadata:\n", f"metadata:\n  annotations: {{backstage.io/techdocs-ref: 'dir:{named}'}}\n"
        )
    (place / "catalog-info.yaml").write_text(text)
    location = locations.register("file", f"{place}/catalog-info.yaml", by=maya)
    ingest.ingest(location.pk)
    client = client_for(maya)
    base = "/catalog/component/default/payments/"
    shown = "".join(
        client.get(f"{base}{tab}").content.decode() for tab in ("", "docs/", "docs/?page=README.md")
    )
    assert TREASURE not in shown + stored()


LINKS = {
    "link": "../../../treasure",
    "far": "{out}/treasure",
    "folder": "{out}",
    "chain": "link",
    "up": "../../..",
}
READS: dict[str, dict[str, Any]] = {
    "link": {"action": "fetch:plain", "input": {"url": "./link"}},
    "absolute link": {"action": "fetch:plain", "input": {"url": "./far"}},
    "link to a link": {"action": "fetch:plain", "input": {"url": "./chain"}},
    "through a link": {"action": "fetch:plain", "input": {"url": "./folder/treasure"}},
    "up through a link": {"action": "fetch:plain", "input": {"url": "./up/treasure"}},
    "dots": {"action": "fetch:plain", "input": {"url": "../../../treasure"}},
    "absolute": {"action": "fetch:plain", "input": {"url": "{out}/treasure"}},
    "file address": {"action": "fetch:plain", "input": {"url": "file://{out}"}},
    "git's own": {"action": "fetch:plain", "input": {"url": "./.git"}},
    "whole with links": {"action": "fetch:template", "input": {"url": "."}},
    "rename": {"action": "fs:rename", "input": {"files": [{"from": "../../../../treasure", "to": "a"}]}},
    "target path": {"action": "fetch:plain", "input": {"url": "./skeleton", "targetPath": "../../../../out"}},
    "write": {"action": "catalog:write", "input": {"filePath": "../../../../treasure", "entity": {"a": 1}}},
    "delete": {"action": "fs:delete", "input": {"files": ["../../../../treasure"]}},
    "include": {"action": "debug:log", "input": {"message": "{% include '{out}/treasure' %}"}},
    "branch": {
        "action": "fetch:plain",
        "input": {"url": "https://git.localhost/acme/service/tree/--upload-pack=touch%20{out}%2Fmark/x"},
    },
    "option": {"action": "fetch:plain", "input": {"url": "--upload-pack=touch {out}/mark"}},
    "helper": {"action": "fetch:plain", "input": {"url": "ext::sh -c touch% {out}/mark"}},
    "ssh option": {
        "action": "fetch:plain",
        "input": {"url": "ssh://-oProxyCommand=touch%20{out}%2Fmark/a/b"},
    },
    "publish elsewhere": publish_step("../../../mark"),
    "publish a helper": {"action": "publish:git", "input": {"remoteUrl": "ext::sh -c touch% {out}/mark"}},
}


@pytest.mark.parametrize("way", READS)
@pytest.mark.slow
def test_a_template_reads_writes_and_runs_nothing_outside(
    way: str,
    maya: User,
    treasure: Path,
    folders: Path,
) -> None:
    step = replaced(READS[way], str(folders))
    show = log_step("x", input={"message": "x", "listWorkspace": "with-contents"})
    entity = templates.template(document([step, show, publish_step()]), {"skeleton/a": "a"})
    home = Path(entity.location.target.removeprefix("file://").partition("#")[0])
    for name, to in LINKS.items():
        (home / name).symlink_to(to.format(out=folders))
    templates.git("add", "--all", at=home)
    templates.git("commit", "--quiet", "--message", "Links", at=home)
    before = set(folders.iterdir())

    done: Run = templates.run(entity, by=maya)

    assert done.intent.state == State.FAILED, finish(done)
    assert TREASURE not in stored()
    assert treasure.read_text() == TREASURE
    assert set(folders.iterdir()) - before <= {folders / "home"}
    assert not list(folders.rglob("mark*"))


@pytest.mark.parametrize("way", READS)
def test_whoever_writes_in_the_workshop_reads_and_writes_nothing_outside(
    way: str, maya: User, treasure: Path, folders: Path, client_for: SignedIn
) -> None:
    step = replaced(READS[way], str(folders))
    show = log_step("x", input={"message": "x", "listWorkspace": "with-contents"})
    tried = document([step, show, publish_step()])
    entity = templates.template(tried, {"skeleton/a": "a"})
    home = Path(entity.location.target.removeprefix("file://").partition("#")[0])
    for name, to in LINKS.items():
        (home / name).symlink_to(to.format(out=folders))
    Location.objects.update(type="file", target=f"{home}/template.yaml")
    Entity.objects.update(source_path="acme/service/template.yaml")
    before = set(folders.iterdir())

    answer = client_for(maya).post(
        "/create/workshop/", {"template": yaml.safe_dump(tried), "from": entity.ref}
    )

    page = answer.content.decode()
    assert "What it would create" in page
    assert TREASURE not in page
    assert treasure.read_text() == TREASURE
    assert set(folders.iterdir()) - before <= {folders / "home"}
    assert not list(folders.rglob("mark*"))


def replaced(value: Any, out: str) -> Any:
    if isinstance(value, dict):
        return {key: replaced(one, out) for key, one in value.items()}
    if isinstance(value, list):
        return [replaced(one, out) for one in value]
    return value.replace("{out}", out) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "address",
    [
        "--upload-pack=touch {mark}",
        "-u touch {mark}",
        "ext::sh -c touch% {mark}",
        "fd::17",
        "ssh://-oProxyCommand=touch%20{mark}/x.git",
        "git@-oProxyCommand=touch:x.git",
        "-oProxyCommand=touch@host:x.git",
        "file://{out}/treasure.git",
        "https://git.example.org/x.git --upload-pack=touch",
        "https://git.example.org/x.git\n--upload-pack=touch",
    ],
)
def test_a_git_address_that_is_a_command_or_leads_out_is_refused(
    address: str,
    maya: User,
    client_for: SignedIn,
    folders: Path,
) -> None:
    target = address.format(mark=folders / "mark", out=folders)
    answer = client_for(maya).post("/locations/register/", {"target": target, "type": "git"})
    for location in Location.objects.all():
        outcome = ingest.ingest(location.pk)
        assert outcome is not None
        assert "is not known" in outcome.failure, "refused before git is started"
    assert answer.status_code == (302 if Location.objects.exists() else 422)
    assert not (folders / "mark").exists()


def test_rules_are_in_force(anybody_may_run: PolicyRevision, maya: User) -> None:
    """What is refused above is not refused for want of a rule."""
    done = templates.run(
        templates.template(document([template_step(), publish_step()]), {"skeleton/a": "a"}), by=maya
    )
    assert finish(done) == "succeeded"
