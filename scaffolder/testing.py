"""What tests of actions work with: a workbench for one action, and a host that answers as told.

    def test_it_opens_a_ticket(tmp_path):
        with FakeHost() as host:
            host.answer("POST", "/tickets", {"url": "https://tickets.example/1"}, status=201)
            bench = Bench(tmp_path)
            output = bench.perform(open_ticket, server=host.url, title="Hello")
        assert output == {"url": "https://tickets.example/1"}

No database is needed, only settings: `django.setup()`, or pytest-django. docs/actions.md has a whole example.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import yaml
from django.conf import settings
from django.test.utils import override_settings

from control.capability import Change
from control.models import User
from scaffolder import actions
from scaffolder.actions.base import Action, Output, Work
from scaffolder.effects import checked_name, plain
from scaffolder.workspace import Workspace

REQUESTED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class WorkerDied(BaseException):
    """What `Bench.dies_after` ends a call with: no action can catch it by mistake."""


@dataclass
class Lines:
    """A journal that keeps what is written."""

    lines: list[str] = field(default_factory=list)

    def command(self, text: str) -> None:
        self.lines.append(text)

    info = warning = command


@dataclass
class Folder:
    """Sources that are one folder."""

    root: Path

    @contextmanager
    def fetch(self, url: str) -> Iterator[Path]:
        yield self.root / url


@dataclass
class KeptEffects:
    """Effects as the portal keeps them. `deaths` says where the next calls end: before or after one is written down."""

    done: dict[str, Any] = field(default_factory=dict)
    deaths: dict[str, bool] = field(
        default_factory=dict
    )  # name of an effect → whether it is written down first

    def once(self, name: str, do: Callable[[str], Any]) -> Any:
        checked_name(name)
        if name not in self.done:
            result = plain(do(f"test-run-0-0-{name}"))
            is_kept = self.deaths.pop(name, None)
            if is_kept is False:
                raise WorkerDied(name)
            self.done[name] = result
            if is_kept:
                raise WorkerDied(name)
        return self.done[name]


@dataclass
class Bench:
    """A workspace, a folder of sources and a journal below `home`; `person` is who started the run."""

    home: Path
    lines: Lines = field(default_factory=Lines)
    person: User = field(
        default_factory=lambda: User(
            username="maya.okafor", first_name="Maya", last_name="Okafor", email="maya@example.org"
        )
    )
    effects: KeptEffects = field(default_factory=KeptEffects)
    hidden: list[str] = field(default_factory=list)  # what the action asked to be masked
    go_on: Callable[[], None] = lambda: None
    template: dict[str, Any] = field(default_factory=dict)  # the document that the step stands in

    def __post_init__(self) -> None:
        for name in ("workspace", "sources"):
            (self.home / name).mkdir(parents=True)

    @property
    def workspace(self) -> Path:
        return self.home / "workspace"

    def source(self, files: Mapping[str, str | bytes], folder: str = "skeleton") -> None:
        """Files that a step can fetch as `url: skeleton`."""
        _fill(self.home / "sources" / folder, files)

    def place(self, files: Mapping[str, str | bytes]) -> None:
        """Files that earlier steps have made."""
        _fill(self.workspace, files)

    def files(self) -> dict[str, str]:
        """The files of the workspace by path; bytes that are no UTF-8 as Latin-1 has them."""
        found = (
            path for path in sorted(self.workspace.rglob("*")) if path.is_file() and not path.is_symlink()
        )
        return {
            path.relative_to(self.workspace).as_posix(): path.read_bytes().decode("latin-1") for path in found
        }

    def perform(self, which: Action | str, /, **given: Any) -> Output:
        """One call, as a step of a run makes it: the input is checked, then the action does its work.

        Raises what a run would show as the reason of its failure: `ActionFailed`, `InputInvalid`.
        """
        self.effects.done.clear()
        return self.again(which, **given)

    def again(self, which: Action | str, /, **given: Any) -> Output:
        """The same step once more, as after a worker that died or a run that failed: what it did outside is known."""
        action = _action(which)
        action.check(given)
        return action.perform(self._work(), given)

    def pretend(self, which: Action | str, /, **given: Any) -> Output:
        """What a dry run gets."""
        action = _action(which)
        action.check(given)
        return action.rehearse(self._work(), given)

    def plan(self, which: Action | str, /, **given: Any) -> list[Change]:
        """What approvers read before the run."""
        return list(_action(which).foresee(given))

    def dies_after(self, effect: str, *, is_kept: bool = True) -> None:
        """The next call ends at this effect with `WorkerDied`: after it is written down, or just before."""
        self.effects.deaths[effect] = is_kept

    def performs_twice(self, which: Action | str, /, host: FakeHost | None = None, **given: Any) -> Output:
        """The output of a call, after the same step was done again as a run does whose worker died at its end.

        Raises `AssertionError` unless the second try ends with the same output and files, and asks `host` for nothing
        that changes it.
        """
        before = Path(tempfile.mkdtemp(dir=self.home))
        shutil.copytree(self.workspace, before, symlinks=True, dirs_exist_ok=True)
        first, made, changes = self.perform(which, **given), self.files(), _changes(host)
        shutil.rmtree(self.workspace)
        before.rename(self.workspace)
        second = self.again(which, **given)
        _must(plain(dict(first)) == plain(dict(second)), f"The second try gives {second}, the first {first}.")
        _must(self.files() == made, "The second try leaves other files than the first.")
        _must(
            _changes(host) == changes, f"The second try changed the host: {_changes(host)[len(changes) :]}."
        )
        return second

    def _work(self) -> Work:
        return Work(
            workspace=Workspace(self.workspace),
            sources=Folder(self.home / "sources"),
            journal=self.lines,
            requester=self.person,
            requested_at=REQUESTED_AT,
            go_on=self.go_on,
            scratch=lambda: Path(tempfile.mkdtemp(dir=self.home)),
            effects=self.effects,
            hide=self.hidden.append,
            template=self.template,
        )


def documented(action: Action) -> None:
    """Raises `AssertionError` unless all that the page of actions shows of it has words, and its example fits."""
    for name, part in action.schema.get("properties", {}).items():
        _must(bool(part.get("description")), f"The input {name} of {action.name} has no description.")
    for name, part in action.output.get("properties", {}).items():
        _must(bool(part.get("description")), f"The output {name} of {action.name} has no description.")
    given = yaml.safe_load(action.example).get("input") or {}
    unknown = set(given) - set(action.schema.get("properties", {}))
    _must(not unknown, f"The example of {action.name} gives {sorted(unknown)}, which it does not take.")
    missing = set(action.schema.get("required", ())) - set(given)
    _must(not missing, f"The example of {action.name} leaves out {sorted(missing)}.")


def _action(which: Action | str) -> Action:
    found = actions.find(which) if isinstance(which, str) else which
    if found is None:
        raise LookupError(f"There is no action {which}. Is its package installed?")
    return found


def _fill(home: Path, files: Mapping[str, str | bytes]) -> None:
    for path, content in files.items():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())


def _must(holds: bool, words: str) -> None:
    if not holds:
        raise AssertionError(words)


@dataclass(frozen=True)
class Asked:
    """One request that reached the host; header names are in lower case, `data` is JSON where it was some."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]
    data: Any


