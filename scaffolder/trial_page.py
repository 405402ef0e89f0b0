"""What a dry run looks like: files as a tree with coloured contents, what each step would change, outputs, log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.utils.safestring import SafeString

from catalog.highlight import SourceLine, language_of, source_lines
from scaffolder import output_rows
from scaffolder.dry_run import AHEAD, DONE, FAILED, FORESEEN, SKIPPED, File, Line, Outcome, StepOutcome
from scaffolder.forms import review

FILES_SHOWN = 500
CHARACTERS_SHOWN = 400_000  # of all contents together; a page that takes seconds to draw helps nobody
FEW_FILES = 3  # so few are open from the start
# State → state of the row, its sign, and words.
_MARKS = {
    DONE: ("ok", "ok", ""),
    FORESEEN: ("ahead", "unknown", "would be done"),
    SKIPPED: ("skipped", "unknown", "skipped"),
    FAILED: ("bad", "bad", "would fail"),
    AHEAD: ("ahead", "unknown", "not reached"),
}
_LEVELS = {"command": "command", "info": "", "warning": "warn"}


@dataclass(frozen=True)
class ShownFile:
    name: str
    size: str
    note: str = ""  # executable, where a link leads, why no content is shown
    lines: list[SourceLine] = field(default_factory=list)
    is_open: bool = False


@dataclass
class Folder:
    """`name` holds several names where a folder holds nothing but another one: `src/app`."""

    name: str
    folders: list[Folder] = field(default_factory=list)
    files: list[ShownFile] = field(default_factory=list)


@dataclass(frozen=True)
class StepRow:
    outcome: StepOutcome
    state: str
    mark: str
    words: str


@dataclass(frozen=True)
class LogRow:
    number: int
    line: Line
    level: str


@dataclass(frozen=True)
class Trial:
    outcome: Outcome

    @cached_property
    def tree(self) -> Folder:
        return _tree(self.outcome.files[:FILES_SHOWN])

    @property
    def files_hidden(self) -> int:
        return max(0, len(self.outcome.files) - FILES_SHOWN)

    @property
    def size(self) -> str:
        return size_words(sum(file.size for file in self.outcome.files))

    @property
    def steps(self) -> list[StepRow]:
        return [StepRow(one, *_MARKS[one.state]) for one in self.outcome.steps]

    @property
    def failed(self) -> StepOutcome | None:
        problem = self.outcome.problem
        return self.outcome.steps[problem.step] if problem and problem.step is not None else None

    @property
    def log(self) -> list[LogRow]:
        return [LogRow(number, line, _LEVELS[line.level]) for number, line in enumerate(self.outcome.log, 1)]

    @property
    def links(self) -> list[output_rows.Output]:
        return output_rows.outputs(self.outcome.output)

    @property
    def texts(self) -> list[tuple[str, SafeString]]:
        return output_rows.texts(self.outcome.output)

    @property
    def facts(self) -> list[review.Answer]:
        return output_rows.facts(self.outcome.output)


def _tree(files: Sequence[File]) -> Folder:
    top, left, few = Folder(""), CHARACTERS_SHOWN, len(files) <= FEW_FILES
    first = _first(files)
    for file in files:
        *above, name = file.path.split("/")
        shown = _shown(file, name, left, is_open=few or file is first)
        left -= sum(len(line.html) for line in shown.lines)
        _folder(top, above).files.append(shown)
    return _joined(top)


def _first(files: Sequence[File]) -> File | None:
    """The one to read first."""
    return next(
        (file for file in files if file.path.lower().startswith("readme")), files[0] if files else None
    )


def _folder(folder: Folder, names: list[str]) -> Folder:
    for name in names:
        found = next((one for one in folder.folders if one.name == name), None)
        if found is None:
            found = Folder(name)
            folder.folders.append(found)
        folder = found
    return folder


def _joined(folder: Folder) -> Folder:
    folder.folders = [_joined(one) for one in folder.folders]
    if folder.name and not folder.files and len(folder.folders) == 1:
        below = folder.folders[0]
        return Folder(f"{folder.name}/{below.name}", below.folders, below.files)
    return folder


def _shown(file: File, name: str, left: int, *, is_open: bool) -> ShownFile:
    if file.points_to:
        return ShownFile(name, "", f"link to {file.points_to}")
    size, text = size_words(file.size), file.text
    mode = "executable" if file.is_executable else ""
    if text is None:
        return ShownFile(name, size, mode or "binary")
    if len(text) > left:
        return ShownFile(name, size, "not shown: there is too much to show all")
    cut = "only the beginning is shown" if file.is_cut else mode
    return ShownFile(name, size, cut, source_lines(text, language_of(name)).lines, is_open)


def size_words(size: int) -> str:
    for unit, least in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= least:
            return f"{size / least:.1f}\u00a0{unit}"
    return f"{size}\u00a0bytes" if size != 1 else "1\u00a0byte"
