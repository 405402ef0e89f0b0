"""What a dry run left, compared with what a test expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from control.rule_test_run import Failure
from scaffolder.dry_run import DONE, FORESEEN, SKIPPED, File, Outcome
from scaffolder.errors import ActionFailed
from scaffolder.globs import matching
from scaffolder.template_tests.reading import Case, FileExpected

SHOWN = 120  # characters of a value in a message


def failures_of(case: Case, outcome: Outcome) -> Iterator[Failure]:
    expect = case.expect
    words = outcome.problem.words if outcome.problem else ""
    if not expect.fails and words:
        yield Failure(case.line, f"{_failed_step(outcome)}: {words}")
        return
    if expect.fails and expect.fails not in words:
        found = f"it says: {words}" if words else "no step fails"
        yield Failure(case.line_of("fails"), f"A step should fail with “{expect.fails}”, but {found}.")
    yield from _patterns(case, outcome)
    files = {file.path: file for file in outcome.files}
    for one in expect.files:
        yield from _file(case, one, files)
    yield from _steps(case, outcome)
    changes = [f"{change.where}: {change.what}" for change in outcome.changes]
    for index, said in enumerate(expect.changes):
        if not any(said in change for change in changes):
            listed = "; ".join(changes) or "nothing"
            yield Failure(case.line_of("changes", index), f"Nothing outside changes with “{said}”: {listed}.")
    yield from _different(case, expect.output, outcome.output, ())


def refusals(case: Case, problems: Mapping[str, str]) -> Iterator[Failure]:
    """Answers that the form refuses: `problems` are the words at each field."""
    for name, words in case.expect.errors.items():
        if name not in problems:
            others = ", ".join(problems) or "none"
            yield Failure(case.line_of("errors", name), f"{name} is not refused. Fields that are: {others}.")
        elif words not in problems[name]:
            yield Failure(case.line_of("errors", name), f"{name} is refused with: {problems[name]}")
    if not case.expect.errors:
        for name, words in problems.items():
            yield Failure(case.line, f"The form refuses {name}: {words}")


def _failed_step(outcome: Outcome) -> str:
    problem = outcome.problem
    if problem is None or problem.step is None:
        return "The template fails"
    line = f", line {problem.line}" if problem.line else ""
    return f"Step {problem.step + 1} ({outcome.steps[problem.step].step.name}{line}) fails"


def _patterns(case: Case, outcome: Outcome) -> Iterator[Failure]:
    paths = [file.path for file in outcome.files]
    for name, wanted in (("exists", True), ("absent", False)):
        for index, pattern in enumerate(getattr(case.expect, name)):
            line = case.line_of(name, index)
            try:
                found = sorted(matching(paths, [pattern]))
            except ActionFailed as problem:
                yield Failure(line, str(problem))
                continue
            if wanted and not found:
                yield Failure(line, f"There is no {pattern}. There are: {_listed(paths)}.")
            elif not wanted and found:
                yield Failure(line, f"{pattern} should not be there, but there is {_listed(found)}.")


def _file(case: Case, expected: FileExpected, files: Mapping[str, File]) -> Iterator[Failure]:
    at = ("files", expected.path)
    found = files.get(expected.path)
    if found is None:
        yield Failure(case.line_of(*at), f"There is no {expected.path}. There are: {_listed(files)}.")
        return
    text = found.text
    if text is None or found.is_cut:
        yield Failure(case.line_of(*at), f"{expected.path} is no text of a size that is compared.")
        return
    if expected.equals is not None and expected.equals.rstrip("\n") != text.rstrip("\n"):
        words = f"{expected.path} is different: {_first_difference(expected.equals, text)}"
        yield Failure(case.line_of(*at, "equals"), words)
    for index, part in enumerate(expected.contains):
        if part not in text:
            words = f"{expected.path} does not contain “{_short(part)}”."
            yield Failure(case.line_of(*at, "contains", index), words)
    for index, part in enumerate(expected.lacks):
        if part in text:
            line = text[: text.index(part)].count("\n") + 1
            words = f"{expected.path} contains “{_short(part)}” in its line {line}."
            yield Failure(case.line_of(*at, "lacks", index), words)


def _first_difference(expected: str, found: str) -> str:
    wanted, given = expected.rstrip("\n").split("\n"), found.rstrip("\n").split("\n")
    for number, (one, other) in enumerate(zip(wanted, given, strict=False), 1):
        if one != other:
            return f"line {number} is “{_short(other)}”, not “{_short(one)}”."
    return f"it has {len(given)} lines, not {len(wanted)}."


def _steps(case: Case, outcome: Outcome) -> Iterator[Failure]:
    states = {one.step.id: one.state for one in outcome.steps}
    for name, wanted in (("skipped", (SKIPPED,)), ("ran", (DONE, FORESEEN))):
        for index, identity in enumerate(getattr(case.expect, name)):
            line = case.line_of(name, index)
            if identity not in states:
                yield Failure(line, f"There is no step {identity}. Steps are {_listed(states)}.")
            elif states[identity] not in wanted:
                yield Failure(line, f"The step {identity} is {states[identity]}.")


def _different(case: Case, expected: Any, found: Any, at: tuple[str | int, ...]) -> Iterator[Failure]:
    """Maps may hold more than is expected; lists and values must be the same."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key, value in expected.items():
            yield from _different(case, value, found.get(key), (*at, key))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, value in enumerate(expected):
            yield from _different(case, value, found[index], (*at, index))
    elif expected != found:
        name = ".".join(map(str, ("output", *at)))
        yield Failure(
            case.line_of("output", *at), f"{name} is {_short(repr(found))}, not {_short(repr(expected))}."
        )


def _listed(names: Any) -> str:
    listed = list(names)
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return ", ".join(listed[:10]) + more if listed else "none"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
