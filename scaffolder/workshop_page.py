"""What the workshop shows: the editor as it was left, findings, the form, and what would be created."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.shortcuts import get_object_or_404

from catalog.models import Entity
from control.models import User
from scaffolder import workshop
from scaffolder.errors import ActionFailed
from scaffolder.forms import repo_url, sent
from scaffolder.forms.fields import Field, every, fields_of
from scaffolder.forms.kinds import label_of
from scaffolder.forms.pickers import Catalogue
from scaffolder.forms.reading import Reading
from scaffolder.forms.schema import Path
from scaffolder.linting import Finding, Severity
from scaffolder.trial_page import Trial
from scaffolder.workshop import MAX_FILES, Draft, Kept, Tried

TEMPLATES_SHOWN = 200
FILES_SHOWN = 200
MISSING_SHOWN = 5
STARTER = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: my-service
  title: My service
  description: What somebody gets who chooses it
spec:
  type: service
  owner: group:default/platform
  parameters:
    - title: What it is
      required: [name]
      properties:
        name:
          title: Name
          type: string
          pattern: "^[a-z][a-z0-9-]*$"
          default: gift-cards
  steps:
    - id: files
      name: Write the files
      action: fetch:template
      input:
        url: ./skeleton
        values:
          name: ${{ parameters.name }}
  output:
    text:
      - title: Next
        content: Open **${{ parameters.name }}** and make it yours.
"""
STARTER_FILES = {"skeleton/README.md": "# ${{ values.name }}\n\nMade from a template.\n"}
_MARKS = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.HINT: "unknown"}


@dataclass(frozen=True)
class FileRow:
    number: int  # from 0
    path: str
    content: str

    @property
    def rows(self) -> int:
        return min(max(self.content.count("\n") + 2, 4), 30)


@dataclass(frozen=True)
class FindingRow:
    finding: Finding
    mark: str
    place: str  # `line 12`, or the file with its line
    line: int  # in the editor; 0 for other files


@dataclass(frozen=True)
class FormPage:
    title: str
    fields: list[Field]


@dataclass
class Editor:
    """The left side: what was written, and where it began."""

    draft: Draft
    template: Entity | None
    kept: Kept

    @property
    def lines(self) -> int:
        return self.draft.text.count("\n") + 1

    @property
    def files(self) -> list[FileRow]:
        return [FileRow(index, path, text) for index, (path, text) in enumerate(self.draft.files.items())]

    @property
    def may_add(self) -> bool:
        return len(self.draft.files) < MAX_FILES

    @property
    def others(self) -> list[str]:
        """Files of the template that are not open."""
        names = (path for path in sorted(self.kept.beside()) if path not in self.draft.files)
        return [path for path in names if self.kept.text_of(path) is not None][:FILES_SHOWN]


def begun(query: QueryDict, person: User) -> Editor:
    """A new visit: an example, or the template that `from` names."""
    template = find_template(query.get("from", ""), person)
    if template is None:
        return Editor(Draft(STARTER, STARTER_FILES), None, Kept())
    return Editor(Draft(template.source_text), template, workshop.kept_files(template))


def gone_on(post: QueryDict, person: User) -> Editor:
    """As the page was sent, after its buttons for files."""
    template = find_template(post.get("from", ""), person)
    kept = workshop.kept_files(template) if template else Kept()
    text = post.get("template", "").replace("\r\n", "\n").replace("\x00", "")
    return Editor(Draft(text, _files(post, kept)), template, kept)


def _files(post: QueryDict, kept: Kept) -> dict[str, str]:
    do, _, what = str(post.get("do", "")).partition(":")
    files: dict[str, str] = {}
    named = zip(post.getlist("file-path"), post.getlist("file-content"), strict=False)
    for number, (path, content) in enumerate(named):
        if not (do == "file-remove" and what == str(number)):
            files[_free(path.strip(), files)] = content.replace("\r\n", "\n").replace("\x00", "")
    if do == "file-add":
        files[_free("skeleton/new.txt", files)] = ""
    if do == "file-open" and (opened := kept.text_of(post.get("open", ""))) is not None:
        files[post.get("open", "")] = opened
    return files


