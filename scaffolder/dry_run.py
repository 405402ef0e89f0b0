"""What a template would do with these answers: all of its steps, files and outputs, and no effect anywhere.

    outcome = of_entity(template, values, person=user)
    outcome = of_files(document, values, {"skeleton/README.md": b"…"}, person=user, text=source)

Files are made as a run makes them, by the same actions in the same interpreter, in a folder that is gone afterwards.
What would change outside is only said (`Action.rehearse`), with the outputs that it would have, so that later steps can
be rendered. No network is used: files from another repository are not fetched, and the step says so. Secrets are never
taken: each is `***`.

It runs where it is asked for, in the web process, because people look at it at once; therefore it is bounded tighter
than a run (`MAX_SECONDS`, `beside.LIMITS`), and only one goes on in a process at a time.
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone

from catalog import yaml12
from catalog.errors import Unreadable
from catalog.models import Entity
from catalog.sources import Tree, open_kept_tree
from control.capability import Change
from control.errors import ControlError
from control.models import User
from scaffolder import actions, beside, document, outputs, turns
from scaffolder.actions.base import Action, Work
from scaffolder.context import base_context
from scaffolder.document import Step
from scaffolder.errors import ActionFailed, InputInvalid
from scaffolder.sealing import MASK
from scaffolder.templating import Budget, Renderer, TemplatingError
from scaffolder.workspace import Workspace

MAX_SECONDS = 5.0  # people wait for it
MAX_RENDERING = 4_000_000  # steps of the interpreter, for all files together
MAX_CONTENT = 200_000  # bytes of a file that are kept to be shown
MAX_LINES = 2_000  # of the log
MAX_LINE = 4_000  # characters
WAIT_SECONDS = 10.0  # for the dry runs of others
MAX_WAITING = 1  # in one process; more would take the threads that other pages need
DONE, FORESEEN, SKIPPED, FAILED, AHEAD = "done", "foreseen", "skipped", "failed", "ahead"
_turn = threading.Lock()
_queue = threading.BoundedSemaphore(1 + MAX_WAITING)  # whose turn it is, and who waits
logger = logging.getLogger(__name__)
_PLACE = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


class Busy(ControlError):
    """Others are trying their templates."""

    status = 503


class OutOfReach(ActionFailed):
    """Files that only the network has."""


@dataclass(frozen=True)
class Line:
    """Of the log. `step` counts from 0, None for what is said about the whole; `level` is command, info or warning."""

    text: str
    level: str
    step: int | None


@dataclass(frozen=True)
class Problem:
    """Why it went no further: `line` counts from 1 in the text of the template, 0 where no text was given."""

    words: str
    step: int | None = None
    line: int = 0


@dataclass
class StepOutcome:
    """`state`: DONE, FORESEEN (it would change something outside, which was only said), SKIPPED, FAILED or AHEAD."""

    step: Step
    state: str = AHEAD
    changes: list[Change] = field(default_factory=list)
    output: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class File:
    """A file or link of the workspace at the end; `content` ends after `MAX_CONTENT` bytes, `size` tells the whole."""

    path: str
    size: int
    content: bytes = b""
    is_executable: bool = False
    points_to: str = ""  # of a link

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.content) and not self.points_to

    @property
    def text(self) -> str | None:
        """None for binary files."""
        if b"\x00" in self.content:
            return None
        try:
            return self.content.decode()
        except UnicodeDecodeError as error:
            return (
                self.content[: error.start].decode()
                if self.is_cut and error.end == len(self.content)
                else None
            )


@dataclass(frozen=True)
class Outcome:
    steps: Sequence[StepOutcome]
    log: Sequence[Line]
    files: Sequence[File]
    output: Mapping[str, Any]
    problem: Problem | None

    @property
    def changes(self) -> list[Change]:
        """What would be different outside, in the order of the steps."""
        return [change for step in self.steps for change in step.changes]

    @property
    def warnings(self) -> list[str]:
        return [line.text for line in self.log if line.level == "warning"]


def of_entity(
    template: Entity,
    values: Mapping[str, Any],
    *,
    person: User,
    secrets: Collection[str] = (),
    context: Mapping[str, Any] | None = None,
) -> Outcome:
    """A template of the catalogue, with its files as they were read last. `values` are checked answers.

    `person` is who will see the outcome, and bounds what it may tell; `context` what expressions see of whoever asked,
    where that is somebody else. Raises `TemplateUnusable` or `Busy`.
    """
    with _alone(), beside.folder() as folder:
        trying = _Trying(folder, person, secrets, _OfEntity(template), context)
        return trying.outcome_of(template.document, values, template.source_text, template.source_line)


def of_files(
    described: Mapping[str, Any],
    values: Mapping[str, Any],
    files: Mapping[str, bytes],
    *,
    person: User,
    secrets: Collection[str] = (),
    text: str = "",
    context: Mapping[str, Any] | None = None,
) -> Outcome:
    """A template that is in no catalogue, with `files` beside it, by relative path. `values` are checked answers.

    `text` is the source of the template, for line numbers; `context` what expressions see of the person, where that is
    not what the catalogue knows (`scaffolder.context`). Raises `TemplateUnusable`, `Busy`, or `ActionFailed` for paths
    that lead elsewhere and for too many files.
    """
    with beside.tree_of(files) as tree:
        return of_tree(described, values, tree, person=person, secrets=secrets, text=text, context=context)


def of_tree(
    described: Mapping[str, Any],
    values: Mapping[str, Any],
    tree: Tree,
    *,
    person: User,
    secrets: Collection[str] = (),
    text: str = "",
    context: Mapping[str, Any] | None = None,
    entities: Mapping[str, Any] | None = None,
) -> Outcome:
    """As `of_files`, with the files of a folder on this machine. Raises `TemplateUnusable` or `Busy`.

    `entities`, by reference, are what steps fetch from, in the place of the catalogue.
    """
    with _alone(), beside.folder() as folder:
        trying = _Trying(folder, person, secrets, _OfTree(tree), context, entities)
        return trying.outcome_of(described, values, text)


@contextmanager
def _alone() -> Iterator[None]:
    """Raises `Busy` when it takes too long, or too many wait already."""
    busy = Busy("Others are trying their templates right now. Try again in a moment.")
    if not _queue.acquire(blocking=False):
        raise busy
    try:
        if not _turn.acquire(timeout=WAIT_SECONDS):
            raise busy
        try:
            yield
        finally:
            _turn.release()
    finally:
        _queue.release()


class _OfTree:
    """The files beside a template, and nothing else."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    @contextmanager
    def fetch(self, url: str) -> Iterator[Path]:
        _refuse_elsewhere(url)
        try:
            found = self._tree.inside(url)
        except Unreadable as problem:
            raise ActionFailed(f"{url} cannot be fetched. {problem}") from None
        yield found