class FakeHost:
    """A web server on this machine that answers as told, and keeps what it was asked; open it by `with`.

    While it is open, `Reader` may reach it (PORTICO_READING_ALLOW), and nothing else of this machine.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        netloc = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{netloc}"
        self._opened = override_settings(PORTICO_READING_ALLOW=[*settings.PORTICO_READING_ALLOW, netloc])

    def __enter__(self) -> Self:
        self._opened.enable()
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._opened.disable()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, data: Any = None, *, status: int = 200) -> None:
        """From now on. `path` may have a query, which then counts; all else is answered 404."""
        self._answers[method, path] = (status, json.dumps(data).encode())

    def redirect(self, path: str, target: str) -> None:
        """From now on `path` leads to `target` when it is read."""
        self._answers["GET", path] = (302, target.encode())

    def changes(self) -> list[Asked]:
        """What it was asked for besides reading."""
        return [one for one in self.asked if one.method not in ("GET", "HEAD", "OPTIONS")]

    def _answer_to(self, asked: Asked) -> tuple[int, bytes]:
        self.asked.append(asked)
        paths = (asked.path, asked.path.partition("?")[0])
        found = (self._answers[asked.method, path] for path in paths if (asked.method, path) in self._answers)
        return next(found, (404, b'{"message": "not found"}'))

    def _handler(host: Self) -> type[BaseHTTPRequestHandler]:  # noqa: N805  `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = host._answer_to(Asked(self.command, self.path, headers, _data(body)))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", answer.decode())
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815  as http.server calls them

            def log_message(self, *_: Any) -> None:
                """Tests read `asked`."""

        return Handler


def _data(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _changes(host: FakeHost | None) -> list[Asked]:
    return host.changes() if host else []
