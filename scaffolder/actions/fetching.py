"""fetch:plain, fetch:plain:file and fetch:template: a skeleton into the workspace, as it is or rendered."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.errors import ActionFailed, InputInvalid
from scaffolder.globs import matching
from scaffolder.templating import Renderer, Syntax, TemplatingError
from scaffolder.workspace import MAX_FILE_BYTES, Entry, Workspace, walk

DEFAULT_EXTENSION = ".njk"
_BYTES_LOOKED_AT = 8_000  # of a file, for a zero byte that only binary files have
_FILES_BETWEEN_CHECKS = 50
_SECONDS_BETWEEN_CHECKS = 1.0
MAX_SECONDS = 600.0  # of one fetch; each file has its own limit too


def _fetch_plain(work: Work, given: Input) -> Output:
    target = work.workspace.folder(given.get("targetPath") or ".")
    with work.sources.fetch(given["url"]) as source:
        entries = _entries(source)
        for entry in _paced(work, entries):
            _copy(entry, target, entry.path)
    work.journal.info(f"{len(entries)} files and folders from {given['url']}")
    return {}


def _fetch_file(work: Work, given: Input) -> Output:
    with work.sources.fetch(given["url"]) as source:
        if source.is_dir():
            raise ActionFailed(f"{given['url']} is a folder; fetch:plain:file takes a file.")
        _copy(_entries(source)[0], work.workspace, given["targetPath"])
    work.journal.info(f"{given['targetPath']} from {given['url']}")
    return {}


def _entries(source: Path) -> list[Entry]:
    if source.is_dir():
        return list(walk(source))
    if source.stat().st_size > MAX_FILE_BYTES:
        raise ActionFailed(
            f"{source.name} has more than {MAX_FILE_BYTES:,} bytes, which are the most to take."
        )
    return [Entry(source.name, source, is_executable=os.access(source, os.X_OK), size=source.stat().st_size)]


def _paced(work: Work, entries: list[Entry]) -> Iterator[Entry]:
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


def _copy(entry: Entry, target: Workspace, path: str) -> None:
    if entry.is_folder:
        target.folder(path)
    elif entry.is_link:
        pointed = entry.real.readlink()
        target.path(os.path.normpath(PurePosixPath(path).parent / pointed))
        target.link(path, pointed)
    else:
        target.write(path, entry.real.read_bytes(), executable=entry.is_executable)


def syntax_of(given: Input) -> Syntax:
    """The language of the skeleton that fetch:template is given."""
    trim, lstrip = bool(given.get("trimBlocks")), bool(given.get("lstripBlocks"))
    if given.get("cookiecutterCompat"):
        return Syntax.cookiecutter(trim_blocks=trim, lstrip_blocks=lstrip)
    return Syntax(trim_blocks=trim, lstrip_blocks=lstrip)


@dataclass
class _Skeleton:
    """One fetch:template: which files are rendered, and how."""

    given: Input
    renderer: Renderer
    target: Workspace
    untouched: set[str]  # contents stay as they are
    named_as_is: set[str]  # names too (copyWithoutRender)
    extension: str  # "" where every file is a template

    @classmethod
    def of(cls, work: Work, given: Input, entries: list[Entry]) -> _Skeleton:
        paths = [entry.path for entry in entries]
        without_render = matching(paths, given.get("copyWithoutRender") or ())
        without_templating = matching(paths, given.get("copyWithoutTemplating") or ())
        extension = given.get("templateFileExtension")
        syntax = syntax_of(given)
        values = given.get("values") or {}
        return cls(
            given,
            Renderer(
                {"cookiecutter" if syntax.compat else "values": values},
                syntax,
                all_seconds=MAX_SECONDS,
                shared=work.budget,
            ),
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
            _copy(entry, self.target, path)
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


def as_text(content: bytes) -> str | None:
    """None for binary files, which are never rendered."""
    if b"\x00" in content[:_BYTES_LOOKED_AT]:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _fetch_template(work: Work, given: Input) -> Output:
    _refuse_contradictions(given)
    with work.sources.fetch(given["url"]) as source:
        if not source.is_dir():
            raise ActionFailed(f"{given['url']} is a file; fetch:template takes a folder.")
        entries = list(walk(source))
        skeleton = _Skeleton.of(work, given, entries)
        written = 0
        for entry in _paced(work, entries):
            try:
                written += bool(skeleton.place(entry)) and not entry.is_folder
            except TemplatingError as problem:
                raise ActionFailed(f"The skeleton cannot be rendered. {problem}") from None
    work.journal.info(f"{written} files from {given['url']}")
    return {}


def _refuse_contradictions(given: Input) -> None:
    patterns = [name for name in ("copyWithoutRender", "copyWithoutTemplating") if given.get(name)]
    if len(patterns) == 2:
        raise InputInvalid({"input": "Give copyWithoutTemplating or copyWithoutRender, not both."})
    if patterns and given.get("templateFileExtension"):
        raise InputInvalid({"input": f"Give templateFileExtension or {patterns[0]}, not both."})


_URL: dict[str, Any] = {
    "url": text("A folder beside the template (./skeleton), or the address of a repository's folder"),
    "targetPath": text("The folder of the workspace to write to; by default the workspace itself"),
}

ACTIONS = (
    Action(
        name="fetch:plain",
        description="Copies a folder into the workspace as it is.",
        schema=object_schema(("url",), **_URL),
        perform=_fetch_plain,
        changes_files=True,
        is_contained=True,
        example="action: fetch:plain\ninput:\n  url: ./documentation\n  targetPath: ./docs\n",
    ),
    Action(
        name="fetch:plain:file",
        description="Copies one file into the workspace as it is.",
        schema=object_schema(
            ("url", "targetPath"),
            url=text("A file beside the template (./licence.md), or its address in a repository"),
            targetPath=text("The file of the workspace to write"),
        ),
        perform=_fetch_file,
        changes_files=True,
        is_contained=True,
        example="action: fetch:plain:file\ninput:\n  url: ./licence.md\n  targetPath: LICENCE.md\n",
    ),
    Action(
        name="fetch:template",
        description="Renders a folder of templates into the workspace: names and contents, with `values`.",
        schema=object_schema(
            ("url",),
            **_URL,
            values={"type": "object", "description": "What the skeleton sees as ${{ values.name }}"},
            copyWithoutTemplating=texts("Patterns of files whose contents are copied as they are"),
            copyWithoutRender=texts("The older form of it: names stay as they are too"),
            templateFileExtension={
                "type": ["boolean", "string"],
                "description": "Render only files with this ending (true: .njk), which they lose",
            },
            cookiecutterCompat=flag("The skeleton is one of cookiecutter: {{ cookiecutter.name }}"),
            replace=flag("Replace files that are there already"),
            trimBlocks=flag("Drop the line break after a block"),
            lstripBlocks=flag("Drop the blanks before a block"),
        ),
        perform=_fetch_template,
        changes_files=True,
        is_contained=True,
        example="action: fetch:template\ninput:\n  url: ./skeleton\n  values:\n    name: ${{ parameters.name }}\n",
    ),
)
