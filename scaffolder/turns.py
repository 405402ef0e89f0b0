"""How often a step is done: not at all, once, or once for each entry of its `each`. The same for runs and dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaffolder.document import Step
from scaffolder.errors import ActionFailed
from scaffolder.templating import Budget, Renderer, is_true

MAX_TURNS = 200  # of one step with `each`


def is_wanted(step: Step, context: Mapping[str, Any], budget: Budget | None = None) -> bool:
    """Whether its `if` holds; as in Backstage, a condition sees no secrets. Raises `TemplatingError`."""
    if step.condition is None:
        return True
    renderer = Renderer(context, shared=budget)
    return is_true(renderer.data(step.condition, where=f"if of {step.words}"))


def entries_of(step: Step, context: Mapping[str, Any], budget: Budget | None = None) -> list[tuple[str, Any]]:
    """Key and value of each entry of its `each`. Raises `TemplatingError`, or `ActionFailed` for what is no list."""
    found = Renderer(context, shared=budget).data(step.each, where=f"each of {step.words}")
    if isinstance(found, Mapping):
        entries = [(str(key), value) for key, value in found.items()]
    elif isinstance(found, list):
        entries = [(str(index), value) for index, value in enumerate(found)]
    elif not found:
        entries = []
    else:
        raise ActionFailed(
            f"each of {step.words} gives {type(found).__name__}; it must give a list or a map."
        )
    if len(entries) > MAX_TURNS:
        raise ActionFailed(f"each of {step.words} gives {len(entries)} entries; at most {MAX_TURNS} are run.")
    return entries


def gathered(outputs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The outputs of all turns: each a list, with one item for each turn that gave it."""
    collected: dict[str, list[Any]] = {}
    for output in outputs:
        for name, item in output.items():
            collected.setdefault(name, []).append(item)
    return collected
