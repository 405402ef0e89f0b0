"""Runs TemplateTests. Nothing is read but the template's own repository; nothing is written or called."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog import placeholders, yaml12
from catalog.errors import Unreadable
from catalog.tree import Tree, read
from control.errors import ControlError, InvalidParameters
from control.models import User
from control.rule_test_run import Failure
from scaffolder import answers, dry_run
from scaffolder.forms import pickers, secret_answers
from scaffolder.forms.defaults import MISSING, default_of
from scaffolder.forms.schema import FormUnreadable, Values, pages_of
from scaffolder.forms.settle import settle
from scaffolder.forms.validator import patience
from scaffolder.template_tests.comparing import failures_of, refusals
from scaffolder.template_tests.reading import Case

ROUNDS = 5  # defaults open questions that have defaults


@dataclass(frozen=True)
class Result:
    case: Case
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.failures


class Unusable(Exception):
    """A template that no case can be tried with."""


class _AnyCatalogue(pickers.Catalogue):
    """Takes every reference: a test needs no catalogue to choose from."""

    own_refs: list[str] = []
    tags: list[str] = []

    def offer(self, what: pickers.Wanted) -> pickers.Offer:  # noqa: ARG002  as its base
        return pickers.Offer((), is_whole=True)

    def find(self, what: pickers.Wanted, text: str) -> str | None:  # noqa: ARG002  as its base
        return text or None


def run(cases: Iterable[Case]) -> list[Result]:
    """Every case, in the order given."""
    return [_run(case) for case in cases]


def _run(case: Case) -> Result:
    begun_at = time.monotonic()
    try:
        with patience():
            failures = tuple(_failures(case))
    except (Unusable, ControlError) as problem:
        failures = (Failure(case.line, str(problem)),)
    return Result(case, failures, time.monotonic() - begun_at)


def _failures(case: Case) -> list[Failure]:
    tree = Tree(_root_of(case.template), case.template.parent.resolve())
    described, text = _template(case.template, tree)
    person = User(username=case.given.user_ref.rpartition("/")[2], entity_ref=case.given.user_ref)
    catalogue = _AnyCatalogue(person)
    try:
        values = _with_defaults(described, case.given.answers, catalogue)
        checked = answers.checked_values(described, values, person, catalogue)
    except InvalidParameters as problem:
        return list(refusals(case, problem.fields))
    except FormUnreadable as problem:
        raise Unusable(str(problem)) from None
    if case.expect.errors:
        return list(refusals(case, {}))
    outcome = dry_run.of_tree(
        described,
        checked,
        tree,
        person=person,
        secrets=_secrets(described, checked),
        text=text,
        context={"user": {"entity": dict(case.given.user_entity), "ref": case.given.user_ref}, "context": {}},
        entities=case.given.entities,
    )
    return list(failures_of(case, outcome))


def _root_of(template: Path) -> Path:
    """The repository around it, else its folder."""
    folder = template.parent.resolve()
    return next((one for one in [folder, *folder.parents] if (one / ".git").exists()), folder)


def _template(path: Path, tree: Tree) -> tuple[dict[str, Any], str]:
    """The first Template of a file, with its placeholders filled. Raises `Unusable`."""
    base = tree.base.relative_to(tree.root).as_posix()

    def beside(target: str) -> bytes:
        if "://" in target:
            raise Unreadable(f"{target} is in the web, which tests do not ask.")
        return read(tree.root, posixpath.normpath(posixpath.join(base, target)))

    try:
        text = yaml12.decode(path.read_bytes())
        for document in yaml12.documents(text):
            if document.error:
                raise Unusable(f"{path.as_posix()}, line {document.error.line}: {document.error}")
            if isinstance(document.value, dict) and document.value.get("kind") == "Template":
                described: dict[str, Any] = placeholders.resolved(document.value, beside)
                return described, "\n" * (document.line - 1) + document.text
    except (OSError, yaml12.YamlError, placeholders.PlaceholderFailed) as problem:
        raise Unusable(f"{path.as_posix()} cannot be read. {problem}") from None
    raise Unusable(f"{path.as_posix()} holds no document of kind: Template.")


def _with_defaults(
    described: Mapping[str, Any], given: Mapping[str, Any], catalogue: pickers.Catalogue
) -> Values:
    """The answers, with the defaults of questions that are left out, as the form shows them."""
    values: Values = dict(given)
    pages = pages_of(described)
    for _ in range(ROUNDS):
        before = dict(values)
        for page in pages:
            for name, part in settle(page.schema, values, {}).get("properties", {}).items():
                default = default_of(part, catalogue)
                if name not in values and default is not MISSING:
                    values[name] = default
        if values == before:
            break
    return values


def _secrets(described: Mapping[str, Any], values: Values) -> list[str]:
    schemas = (settle(page.schema, values, {}) for page in pages_of(described))
    return [question.name for schema in schemas for question in secret_answers.questions(schema)]
