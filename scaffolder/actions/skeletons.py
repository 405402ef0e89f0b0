"""Folders of templates into the workspace: which files are rendered, how, and under which name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scaffolder.actions.base import Input, Work
from scaffolder.errors import ActionFailed
from scaffolder.globs import matching
from scaffolder.templating import Renderer, Syntax, TemplatingError
from scaffolder.workspace import MAX_FILE_BYTES, Entry, Workspace, walk

DEFAULT_EXTENSION = ".njk"
_BYTES_LOOKED_AT = 8_000  # of a file, for a zero byte that only binary files have
_FILES_BETWEEN_CHECKS = 50
_SECONDS_BETWEEN_CHECKS = 1.0
MAX_SECONDS = 600.0  # of one fetch; each file has its own limit too


def entries_of(source: Path) -> list[Entry]:
    if source.is_dir():
        return list(walk(source))
    if source.stat().st_size > MAX_FILE_BYTES:
        raise ActionFailed(
            f"{source.name} has more than {MAX_FILE_BYTES:,} bytes, which are the most to take."
        )
    return [Entry(source.name, source, is_executable=os.access(source, os.X_OK), size=source.stat().st_size)]


def paced(work: Work, entries: list[Entry]) -> Iterator[Entry]:
    """The entries; now and then the run is asked whether to go on."""
    begun_at = looked_at = time.monotonic()
    for count, entry in enumerate(entries, 1):
        now = time.monotonic()
        if count % _FILES_BETWEEN_CHECKS == 0 or now - looked_at > _SECONDS_BETWEEN_CHECKS:
            work.go_on()
            looked_at = now
        if now - begun_at > MAX_SECONDS:
            raise ActionFailed(f"This takes longer than {MAX_SECONDS:g} s. Make the skeleton simpler.")
        yield entry


def copied(entry: Entry, target: Workspace, path: str) -> None:
    if entry.is_folder:
        target.folder(path)
    elif entry.is_link:
        pointed = entry.real.readlink()
        target.path(os.path.normpath(PurePosixPath(path).parent / pointed))
        target.link(path, pointed)
    else:
        target.write(path, entry.real.read_bytes(), executable=entry.is_executable)


@dataclass
class Skeleton:
    """One fetch:template: which files are rendered, and how."""

    given: Input
    renderer: Renderer
    target: Workspace
    untouched: set[str]  # contents stay as they are
    named_as_is: set[str]  # names too (copyWithoutRender)
    extension: str  # "" where every file is a template

    @classmethod
    def of(cls, work: Work, given: Input, entries: list[Entry]) -> Skeleton:
        paths = [entry.path for entry in entries]
        without_render = matching(paths, given.get("copyWithoutRender") or ())
        without_templating = matching(paths, given.get("copyWithoutTemplating") or ())
        extension = given.get("templateFileExtension")
        return cls(
            given,
            renderer_of(work, given),
            work.workspace.folder(given.get("targetPath") or "."),
            without_render | without_templating,
            without_render,
            DEFAULT_EXTENSION if extension is True else str(extension or ""),
        )

    def place(self, entry: Entry) -> str:
        """Write one entry under its rendered name; what it is called, or empty when it was left out."""
        is_template = self._is_template(entry)
        path = self._rendered_path(entry, is_template)
        if not path or path.startswith("/") or path.endswith("/") or "//" in path:
            return ""  # a name that renders to nothing leaves the file out
        found = self.target.path(path)
        if not entry.is_folder and os.path.lexists(found) and not self.given.get("replace"):
            return ""
        if is_template and not entry.is_folder and not entry.is_link:
            self._render_into(entry, path)
        else:
            copied(entry, self.target, path)
        return path

    def _is_template(self, entry: Entry) -> bool:
        if self.extension:
            return entry.path.endswith(self.extension)
        return entry.path not in self.untouched

    def _rendered_path(self, entry: Entry, is_template: bool) -> str:
        path = entry.path
        if self.extension and is_template:
            path = path.removesuffix(self.extension)
        if entry.path in self.named_as_is and not self.extension:
            return path
        return self.renderer.text(path, where=f"the name of {entry.path}").strip("\n")

    def _render_into(self, entry: Entry, path: str) -> None:
        content = entry.real.read_bytes()
        source = as_text(content)
        if source is not None:
            content = self.renderer.text(source, where=entry.path).encode()
        self.target.write(path, content, executable=entry.is_executable)


def syntax_of(given: Input) -> Syntax:
    """The language of the skeleton that fetch:template is given."""
    trim, lstrip = bool(given.get("trimBlocks")), bool(given.get("lstripBlocks"))
    if given.get("cookiecutterCompat"):
        return Syntax.cookiecutter(trim_blocks=trim, lstrip_blocks=lstrip)
    return Syntax(trim_blocks=trim, lstrip_blocks=lstrip)


def renderer_of(work: Work, given: Input) -> Renderer:
    syntax = syntax_of(given)
    context = {"cookiecutter" if syntax.compat else "values": given.get("values") or {}}
    return Renderer(context, syntax, all_seconds=MAX_SECONDS, shared=work.budget)


def as_text(content: bytes) -> str | None:
    """None for binary files, which are never rendered."""
    if b"\x00" in content[:_BYTES_LOOKED_AT]:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def rendered(work: Work, given: Input, source: Path) -> int:
    """Render a folder as `given` says, in the words of fetch:template. Returns how many files were written."""
    entries = list(walk(source))
    skeleton = Skeleton.of(work, given, entries)
    written = 0
    for entry in paced(work, entries):
        try:
            written += bool(skeleton.place(entry)) and not entry.is_folder
        except TemplatingError as problem:
            raise ActionFailed(f"The skeleton cannot be rendered. {problem}") from None
    return written
