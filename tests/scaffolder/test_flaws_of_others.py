"""Flaws that were published of portals like this one, tried here: each test is named after its number.

Endless loops, growth and giant outputs are in test_hostile_templates.py, documentation and rules are with their rooms.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django.fixtures import Settings

from control.models import State, User
from scaffolder import actions
from scaffolder.errors import ActionFailed
from scaffolder.templating import TemplatingError, render
from scaffolder.testing import Bench
from tests.catalog.hosts.server import Host, Question, Reply, running
from tests.scaffolder import templates
from tests.scaffolder.api.conftest import caller
from tests.scaffolder.templates import document, finish, log_of, log_step, template
from tests.scaffolder.test_runs import ASKS_FOR_A_TOKEN, everything_stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]
TREASURE = "the-treasure-of-the-machine"
SECRET = "Hunter2/Hunter2+x"


# CVE-2026-24046: links and paths that lead out, in actions and archives


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "treasure").write_text(f"treasure: {TREASURE}\n")
    return folder


@pytest.fixture
def laid(bench: Bench, outside: Path) -> Bench:
    """A workspace with a file, and with links to what is outside."""
    bench.place({"a.yaml": "a: 1\n", "b/c.txt": "c"})
    (bench.workspace / "link").symlink_to(outside / "treasure")
    (bench.workspace / "folder").symlink_to(outside)
    (bench.workspace / "b" / "up").symlink_to("../../../outside/treasure")
    return bench


def _hostile(outside: Path) -> list[str]:
    return [
        "link",
        "folder/treasure",
        "folder/new",
        "b/up",
        "../../outside/treasure",
        "../../outside/new",
        "b/../../../outside/new",
        str(outside / "treasure"),
        str(outside / "new"),
        f"file://{outside}/treasure",
        "folder/**",
        "../../outside/*",
        ".",
        "..",
        "~/x",
        "-rf",
        "$(touch new)",
        "a.yaml\n../../outside/new",
    ]


def _variants(value: Any, hostile: str) -> Iterator[Any]:
    """`value` with one of its texts replaced at a time."""
    if isinstance(value, str):
        yield hostile
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from ({**value, key: changed} for changed in _variants(part, hostile))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from (
                [*value[:index], changed, *value[index + 1 :]] for changed in _variants(part, hostile)
            )


def _example_of(name: str) -> dict[str, Any]:
    """The input of its documented example, without expressions, and with every text that it takes."""
    action = actions.find(name)
    assert action is not None
    given = json.loads(json.dumps(yaml.safe_load(action.example).get("input") or {}, default=str))
    for key, part in action.schema["properties"].items():
        if part.get("type") == "string" and "enum" not in part:
            given.setdefault(key, "a.yaml")
    return {key: value for key, value in given.items() if key != "url"}  # sources have tests of their own


def _contents(bench: Bench) -> str:
    """Every file of the workspace as text, those of archives too."""
    found = []
    for path in bench.workspace.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found.append(content.decode("latin-1"))
            if zipfile.is_zipfile(io.BytesIO(content)):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    found += [archive.read(name).decode("latin-1") for name in archive.namelist()]
    return "\n".join(found)


_WITH_PATHS = [
    name
    for name in actions.names()
    if name.startswith(("fs:", "roadiehq:", "catalog:", "fetch:", "debug:log"))
]


@pytest.mark.slow
@pytest.mark.parametrize("name", _WITH_PATHS)
def test_cve_2026_24046_no_action_follows_a_path_or_a_link_out(
    name: str, laid: Bench, outside: Path, maya: User
) -> None:
    laid.person = maya
    before = sorted(outside.rglob("*"))
    for hostile in _hostile(outside):
        for given in _variants(_example_of(name), hostile):
            output: Any = {}
            try:
                output = laid.perform(name, **given)
            except ActionFailed as refusal:
                output = str(refusal)
            shown = f"{output} {laid.lines.lines} {_contents(laid)}"
            assert TREASURE not in shown, (name, given)
            assert sorted(outside.rglob("*")) == before, (name, given)
            assert TREASURE in (outside / "treasure").read_text(), (name, given)


def test_cve_2026_24046_an_archive_holds_nothing_behind_a_link(laid: Bench) -> None:
    with pytest.raises(ActionFailed, match="link"):
        laid.perform("roadiehq:utils:zip", path=".", outputPath="out.zip")
    assert TREASURE not in _contents(laid)


# CVE-2026-24048: past the list of allowed addresses by a redirect


@pytest.fixture
def inside() -> Iterator[Host]:
    with running(Host(lambda _question: Reply(body=TREASURE.encode()), token="")) as host:
        yield host


@pytest.fixture
def redirecting(inside: Host, settings: Settings) -> Iterator[Host]:
    """A host that may be read, and leads everybody on to one that may not."""

    def answer(question: Question) -> Reply:
        return Reply(302, {}, {"Location": f"{inside.url}{question.path}"})

    with running(Host(answer, token="")) as host:
        settings.PORTICO_READING_ALLOW = [*settings.PORTICO_READING_ALLOW, host.netloc]
        yield host


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        {"action": "fetch:plain:file", "input": {"url": "HOST/acme/x/raw/main/a.txt", "targetPath": "a.txt"}},
        {"action": "fetch:template:file", "input": {"url": "HOST/a.txt", "targetPath": "a.txt"}},
        {"action": "fetch:plain", "input": {"url": "HOST/acme/x.git"}},
        {"action": "catalog:register", "input": {"catalogInfoUrl": "HOST/catalog-info.yaml"}},
    ],
)
def test_cve_2026_24048_a_redirect_does_not_lead_inside(
    step: dict[str, Any], maya: User, redirecting: Host, inside: Host
) -> None:
    given = {key: value.replace("HOST", redirecting.url) for key, value in step["input"].items()}
    shows = {"action": "debug:log", "input": {"listWorkspace": "with-contents"}}
    done = templates.run(template(document([{**step, "input": given}, shows])), by=maya)
    assert done.intent.state == State.FAILED
    assert inside.log == []
    assert TREASURE not in log_of(done) + finish(done)


# CVE-2026-106501 (GHSA-g2v8-7jhw-pp8p): secrets of runs shown to others


ECHOES = [
    "${{ secrets.token }}",
    "${{ secrets | dump }}",
    "${{ secrets.token | upper }} ${{ secrets.token | lower }}",
    "${{ secrets.token | urlencode }}",
    "${{ secrets.token | escape }}",
    "${{ { t: [secrets.token] } | dump(2) }}",
    "a${{ secrets.token }}b${{ secrets.token }}",
    "${{ secrets.token | indent(4, true) }}",
    "${{ secrets.token.split('').join('') }}",
]


@pytest.mark.slow
def test_cve_2026_106501_a_secret_is_shown_to_nobody(
    maya: User, root_admin: User, client_for: Callable[[User], Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    steps = [
        *(log_step(echo, id=f"echo{number}") for number, echo in enumerate(ECHOES)),
        log_step("${{ each.value }}", each=["${{ parameters | dump }}", "${{ secrets.token }}"]),
        log_step("${{ steps | dump }} ${{ user | dump }} ${{ context | dump }} ${{ parameters | dump }}"),
        {"action": "fs:rename", "input": {"files": [{"from": "${{ secrets.token }}", "to": "x"}]}},
    ]
    output = {"text": [{"title": "T", "content": "${{ secrets.token }} ${{ steps | dump }}"}]}
    entity = template(document(steps, parameters=ASKS_FOR_A_TOKEN, output=output))
    done = templates.run(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})
    assert log_of(done).count("***") >= len(ECHOES)
    shown = [everything_stored(), caplog.text, finish(done)]
    for person in (maya, root_admin):
        calls, browser = caller(person), client_for(person)
        paths = ("/tasks", f"/tasks/{done.pk}", f"/tasks/{done.pk}/events")
        shown += [calls.raw("GET", path).content.decode() for path in paths]
        shown += [browser.get(path).content.decode() for path in (f"/runs/{done.pk}/", "/runs/")]
        shown.append(str(browser.get(f"/runs/{done.pk}/log.txt").getvalue()))
    for form in (SECRET, SECRET.upper(), SECRET.lower(), "Hunter2%2FHunter2"):
        assert [text for text in shown if form in text] == []


def test_cve_2026_106501_the_context_of_a_task_holds_no_secret(maya: User) -> None:
    steps = [log_step("x", **{"if": "${{ secrets.token }}"})]
    output = {"all": "${{ secrets | dump }}"}
    entity = template(document(steps, parameters=ASKS_FOR_A_TOKEN, output=output))
    done = templates.run(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})
    assert done.output == {"all": "{}"}
    assert [step.state for step in done.steps.all()] == ["skipped"]


# CVE-2023-35926: out of the sandbox of templates


ESCAPES = [
    "range.constructor('return process')()",
    "cycler.constructor('return process')()",
    "joiner().constructor('return process')()",
    "cycler('a').next.constructor('return process')()",
    "values.constructor.constructor('return process')()",
    "values.toString.constructor('return process')()",
    "values.__proto__.polluted",
    "''.constructor.fromCharCode(65)",
    "[].constructor.constructor('return process')()",
    "r/a/.constructor('x')",
    "(1).constructor.constructor('return process')()",
    "true.constructor.constructor('return process')()",
    "values['constr' + 'uctor']['constr' ~ 'uctor']('return process')()",
    "''.__class__.__mro__[1].__subclasses__()",
    "range.__globals__.os.environ",
    "values.items.__self__.__class__",
    "values|attr('__class__')",
    "values|map(attribute='__class__')",
    "self.__init__.__globals__",
    "process.env",
    "global.process",
    "globalThis.process",
    "require('fs')",
    "this.constructor",
]


UNDEFINED = (
    "values.__proto__.polluted",
    "range.__globals__.os.environ",
    "values.items.__self__.__class__",
    "self.__init__.__globals__",
    "process.env",
    "global.process",
    "globalThis.process",
    "this.constructor",
)


@pytest.mark.parametrize("expression", ESCAPES)
def test_cve_2023_35926_an_expression_reaches_nothing_of_the_machine(expression: str) -> None:
    source = f"${{{{ {expression} }}}}"
    if expression in UNDEFINED:
        assert render(source, {"values": {"a": 1}}) == ""
        return
    with pytest.raises(TemplatingError, match=r"cannot be called|There is no filter"):
        render(source, {"values": {"a": 1}})


def test_cve_2023_35926_a_template_leaves_nothing_behind_for_the_next_one() -> None:
    render("{% set x = values.__proto__ %}{% set _ = values.list.push(1) %}", {"values": {"list": []}})
    assert render("${{ values.polluted }}${{ x }}", {"values": {}}) == ""


# CVE-2026-106560: names of repositories that lead elsewhere


@pytest.mark.parametrize(
    "name",
    [
        "../../../x",
        "..",
        "a/../../b",
        "%2e%2e",
        "%2e%2e%2fx",
        "x;touch y",
        "-x",
        ".git",
        "x.git/../../y",
    ],
)
@pytest.mark.parametrize("part", ["owner", "repo"])
def test_cve_2026_106560_a_name_does_not_lead_to_another_repository(
    name: str, part: str, maya: User, folders: Path
) -> None:
    names = {"owner": "halfmoon", "repo": "payout", part: "${{ parameters.name }}"}
    step = {
        "action": "publish:git",
        "input": {"repoUrl": "git.localhost?owner={owner}&repo={repo}".format(**names)},
    }
    before = sorted(folders.rglob("*.git"))
    done = templates.run(template(document([step])), {"name": name}, by=maya)
    assert done.intent.state == State.FAILED
    made = [path for path in sorted(folders.rglob("*.git")) if path not in before]
    assert [path for path in made if "remotes" in path.parts] == []
