"""Files beside a template that its steps fetch: whether they are there, and whether their expressions can be read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.errors import Unreadable
from scaffolder.actions.skeletons import DEFAULT_EXTENSION, as_text, syntax_of
from scaffolder.errors import ActionFailed
from scaffolder.globs import matching
from scaffolder.linting.findings import Severity, Subject
from scaffolder.linting.reference_checks import function_problems
from scaffolder.linting.uses import is_marked, read
from scaffolder.templating import Syntax, TemplatingError
from scaffolder.workspace import Entry, walk

MAX_FILES = 2_000
MAX_FILE_BYTES = 500_000
MAX_SECONDS = 5.0  # of one template
_OF_FILES = {"fetch:plain:file", "fetch:template:file"}
_OF_FOLDERS = {"fetch:template", "fetch:cookiecutter"}
FETCHES = {"fetch:plain", *_OF_FILES, *_OF_FOLDERS}


def check(subject: Subject) -> None:
    """Nothing without a tree: then nobody knows what lies beside the template."""
    if subject.tree is None:
        return
    ends_at = time.monotonic() + MAX_SECONDS
    for index, step in subject.steps:
        given = step.get("input")
        if step.get("action") in FETCHES and isinstance(given, dict):
            _fetch(subject, index, str(step["action"]), given, ends_at)


def _fetch(subject: Subject, index: int, action: str, given: Mapping[str, Any], ends_at: float) -> None:
    url = given.get("url")
    if (
        not isinstance(url, str)
        or is_marked(url)
        or "://" in url
        or url.startswith("git@")
        or subject.tree is None
    ):
        return
    at: list[str | int] = ["spec", "steps", index, "input", "url"]
    try:
        found = subject.tree.inside(url)
    except Unreadable as problem:
        subject.error("missing-file", at, str(problem))
        return
    if found.is_dir() and action in _OF_FILES:
        subject.error("missing-file", at, f"{url} is a folder; {action} takes a file.")
    elif not found.is_dir() and action in _OF_FOLDERS:
        subject.error("missing-file", at, f"{url} is a file; {action} takes a folder.")
    elif action == "fetch:template":
        _skeleton(subject, index, given, found, ends_at)
    elif action == "fetch:template:file":
        entry = Entry(found.name, found, size=found.stat().st_size)
        _file(subject, entry, found.parent, syntax_of(given), _names_of(given))


def _skeleton(subject: Subject, index: int, given: Mapping[str, Any], folder: Path, ends_at: float) -> None:
    try:
        entries = [entry for entry in walk(folder) if not entry.is_folder and not entry.is_link]
        rendered = [entry for entry in entries if _is_rendered(entry, given, entries)]
    except ActionFailed as problem:
        subject.error("skeleton", ["spec", "steps", index, "input", "url"], str(problem))
        return
    syntax = syntax_of(given)
    values = _names_of(given)
    for count, entry in enumerate(rendered):
        if count >= MAX_FILES or time.monotonic() > ends_at:
            words = f"Only the first {count} of {len(rendered)} files were looked at."
            subject.hint("skeleton", ["spec", "steps", index, "input", "url"], words)
            return
        _file(subject, entry, folder, syntax, values)


def _is_rendered(entry: Entry, given: Mapping[str, Any], entries: list[Entry]) -> bool:
    extension = given.get("templateFileExtension")
    if extension and not is_marked(str(extension)):
        return entry.path.endswith(DEFAULT_EXTENSION if extension is True else str(extension))
    for name in ("copyWithoutTemplating", "copyWithoutRender"):
        patterns = given.get(name)
        listed = [one for one in patterns if isinstance(one, str)] if isinstance(patterns, list) else []
        if listed and entry.path in matching([one.path for one in entries], listed):
            return False
    return entry.size <= MAX_FILE_BYTES


def _names_of(given: Mapping[str, Any]) -> set[str] | None:
    """What the skeleton may name below `values`; None where that shows only in a run."""
    values = given.get("values", {})
    if not isinstance(values, dict) or any(is_marked(str(key)) for key in values):
        return None
    return set(map(str, values))


def _file(subject: Subject, entry: Entry, folder: Path, syntax: Syntax, values: set[str] | None) -> None:
    tree = subject.tree
    root = tree.root.resolve() if tree else folder
    shown = (folder / entry.path).resolve()
    file = shown.relative_to(root).as_posix() if shown.is_relative_to(root) else entry.path
    content = as_text(entry.real.read_bytes())
    for text, is_name in ((entry.path, True), (content or "", False)):
        if not is_marked(text):
            continue
        try:
            found = read(text, syntax)
        except TemplatingError as problem:
            words = f"The name of this file: {problem.problem}" if is_name else problem.problem
            subject.elsewhere(Severity.ERROR, "expression", file, problem.line, words)
            continue
        for words, line in function_problems(found, ("jsonify",) if syntax.compat else ()):
            subject.elsewhere(Severity.ERROR, "filter", file, line, words)
        for use in found.uses:
            _value(subject, file, use.parts, use.line, values if not use.is_guarded else None, syntax)


def _value(
    subject: Subject, file: str, parts: tuple[str, ...], line: int, values: set[str] | None, syntax: Syntax
) -> None:
    root = "cookiecutter" if syntax.compat else "values"
    if parts[0] == root and len(parts) > 1 and values is not None and parts[1] not in values:
        words = f"The step hands over no {parts[1]} under values, so this is empty."
        subject.elsewhere(Severity.WARNING, "unknown-value", file, line, words)
    elif parts[0] in ("parameters", "steps", "secrets") and values is not None:
        words = f"A skeleton sees values alone, so {parts[0]} is empty here. Hand it over under values."
        subject.elsewhere(Severity.WARNING, "unknown-name", file, line, words)
