"""What a run would do, said before it does anything: its steps, and what changes outside of the workspace.

Expressions are rendered with the answers alone. What depends on earlier steps is not known yet and is said so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.capability import Change, Plan
from control.models import User
from scaffolder import actions
from scaffolder.actions.base import Action
from scaffolder.context import base_context
from scaffolder.document import Blueprint, Step
from scaffolder.errors import ActionFailed
from scaffolder.forms import review
from scaffolder.forms.kinds import kind_of, label_of
from scaffolder.forms.schema import FormUnreadable, Schema, pages_of
from scaffolder.forms.settle import settle
from scaffolder.templating import Budget, Renderer, TemplatingError, is_true

RUNS, SKIPPED, DEPENDS = "runs", "skipped", "depends"
MAX_ANSWER = 120  # characters of an answer among the facts
MAX_FACTS = 20
MAX_STEPS = 300_000  # of rendering: people wait for a plan, and each look at it makes it again
_NAMES = ("name", "component_id", "componentId", "componentName", "serviceName", "repoName", "title")
_LATER = re.compile(r"\b(?:steps|secrets|each)\b")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepForecast:
    step: Step
    verdict: str  # RUNS, SKIPPED or DEPENDS
    changes: tuple[Change, ...] = ()

    def as_data(self) -> dict[str, Any]:
        return {
            "index": self.step.index,
            "name": self.step.name,
            "action": self.step.action,
            "verdict": self.verdict,
        }


def plan_of(
    blueprint: Blueprint, document: Mapping[str, Any], values: Mapping[str, Any], person: User
) -> Plan:
    """Deterministic: the same template, answers and person give the same plan. Raises `TemplatingError`."""
    renderer = Renderer(base_context(values, person), shared=Budget(steps=MAX_STEPS, seconds=30))
    forecasts = [_forecast(step, renderer) for step in blueprint.steps]
    changes = tuple(change for forecast in forecasts for change in forecast.changes)
    name = next((str(values[key]) for key in _NAMES if isinstance(values.get(key), str) and values[key]), "")
    return Plan(
        title=f"{blueprint.title}: {name}"[:300] if name else blueprint.title[:300],
        summary=_summary(blueprint, forecasts, changes, person),
        changes=changes,
        facts=_facts(blueprint, document, values),
        data={
            "steps": [forecast.as_data() for forecast in forecasts],
            "template_digest": digest_of(document),
        },
    )


def changes_after(blueprint: Blueprint, index: int, context: Mapping[str, Any]) -> tuple[Change, ...]:
    """What the steps after `index` will change, as far as it is known in the middle of a run."""
    renderer = Renderer(context, shared=Budget(steps=MAX_STEPS, seconds=30))
    later = (_forecast(step, renderer) for step in blueprint.steps if step.index > index)
    return tuple(change for forecast in later for change in forecast.changes)


def digest_of(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _forecast(step: Step, renderer: Renderer) -> StepForecast:
    verdict = _verdict(step, renderer)
    if verdict == SKIPPED:
        return StepForecast(step, verdict)
    return StepForecast(step, verdict, _changes(step, renderer))


def _verdict(step: Step, renderer: Renderer) -> str:
    if step.condition is None:
        return RUNS
    if _depends_on_later(step.condition):
        return DEPENDS
    try:
        return RUNS if is_true(renderer.data(step.condition)) else SKIPPED
    except TemplatingError:
        return DEPENDS


def _depends_on_later(value: Any) -> bool:
    return isinstance(value, str) and bool(_LATER.search(value))


def _changes(step: Step, renderer: Renderer) -> tuple[Change, ...]:
    action = actions.find(step.action)
    if action is None:
        return ()
    try:
        return tuple(action.foresee(renderer.data(step.input)))
    except (ActionFailed, TemplatingError, AttributeError, TypeError, ValueError):
        # Not known before it runs, or wrong: then the step itself will say what is wrong.
        return _unknown(step, action)
    except Exception:  # other people's actions: a plan that cannot be made is no plan to hide
        log.exception("the plan of the action %s met a defect", action.name)
        return _unknown(step, action)


def _unknown(step: Step, action: Action) -> tuple[Change, ...]:
    """Approvers must not read that nothing changes outside because nobody can say yet what does."""
    if not action.changes_outside:
        return ()
    return (Change("~", action.name, f"what “{_short(step.name)}” changes is known when it runs"),)


def _summary(
    blueprint: Blueprint, forecasts: list[StepForecast], changes: tuple[Change, ...], person: User
) -> str:
    running = sum(forecast.verdict != SKIPPED for forecast in forecasts)
    steps = "1 step" if running == 1 else f"{running} steps"
    made = "" if changes else " Nothing outside changes."
    return f"Runs {steps} of “{blueprint.title}” for {person.label}.{made}"


def _facts(
    blueprint: Blueprint, document: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    """Every answer, also one that no page asks for, under the words of its question."""
    asked = _questions(document, values)
    answers = [_fact(str(name), value, asked.get(name, {})) for name, value in values.items()]
    more = len(answers) - MAX_FACTS
    rest = [("More answers", f"{more}")] if more > 0 else []
    return (("Template", blueprint.title), *answers[:MAX_FACTS], *rest)


def _questions(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Schema]:
    try:
        pages = pages_of(document)
    except FormUnreadable:
        return {}
    settled = (settle(page.schema, values, {}).get("properties", {}) for page in pages)
    return {name: part for parts in settled for name, part in parts.items()}


def _fact(name: str, value: Any, question: Schema) -> tuple[str, str]:
    is_repository = bool(question) and kind_of(question) == "repo"
    words = review.repository_words(str(value)) if is_repository else review.words_of(value)
    return label_of(question, (name,)), _short(words)


def _short(text: str) -> str:
    return text if len(text) <= MAX_ANSWER else f"{text[:MAX_ANSWER]}…"
