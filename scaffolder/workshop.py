"""Writing a template by trying it: what is wrong with it, the form it asks, what it would create. Nothing is kept.

A draft may begin with a template of the catalogue. Of the files beside that one only those are taken which its own
steps name, as it was read: whoever writes here must not read the rest of somebody's repository.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from catalog import placeholders, yaml12
from catalog.errors import Unreadable
from catalog.models import Entity
from catalog.sources import open_kept_tree
from catalog.tree import Tree, read
from control.errors import ControlError
from control.models import User
from scaffolder import beside, document, dry_run
from scaffolder.errors import ActionFailed, TemplateUnusable
from scaffolder.forms import checking, secret_answers
from scaffolder.forms.pickers import Catalogue
from scaffolder.forms.reading import Reading, read_page
from scaffolder.forms.schema import FormUnreadable, Page, Values, pages_of
from scaffolder.forms.sent import Sent
from scaffolder.linting import Finding, lint_text
from scaffolder.linting.skeleton_checks import FETCHES
from scaffolder.linting.uses import texts_in
from scaffolder.workspace import walk

MAX_TEMPLATE = 200_000  # characters
MAX_FILES = 20  # that somebody may write here
MAX_FILE = 100_000  # characters of one
_ROUNDS = 2  # a page may ask for answers of a later one


@dataclass(frozen=True)
class Kept:
    """Files of the template that a draft begins with, by path in its repository; `base` is the template's folder."""

    base: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""  # why there are none, or not all

    def beside(self) -> Iterator[str]:
        """Paths as the template names them."""
        return (posixpath.relpath(path, self.base or ".") for path in self.files)

    def text_of(self, path: str) -> str | None:
        """None for what is not there, no text, or too long to be written here."""
        content = self.files.get(posixpath.normpath(posixpath.join(self.base, path)))
        try:
            text = content.decode() if content is not None and b"\x00" not in content else None
        except UnicodeDecodeError:
            return None
        return text if text is None or len(text) <= MAX_FILE else None


@dataclass(frozen=True)
class Draft:
    """What somebody wrote: a template, and files beside it by path."""

    text: str
    files: Mapping[str, str] = field(default_factory=dict)

    def problem(self) -> str:
        """Why it is too much; empty when it is not."""
        if len(self.text) > MAX_TEMPLATE:
            return f"The template has more than {MAX_TEMPLATE:,} characters. Shorten it."
        if len(self.files) > MAX_FILES:
            return f"There are more than {MAX_FILES} files. Take some out."
        long = next((path for path, text in self.files.items() if len(text) > MAX_FILE), "")
        return f"{long} has more than {MAX_FILE:,} characters. Shorten it." if long else ""


@dataclass
class Tried:
    """What there is to say about a draft. `missing` are the labels of answers that the dry run waits for."""

    findings: list[Finding] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    problems: list[checking.Problems] = field(default_factory=list)  # of each reading
    secrets: list[str] = field(default_factory=list)
    form_refusal: str = ""
    refusal: str = ""  # why there is no dry run
    outcome: dry_run.Outcome | None = None


def kept_files(template: Entity) -> Kept:
    """What the steps and placeholders of a template of the catalogue name, as it was read last."""
    try:
        with open_kept_tree(template) as tree:
            base = tree.base.resolve().relative_to(tree.root.resolve()).as_posix()
            base = "" if base == "." else base
            found: dict[str, bytes] = {}
            problem = ""
            for target in _named_by(template):
                try:
                    _collect(tree, target, found)
                except (Unreadable, ActionFailed) as missing:
                    problem = problem or str(missing)
            return Kept(base, found, problem)
    except Unreadable as refusal:
        return Kept(problem=str(refusal))


def _named_by(template: Entity) -> Iterator[str]:
    """Paths beside the template; of one that depends on answers, the folder before what does."""
    for step in (template.document.get("spec") or {}).get("steps") or ():
        given = step.get("input") if isinstance(step, dict) and step.get("action") in FETCHES else None
        url = given.get("url") if isinstance(given, dict) else None
        if isinstance(url, str) and "://" not in url and not url.startswith("git@"):
            fixed = url.partition("${{")[0]
            yield fixed if fixed == url else fixed.rpartition("/")[0] or "."
    if not placeholders.has_any(template.source_text):
        return
    try:
        written = yaml12.load(template.source_text)
    except yaml12.YamlError:
        return
    for path, text in texts_in(written):
        if path and path[-1] in placeholders.NAMES and "://" not in text:
            yield text


