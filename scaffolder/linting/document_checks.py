"""The envelope of a template, and its list of steps."""

from __future__ import annotations

from typing import Any

from catalog.placeholders import NAMES
from catalog.validate import faults_of
from scaffolder import actions
from scaffolder.document import API_VERSION, MAX_STEPS
from scaffolder.linting.findings import Subject, nearest

_STEP_KEYS = {"id", "name", "action", "input", "if", "each", "backstage:permissions"}


def check(subject: Subject) -> None:
    version = subject.document.get("apiVersion")
    if version != API_VERSION:
        words = (
            f"apiVersion is {version}; Portico runs {API_VERSION}. Write that, and change the template to it."
        )
        subject.error("api-version", ["apiVersion"], words)
        return
    for fault in faults_of(subject.document):
        if tuple(fault.path[:2]) != ("spec", "steps"):
            subject.error("entity", fault.path, fault.message)
    _steps(subject)


def _steps(subject: Subject) -> None:
    found = subject.spec.get("steps")
    if not isinstance(found, list) or not found:
        subject.error("steps", ["spec", "steps"], "This template has no steps. Add a list under spec.steps.")
        return
    if len(found) > MAX_STEPS:
        words = f"This template has {len(found)} steps; at most {MAX_STEPS} are run. Split it."
        subject.error("steps", ["spec", "steps", MAX_STEPS], words)
    seen: dict[str, int] = {}
    for index, raw in enumerate(found[:MAX_STEPS]):
        _step(subject, index, raw)
        if not isinstance(raw, dict) or not raw.get("id"):
            continue
        identity = str(raw["id"])
        if identity in seen:
            words = f"Step {seen[identity] + 1} has the id {identity} too, so its outputs are lost. Give each its own."
            subject.error("step-id", ["spec", "steps", index, "id"], words)
        seen.setdefault(identity, index)


def _step(subject: Subject, index: int, raw: Any) -> None:
    at: list[str | int] = ["spec", "steps", index]
    if not isinstance(raw, dict):
        subject.error(
            "steps", at, f"Step {index + 1} is not a map with an action. Write it as `- action: …`."
        )
        return
    if not NAMES.isdisjoint(raw):
        return  # told where placeholders are filled
    name = raw.get("action")
    if not isinstance(name, str) or not name:
        words = f"Step {index + 1} names no action. Add one, for example `action: debug:log`."
        subject.error("action", at, words)
    elif actions.find(name) is None:
        words = f"Portico has no action {name}.{nearest(name, actions.names())} See the page of actions."
        subject.error("action", [*at, "action"], words)
    if not isinstance(raw.get("input"), dict | None):
        words = f"The input of step {index + 1} is not a map of names and values."
        subject.error("input", [*at, "input"], words)
    for key in raw:
        if key not in _STEP_KEYS:
            words = f"A step has no {key}; it is passed over.{nearest(key, _STEP_KEYS)}"
            subject.warning("step-key", [*at, key], words)
