"""Linting one text, or all templates below some paths."""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from catalog import placeholders, yaml12
from catalog.tree import Tree, read
from scaffolder.forms.validator import patience
from scaffolder.linting import document_checks, form_checks, reference_checks, skeleton_checks, step_checks
from scaffolder.linting.findings import MAX_FINDINGS, Finding, Positions, Severity, Subject

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.HINT: 2}
_SUFFIXES = (".yaml", ".yml")
_KIND = re.compile(r"^kind: *[\"']?Template[\"']?\s*$", re.MULTILINE)


def lint_text(text: str, *, file: str, tree: Tree | None = None) -> list[Finding]:
    """Findings of every Template in `text`, by line. Without `tree` nothing is said of files beside it."""
    found: list[Finding] = []
    templates = 0
    try:
        for document in yaml12.documents(text):
            if document.error is not None:
                found.append(
                    Finding(file, document.error.line, 1, Severity.ERROR, "yaml", str(document.error))
                )
            elif isinstance(document.value, dict) and document.value.get("kind") == "Template":
                templates += 1
                found += _template(document, file, tree)
    except yaml12.YamlError as error:
        found.append(Finding(file, error.line, 1, Severity.ERROR, "yaml", str(error)))
    if not templates and not found:
        words = "There is no template here: no document has kind: Template."
        found.append(Finding(file, 1, 1, Severity.ERROR, "yaml", words))
    return _sorted(found)


def _template(document: yaml12.Document, file: str, tree: Tree | None) -> list[Finding]:
    subject = Subject(file, document.value, Positions(document.text, document.line), tree)
    subject.document = _filled(document.value, subject)
    document_checks.check(subject)
    if any(finding.rule == "api-version" for finding in subject.findings):
        return subject.findings
    with patience():
        questions = form_checks.check(subject)
    step_checks.check(subject)
    reference_checks.check(subject, questions)
    skeleton_checks.check(subject)
    return subject.findings


def _filled(value: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """With `$yaml` and its like in place where their files are at hand; others stay, and are told."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    filled = copy.deepcopy(value)
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, dict) and len(one) == 1 and (name := next(iter(one))) in placeholders.NAMES:
            _fill(filled, path, name, one, subject)
        elif isinstance(one, dict):
            waiting += [((*path, key), item) for key, item in reversed(one.items())]
        elif isinstance(one, list):
            waiting += [((*path, index), item) for index, item in reversed(list(enumerate(one)))]
    return filled


def _fill(
    filled: dict[str, Any], path: tuple[str | int, ...], name: str, one: dict[str, Any], subject: Subject
) -> None:
    """Put in place what one placeholder stands for."""
    target = str(one[name])
    if subject.tree is None or "://" in target:
        subject.is_whole = False
        words = f"{target} was not looked at, because a linter asks only files beside the template."
        subject.hint("placeholder", (*path, name), words)
        return
    base = subject.tree.base.resolve().relative_to(subject.tree.root.resolve()).as_posix()
    root = subject.tree.root
    try:
        found = placeholders.resolved(
            one, lambda said: read(root, posixpath.normpath(posixpath.join(base, said)))
        )
    except placeholders.PlaceholderFailed as problem:
        subject.is_whole = False
        subject.error("placeholder", (*path, name), str(problem))
        return
    place: Any = filled
    for step in path[:-1]:
        place = place[step]
    if path:
        place[path[-1]] = found


def _sorted(findings: list[Finding]) -> list[Finding]:
    unique = dict.fromkeys(findings)
    shown = sorted(unique, key=lambda one: (one.file, one.line, _ORDER[one.severity], one.column))
    if len(shown) <= MAX_FINDINGS:
        return shown
    worst = sorted(shown, key=lambda one: _ORDER[one.severity])[:MAX_FINDINGS]
    return sorted(worst, key=lambda one: (one.file, one.line, _ORDER[one.severity], one.column))


def lint_paths(paths: Sequence[Path]) -> tuple[list[Path], list[Finding]]:
    """The templates below files and folders, and their findings. Raises `OSError` for a path that is not there."""
    files = [file for path in paths for file in _templates_below(path)]
    findings: list[Finding] = []
    for file in files:
        root = _root_of(file)
        shown = file.as_posix()
        try:
            text = yaml12.decode(file.read_bytes())
        except yaml12.YamlError as error:
            findings.append(Finding(shown, error.line, 1, Severity.ERROR, "yaml", str(error)))
            continue
        tree = Tree(root, file.parent.resolve())
        findings += [_beside(one, file, root) for one in lint_text(text, file=shown, tree=tree)]
    return files, findings


def _beside(finding: Finding, template: Path, root: Path) -> Finding:
    """Files of a skeleton are named as the template was: relative to where somebody stands."""
    if finding.file == template.as_posix():
        return finding
    found = root / finding.file
    here = Path.cwd()
    file = found.relative_to(here).as_posix() if found.is_relative_to(here) else found.as_posix()
    return Finding(file, finding.line, finding.column, finding.severity, finding.rule, finding.message)


def _root_of(file: Path) -> Path:
    """The repository around it, else its folder: what lies outside is no part of the template."""
    folder = file.parent.resolve()
    return next((one for one in [folder, *folder.parents] if (one / ".git").exists()), folder)


def _templates_below(path: Path) -> Iterator[Path]:
    """A file is a template because somebody says so; in folders, files with a Template in them are."""
    if not path.is_dir():
        path.stat()
        yield path
        return
    for found in sorted(path.rglob("*")):
        if found.suffix in _SUFFIXES and found.is_file() and ".git" not in found.parts and _holds_one(found):
            yield found


def _holds_one(file: Path) -> bool:
    try:
        text = yaml12.decode(file.read_bytes())
    except (OSError, yaml12.YamlError):
        return False
    return "scaffolder.backstage.io" in text and _KIND.search(text) is not None