def _collect(tree: Tree, target: str, found: dict[str, bytes]) -> None:
    root, place = tree.root.resolve(), tree.inside(target)
    entries = [entry.real for entry in walk(place)] if place.is_dir() else [place]
    for real in entries:
        if not real.is_file() or real.is_symlink():
            continue
        size = sum(map(len, found.values())) + real.stat().st_size
        if len(found) >= beside.LIMITS.files or size > beside.LIMITS.bytes:
            raise ActionFailed("There are too many files beside this template to try all of them here.")
        found[real.resolve().relative_to(root).as_posix()] = real.read_bytes()


def trying(draft: Draft, kept: Kept, sent: Sent, choices: dict[str, int], person: User) -> Tried:
    """Everything at once; each part says for itself why it cannot be. Raises `ActionFailed` for files elsewhere."""
    with _tree(draft, kept) as tree:
        tried = Tried(lint_text(draft.text, file=document_name(kept), tree=tree))
        described, text = _template(draft.text, tree)
        if described is None:
            tried.refusal = "There is no template yet that could be tried."
            return tried
        catalogue = Catalogue(person)
        try:
            _form(tried, described, sent, choices, catalogue)
        except FormUnreadable as problem:
            tried.form_refusal = str(problem)
            tried.refusal = "The form cannot be shown, so nothing can be tried."
            return tried
        if any(tried.problems):
            return tried
        _try(tried, described, text, tree, person)
    return tried


def document_name(kept: Kept) -> str:
    return f"{kept.base}/template.yaml".lstrip("/")


@contextmanager
def _tree(draft: Draft, kept: Kept) -> Iterator[Tree]:
    """The files of both; what somebody wrote here goes before what was there."""
    files = dict(kept.files)
    for path, text in draft.files.items():
        if path:
            files[posixpath.normpath(posixpath.join(kept.base, path))] = text.encode("utf-8", "replace")
    with beside.tree_of(files) as tree:
        base = tree.root / kept.base
        base.mkdir(parents=True, exist_ok=True)
        yield Tree(tree.root, base)


def _template(text: str, tree: Tree) -> tuple[dict[str, Any] | None, str]:
    """The first Template, with its placeholders filled where they can be."""
    base = tree.base.relative_to(tree.root).as_posix()

    def read_beside(target: str) -> bytes:
        if "://" in target:
            raise Unreadable(f"{target} is in the web, which is not asked here.")
        return read(tree.root, posixpath.normpath(posixpath.join(base, target)))

    try:
        for one in yaml12.documents(text):
            if isinstance(one.value, dict) and one.value.get("kind") == "Template":
                return _filled(one.value, read_beside), "\n" * (one.line - 1) + one.text
    except yaml12.YamlError:
        pass  # the findings say where
    return None, ""


def _filled(value: dict[str, Any], read_beside: placeholders.Read) -> dict[str, Any]:
    try:
        filled: dict[str, Any] = placeholders.resolved(value, read_beside)
    except placeholders.PlaceholderFailed:
        return value  # the findings say which
    return filled


def _form(
    tried: Tried, described: Mapping[str, Any], sent: Sent, choices: dict[str, int], catalogue: Catalogue
) -> None:
    pages = pages_of(described)
    values: Values = {}
    readings: list[Reading] = []
    for _ in range(_ROUNDS):
        readings = []
        for page in pages:
            reading = _reading(page, sent, choices, values, catalogue)
            values |= reading.values
            readings.append(reading)
    tried.readings = readings
    tried.problems = [
        {**checking.problems_of(one.schema, {**values, **one.values}, catalogue), **one.problems}
        for one in readings
    ]
    tried.secrets = [q.name for one in readings for q in secret_answers.questions(one.schema)]


def _reading(
    page: Page, sent: Sent, choices: dict[str, int], values: Values, catalogue: Catalogue
) -> Reading:
    return read_page(page, catalogue, sent=sent, earlier=None, others=values, choices=choices)


def _try(tried: Tried, described: Mapping[str, Any], text: str, tree: Tree, person: User) -> None:
    values = {name: value for one in tried.readings for name, value in one.values.items()}
    if not isinstance(described.get("metadata"), Mapping):
        tried.refusal = "A template needs metadata with a name."
        return
    try:
        document.read(described)
        tried.outcome = dry_run.of_tree(
            described, values, tree, person=person, secrets=tried.secrets, text=text
        )
    except TemplateUnusable as refusal:
        tried.refusal = refusal.problems[0]
    except ControlError as refusal:
        tried.refusal = str(refusal)
