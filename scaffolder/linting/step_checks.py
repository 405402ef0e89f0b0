"""Whether the input of each step fits its action, as far as that shows before answers are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from scaffolder import actions
from scaffolder.actions.base import Action, told
from scaffolder.linting.findings import Path, Subject, nearest
from scaffolder.linting.uses import is_marked, read
from scaffolder.templating import TemplatingError

_SECRET_INPUTS = {"token", "password", "secret", "webhooksecret", "gitlabtoken", "apikey", "accesstoken"}
_NEAR = ("http://localhost", "http://127.0.0.1")
_ALSO_TAKEN = {"repoUrl"}  # by every action of a host, also where it is of no use


def check(subject: Subject) -> None:
    for index, step in subject.steps:
        at: list[str | int] = ["spec", "steps", index]
        _condition(subject, [*at, "if"], step)
        action = actions.find(str(step.get("action")))
        given = step.get("input")
        if action is None or not isinstance(given, dict | None):
            continue
        _input(subject, at, action, given or {})
        _unsafe(subject, [*at, "input"], given or {})


def _input(subject: Subject, at: Path, action: Action, given: Mapping[str, Any]) -> None:
    for error in _errors(action, given):
        words = told(action.name, error)[1]
        subject.error("input", [*at, "input", *error.absolute_path] if given else [*at, "action"], words)
    known = set(action.schema.get("properties", {}))
    if not known:
        return
    for name in given:
        if name not in known and name not in _ALSO_TAKEN and not is_marked(name):
            words = f"{action.name} takes no {name}; it is passed over."
            if suggestion := nearest(name, known):
                subject.warning("unknown-input", [*at, "input", name], words + suggestion)
            else:
                subject.hint("unknown-input", [*at, "input", name], f"{words} Take it out.")


def _errors(action: Action, given: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Those that no answer can put right: what holds an expression may become anything."""
    for error in Draft202012Validator(dict(action.schema)).iter_errors(dict(given)):
        if not (isinstance(error.instance, str) and is_marked(error.instance)) and not _may_be_missing(error):
            yield error


def _may_be_missing(error: ValidationError) -> bool:
    """Keys that are expressions themselves may bring any name."""
    return isinstance(error.instance, dict) and any(is_marked(str(key)) for key in error.instance)


def _condition(subject: Subject, at: Path, step: Mapping[str, Any]) -> None:
    if "if" not in step:
        return
    condition = step["if"]
    if isinstance(condition, bool):
        words = "The step always runs" if condition else "The step never runs"
        subject.warning(
            "constant-if", at, f"{words}: its condition is constant. Write an expression, or take it out."
        )
        return
    if not isinstance(condition, str):
        return
    if not is_marked(condition):
        words = (
            f"“{condition[:60]}” is a text, which is always true. Write ${{{{ … }}}} around the condition."
        )
        subject.warning("constant-if", at, words)
        return
    try:
        found = read(condition)
    except TemplatingError:
        return  # told where expressions are checked
    if found.constant:
        subject.warning(
            "constant-if", at, "The condition is constant. Compare it with an answer, or take it out."
        )
    elif not found.is_single and "{%" not in condition:
        words = "With text around the expression the condition is a text, which is always true. Put all of it inside."
        subject.warning("constant-if", at, words)


def _unsafe(subject: Subject, at: Path, given: Mapping[str, Any]) -> None:
    if given.get("insecureSsl") is True:
        words = (
            "Events are sent to whoever answers there: certificates are not checked. Take insecureSsl out."
        )
        subject.warning("unsafe", [*at, "insecureSsl"], words)
    for name, text in given.items():
        if not isinstance(text, str) or not text or is_marked(text):
            continue
        if name.lower().replace("_", "") in _SECRET_INPUTS:
            words = "A secret stands here in clear. Ask for it with ui:field: Secret, and write ${{ secrets.name }}."
            subject.error("secret", [*at, name], words)
        elif text.startswith("http://") and not text.startswith(_NEAR):
            words = "http:// is neither encrypted nor sure of who answers. Use https:// if the host has it."
            subject.warning("unsafe", [*at, name], words)