class _OfEntity:
    """The files beside a template of the catalogue, as they were read last."""

    def __init__(self, template: Entity) -> None:
        self._template = template

    @contextmanager
    def fetch(self, url: str) -> Iterator[Path]:
        _refuse_elsewhere(url)
        with ExitStack() as opened:
            try:
                tree = opened.enter_context(open_kept_tree(self._template))
            except Unreadable as problem:
                words = f"A run fetches {url}, whose files are missing here. {problem}"
                raise OutOfReach(words) from None
            try:
                found = tree.inside(url)
            except Unreadable as problem:
                raise ActionFailed(f"{url} cannot be fetched. {problem}") from None
            yield found


def _refuse_elsewhere(url: str) -> None:
    if "://" in url or url.startswith("git@"):
        raise OutOfReach(f"A run fetches {url}, which a dry run does not: its files are missing here.")


class _NoEffects:
    def once(self, name: str, do: Callable[[str], Any]) -> Any:  # noqa: ARG002  the shape of Effects
        raise ActionFailed(f"A dry run does nothing outside, so it does not do “{name}”.")


@dataclass
class _Trying:
    """One dry run; `go_on` and all rendering share one end of time."""

    folder: Path
    person: User
    secrets: Collection[str]
    sources: _OfTree | _OfEntity
    context: Mapping[str, Any] | None = None
    entities: Mapping[str, Any] | None = None
    described: Mapping[str, Any] = field(default_factory=dict)  # the template
    step: StepOutcome | None = None
    log: list[Line] = field(default_factory=list)
    lacks_files: bool = False

    def __post_init__(self) -> None:
        self.budget = Budget(seconds=MAX_SECONDS, steps=MAX_RENDERING)
        self.ends_at = time.monotonic() + MAX_SECONDS
        self.asked_at = timezone.now()  # nothing is stored, so no database is asked
        files = self.folder / "files"
        files.mkdir()
        self.workspace = Workspace(files, limits=beside.LIMITS)

    def outcome_of(
        self, described: Mapping[str, Any], values: Mapping[str, Any], text: str, first_line: int = 1
    ) -> Outcome:
        blueprint, self.described = document.read(described), described
        given = {**base_context(values, self.person)} if self.context is None else dict(self.context)
        context: dict[str, Any] = {**given, "parameters": dict(values), "steps": {}}
        steps = [StepOutcome(step) for step in blueprint.steps]
        problem = None
        for one in steps:
            self.step = one
            if failure := self._failure_of(one, context):
                words, path = failure
                line = yaml12.line_of(text, path, first_line=first_line) if text else 0
                problem = Problem(words, one.step.index, line)
                break
            context["steps"][one.step.id] = {"output": one.output}
        self.step = None
        found = {} if problem else outputs.rendered(blueprint.output, context, self, self.budget)
        return Outcome(steps, self.log, self._files(), found, problem)

    def _failure_of(self, one: StepOutcome, context: Mapping[str, Any]) -> tuple[str, list[str | int]] | None:
        """Do one step; why it failed, and where in the template that is."""
        try:
            self._do(one, context)
        except TemplatingError as problem:
            return self._failed(one, str(problem), problem.where)
        except InputInvalid as problem:
            return self._failed(one, str(problem), next(iter(problem.fields)))
        except OutOfReach as problem:
            self.lacks_files = True
            one.state, one.output = FORESEEN, {}
            self.warning(str(problem))
        except ActionFailed as problem:
            if not self.lacks_files:
                return self._failed(one, str(problem), "")
            one.state = FORESEEN
            self.warning(f"{problem} Perhaps that is only because files of an earlier step are missing here.")
        except OSError as problem:
            return self._failed(one, f"The machine could not do this: {problem.strerror}. Try again.", "")
        except Exception as defect:  # as at the edge of a step of a run: actions may be anybody's
            logger.exception("the dry run of %s met a defect", one.step.words)
            words = f"Portico met a defect ({type(defect).__name__}). The log of the server says more."
            return self._failed(one, words, "")
        return None

    def _failed(self, one: StepOutcome, words: str, where: str) -> tuple[str, list[str | int]]:
        one.state = FAILED
        path: list[str | int] = ["spec", "steps", one.step.index]
        return words, path + (_path(where) or ["action"])

    def _do(self, one: StepOutcome, context: Mapping[str, Any]) -> None:
        step = one.step
        if not turns.is_wanted(step, context, self.budget):
            one.state = SKIPPED
            return
        action = actions.find(step.action)
        if action is None:
            raise ActionFailed(f"Portico does not have the action {step.action} any more.")
        one.state = DONE if action.is_contained else FORESEEN
        if step.each is None:
            one.output = self._call(one, action, context)
            return
        given = [
            self._call(one, action, {**context, "each": {"key": key, "value": value}})
            for key, value in turns.entries_of(step, context, self.budget)
        ]
        one.output = dict(turns.gathered(given))

    def _call(self, one: StepOutcome, action: Action, context: Mapping[str, Any]) -> dict[str, Any]:
        self.go_on()
        placeholders = dict.fromkeys(self.secrets, MASK)
        renderer = Renderer({**context, "secrets": placeholders}, shared=self.budget)
        given = renderer.data(one.step.input, where="input")
        action.check(given)
        one.changes += self._foreseen(action, given)
        work = Work(
            workspace=self.workspace,
            sources=self.sources,
            journal=self,
            requester=self.person,
            requested_at=self.asked_at,
            go_on=self.go_on,
            scratch=lambda: Path(tempfile.mkdtemp(dir=self.folder)),
            entities=self.entities,
            budget=self.budget,
            effects=_NoEffects(),
            hide=lambda _text: None,  # no secret gets here
            template=self.described,
        )
        if not action.is_contained and action.pretend is None:
            self.info(f"Would do {action.name}, with outputs that only a run can know")
        return dict(action.rehearse(work, given))

    def _foreseen(self, action: Action, given: Mapping[str, Any]) -> list[Change]:
        try:
            return action.foresee(given)
        except ActionFailed:  # of a host that is not set up: what the action pretends tells it
            return []

    def go_on(self) -> None:
        if time.monotonic() > self.ends_at:
            raise ActionFailed(
                f"This takes longer than {MAX_SECONDS:g} s, which is all that a dry run gets. A run has more time."
            )

    def command(self, text: str) -> None:
        self._say(text, "command")

    def info(self, text: str) -> None:
        self._say(text, "info")

    def warning(self, text: str) -> None:
        self._say(text, "warning")
        if self.step is not None:
            self.step.warnings.append(text)

    def _say(self, text: str, level: str) -> None:
        step = self.step.step.index if self.step else None
        for line in text.splitlines() or [""]:
            if len(self.log) < MAX_LINES:
                self.log.append(Line(line[:MAX_LINE], level, step))
            elif len(self.log) == MAX_LINES:
                self.log.append(
                    Line(f"More than {MAX_LINES:,} lines: the rest is left out.", "warning", None)
                )

    def _files(self) -> list[File]:
        return [
            _file(entry.path, entry.real, entry.is_executable)
            for entry in self.workspace.entries()
            if not entry.is_folder
        ]


def _file(path: str, real: Path, is_executable: bool) -> File:
    if real.is_symlink():
        return File(path, 0, points_to=str(real.readlink()))
    with real.open("rb") as file:
        return File(path, real.stat().st_size, file.read(MAX_CONTENT), is_executable)


def _path(where: str) -> list[str | int]:
    """`input.files[0].from` → its parts; nothing for other words."""
    if where.startswith(("if of", "each of")):
        return [where.partition(" ")[0]]
    if not where.startswith("input"):
        return []
    return [int(number) if number else name for name, number in _PLACE.findall(where)]
