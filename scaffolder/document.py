"""A Template entity as the scaffolder reads it: its steps and its output. The form reads the parameters itself.

Placeholders (`$yaml`, `$text`) are in place already: the catalogue resolves them when it reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from scaffolder import actions
from scaffolder.errors import TemplateUnusable

API_VERSION = "scaffolder.backstage.io/v1beta3"
MAX_STEPS = 200


@dataclass(frozen=True)
class Step:
    """`index` counts from 0. `condition` and `each` are as written: not rendered yet; None where there is none."""

    index: int
    id: str
    name: str
    action: str
    input: Mapping[str, Any] = field(default_factory=dict)
    condition: Any = None
    each: Any = None

    @property
    def words(self) -> str:
        """How people call it: `step 3 (Deploy)`."""
        return f"step {self.index + 1} ({self.name})"


@dataclass(frozen=True)
class Blueprint:
    """What a run of a template does."""

    title: str
    steps: tuple[Step, ...]
    output: Mapping[str, Any]


def read(document: Mapping[str, Any]) -> Blueprint:
    """Raises `TemplateUnusable` with every reason why it cannot run here."""
    if problems := problems_of(document):
        raise TemplateUnusable(problems)
    metadata, spec = document["metadata"], document["spec"]
    output = spec.get("output")
    return Blueprint(
        title=str(metadata.get("title") or metadata.get("name")),
        steps=tuple(_step(index, raw) for index, raw in enumerate(spec["steps"])),
        output=output if isinstance(output, Mapping) else {},
    )


def problems_of(document: Mapping[str, Any]) -> list[str]:
    """Why a template cannot run here, one sentence each, the most basic first; empty when it can."""
    version = document.get("apiVersion")
    if version != API_VERSION:
        return [f"This template is written for {version}. Portico runs {API_VERSION}."]
    spec = document.get("spec")
    steps = spec.get("steps") if isinstance(spec, Mapping) else None
    if not isinstance(steps, list) or not steps:
        return ["This template has no steps. Add a list under spec.steps."]
    if len(steps) > MAX_STEPS:
        return [f"This template has {len(steps)} steps; at most {MAX_STEPS} are run. Split it."]
    return [problem for index, raw in enumerate(steps) for problem in _problems_of_step(index, raw)]


def _problems_of_step(index: int, raw: Any) -> list[str]:
    if not isinstance(raw, Mapping):
        return [f"Step {index + 1} is not a map with an action. Write it as `- action: …`."]
    if "$yaml" in raw:
        return [
            f"Step {index + 1}: {raw['$yaml']} could not be read. Check that the file is there, then refresh."
        ]
    step = _step(index, raw)
    if not step.action:
        return [f"Step {index + 1} names no action. Add one, for example `action: debug:log`."]
    if actions.find(step.action) is None:
        words = f"This template uses the action {step.action} in {step.words}, which Portico does not have."
        near = get_close_matches(step.action, actions.names(), n=3)
        hint = f"It has {' and '.join(near)}." if near else "The page of actions lists all that it has."
        return [f"{words} {hint}"]
    if "input" in raw and not isinstance(raw["input"], Mapping | None):
        return [f"The input of {step.words} is not a map of names and values."]
    return []


def _step(index: int, raw: Mapping[str, Any]) -> Step:
    identity = str(raw.get("id") or f"step-{index + 1}")
    given = raw.get("input")
    return Step(
        index=index,
        id=identity,
        name=str(raw.get("name") or raw.get("id") or raw.get("action")),
        action=str(raw.get("action") or ""),
        input=given if isinstance(given, Mapping) else {},
        condition=raw.get("if"),
        each=raw.get("each"),
    )
