"""What expressions of template.yaml name: questions, steps and their outputs, secrets, filters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scaffolder import actions
from scaffolder.linting.findings import Path, Subject, nearest
from scaffolder.linting.form_checks import Questions
from scaffolder.linting.uses import Read, Use, is_marked, read, texts_in
from scaffolder.templating import TemplatingError
from scaffolder.templating.conditions import TESTS
from scaffolder.templating.evaluate import FILTERS

_NAMES = {"parameters", "steps", "secrets", "each", "user", "context", "range"}
_WRITES = {"fetch:template", "catalog:write"}  # their input ends in files


@dataclass
class _Place:
    """Where an expression stands: in a step (its index), or in the output."""

    step: int | None
    has_each: bool = False
    action: str = ""
    part: str = ""  # input, if, each, output


@dataclass
class _References:
    subject: Subject
    questions: Questions
    ids: dict[str, int]
    used: set[str] = field(default_factory=set)
    uses_all: bool = False


def check(subject: Subject, questions: Questions) -> None:
    ids = {str(step.get("id") or f"step-{index + 1}"): index for index, step in subject.steps}
    references = _References(subject, questions, ids)
    for index, step in subject.steps:
        for part in ("name", "if", "each", "input"):
            place = _Place(index, "each" in step, str(step.get("action")), part)
            _texts(references, step.get(part), ["spec", "steps", index, part], place)
    _texts(references, subject.spec.get("output"), ["spec", "output"], _Place(None, part="output"))
    _unused(references)


def _texts(references: _References, value: Any, at: Path, place: _Place) -> None:
    for below, text in texts_in(value):
        if not is_marked(text) or place.part == "name":
            continue
        path = [*at, *below]
        try:
            found = read(text)
        except TemplatingError as problem:
            references.subject.error("expression", path, problem.problem, problem.line or 1)
            continue
        for words, line in function_problems(found):
            references.subject.error("filter", path, words, line)
        for use in found.uses:
            if use.parts[0] not in found.local:
                _use(references, use, path, place)


def function_problems(found: Read, also: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
    """Filters and tests that are not there, with the line of the text."""
    for name, line in found.filters:
        if name not in FILTERS and name not in also:
            yield f"There is no filter {name}.{nearest(name, FILTERS)}", line
    for name, line in found.tests:
        if name not in TESTS:
            yield f"There is no test {name} after `is`.{nearest(name, TESTS)}", line


def _use(references: _References, use: Use, path: Path, place: _Place) -> None:
    root = use.parts[0]
    kinds: dict[str, Callable[[_References, Use, Path, _Place], None]] = {
        "parameters": _parameter,
        "steps": _step,
        "secrets": _secret,
        "each": _each,
    }
    if root in kinds:
        kinds[root](references, use, path, place)
    elif root not in _NAMES:
        words = f"There is no {root} here, so this is empty. Expressions know {', '.join(sorted(_NAMES - {'range'}))}."
        if root in references.questions.names:
            words += f" Write parameters.{root}."
        references.subject.warning("unknown-name", path, words, use.line)


def _parameter(references: _References, use: Use, path: Path, place: _Place) -> None:
    if len(use.parts) == 1:
        references.uses_all = True
        return
    name = use.parts[1]
    references.used.add(name)
    known = references.questions
    if name in known.names or not known.is_complete:
        if name in known.secrets:
            words = f"{name} is a secret, which is no parameter. Write secrets.{name}."
            references.subject.error("secret", path, words, use.line)
        return
    words = f"The form asks nothing called {name}, so this is empty.{nearest(name, known.names)}"
    tell = references.subject.warning if use.is_guarded or place.part == "if" else references.subject.error
    tell("unknown-parameter", path, words, use.line)


def _step(references: _References, use: Use, path: Path, place: _Place) -> None:
    if len(use.parts) == 1:
        return
    name = use.parts[1]
    index = references.ids.get(name)
    tell = references.subject.error
    if index is None and not references.subject.is_whole:
        return
    if index is None:
        whole = next((one for one in references.ids if one.startswith(f"{name}-")), "")
        hint = f" Write steps['{whole}']." if whole else nearest(name, references.ids)
        tell("unknown-step", path, f"There is no step with the id {name}.{hint}", use.line)
        return
    if place.step is not None and index >= place.step:
        words = f"Step {index + 1} ({name}) has not run yet here. Move it before this one."
        tell("later-step", path, words, use.line)
        return
    if len(use.parts) > 2 and use.parts[2] != "output":
        tell(
            "unknown-output",
            path,
            f"A step has only output. Write steps.{name}.output.{use.parts[2]}.",
            use.line,
        )
    elif len(use.parts) > 3:
        _output(references, use, path, index)


def _output(references: _References, use: Use, path: Path, index: int) -> None:
    raw = dict(references.subject.steps).get(index, {})
    action = actions.find(str(raw.get("action")))
    if action is None or "each" in raw:
        return
    known, name = action.output.get("properties", {}), use.parts[3]
    if name in known:
        return
    gives = f"It gives {', '.join(known)}." if known else "It gives nothing."
    words = f"{action.name} has no output {name}, so this is empty.{nearest(name, known)} {gives}"
    tell = references.subject.warning if use.is_guarded else references.subject.error
    tell("unknown-output", path, words, use.line)


def _secret(references: _References, use: Use, path: Path, place: _Place) -> None:
    subject = references.subject
    if place.part in ("if", "each"):
        words = "Conditions and loops see no secrets, so this is empty. Ask with a question of its own."
        subject.error("secret", path, words, use.line)
    elif place.part == "output":
        words = "Outputs see no secrets, because everybody who sees the run reads them. Take it out."
        subject.error("secret", path, words, use.line)
    elif place.action == "debug:log":
        subject.warning(
            "secret", path, "A secret in the log is masked, so nobody can read it. Take it out.", use.line
        )
    elif place.action in _WRITES:
        words = "The secret would stand in the files that are published. Hand over where it is kept instead."
        subject.warning("secret", path, words, use.line)
    if (
        len(use.parts) > 1
        and references.questions.is_complete
        and use.parts[1] not in references.questions.secrets
    ):
        words = f"The form asks for no secret {use.parts[1]}, so this is empty."
        subject.warning(
            "unknown-secret", path, words + nearest(use.parts[1], references.questions.secrets), use.line
        )


def _each(references: _References, use: Use, path: Path, place: _Place) -> None:
    if not place.has_each or place.part == "each":
        words = "each is known only in the input of a step that has `each`."
        references.subject.error("each", path, words, use.line)


def _unused(references: _References) -> None:
    if references.uses_all:
        return
    questions = references.questions
    for name, at in questions.names.items():
        if name not in references.used | questions.decides | questions.secrets:
            words = f"No step uses the answer to {name}. Use it, or do not ask."
            references.subject.hint("unused-parameter", at, words)