def _free(path: str, taken: dict[str, str]) -> str:
    """Two rows of one name would be one file."""
    stem, ending = posixpath.splitext(path)
    count = 2
    while path in taken:
        path, count = f"{stem}-{count}{ending}", count + 1
    return path


def find_template(ref: str, person: User) -> Entity | None:
    """None when no template is asked for. Raises `Http404` for one that `person` does not see."""
    if not ref:
        return None
    visible = Entity.objects.visible_to(person).select_related("location").filter(kind="template")
    return get_object_or_404(visible, ref=ref.lower().replace("\x00", ""))


def choices(person: User) -> list[Entity]:
    """Templates to begin with."""
    found = Entity.objects.visible_to(person).filter(kind="template").order_by("name", "ref")
    return list(found.only("ref", "name", "title", "namespace")[:TEMPLATES_SHOWN])


def result_context(editor: Editor, post: QueryDict, person: User) -> dict[str, Any]:
    """The right side."""
    if problem := editor.draft.problem():
        return {"too_much": problem}
    tree, do, what = sent.read(post), *str(post.get("do", "")).partition(":")[::2]
    if do == "add":
        sent.add_row(tree, what)
    elif do == "remove":
        sent.remove_row(tree, what)
    try:
        tried = workshop.trying(editor.draft, editor.kept, tree, sent.read_choices(post), person)
    except ActionFailed as problem:
        return {"too_much": str(problem)}
    return _shown(tried, editor.kept, person, has_all=do == "try")


def _shown(tried: Tried, kept: Kept, person: User, *, has_all: bool) -> dict[str, Any]:
    counts = Counter(finding.severity for finding in tried.findings)
    catalogue = Catalogue(person)
    return {
        "findings": [_finding(one, kept) for one in tried.findings],
        "counts": {str(severity): counts[severity] for severity in Severity},
        "pages": [
            FormPage(one.page.title, _fields(one, problems, catalogue, has_all=has_all))
            for one, problems in zip(tried.readings, tried.problems, strict=True)
        ],
        "secrets": tried.secrets,
        "form_refusal": tried.form_refusal,
        "refusal": tried.refusal,
        "missing": _missing(tried),
        "trial": Trial(tried.outcome) if tried.outcome else None,
    }


def _finding(finding: Finding, kept: Kept) -> FindingRow:
    if finding.file == workshop.document_name(kept):
        return FindingRow(finding, _MARKS[finding.severity], f"line {finding.line}", finding.line)
    file = posixpath.relpath(finding.file, kept.base or ".")
    return FindingRow(finding, _MARKS[finding.severity], f"{file}, line {finding.line}", 0)


def _fields(
    reading: Reading, problems: dict[Path, str], catalogue: Catalogue, *, has_all: bool
) -> list[Field]:
    """What is not answered yet is no mistake before somebody tries. Nothing takes the focus from the editor."""
    shown = {path: words for path, words in problems.items() if has_all or _is_answered(reading, path)}
    drawn = fields_of(reading, catalogue, shown)
    for one in every(drawn):
        one.autofocus, one.decides = False, False
    return drawn


def _is_answered(reading: Reading, path: Path) -> bool:
    if path in reading.typed:
        # Of a repository, host and owner are chosen from the start: somebody has begun once it has a name.
        parts = repo_url.split(reading.typed[path])[1]
        return "?" not in reading.typed[path] or bool(parts.get("repo"))
    value: Any = reading.values
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return value not in (None, "", [], {})


def _missing(tried: Tried) -> list[str]:
    """The questions that the dry run waits for."""
    found = []
    for reading, problems in zip(tried.readings, tried.problems, strict=True):
        for path in problems:
            part = reading.schema.get("properties", {}).get(str(path[0]) if path else "", {})
            found.append(label_of(part, path[:1]) or "an answer")
    return list(dict.fromkeys(found))[:MISSING_SHOWN]
