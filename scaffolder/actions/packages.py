"""Actions of installed Python packages, found by the entry point group `portico.actions`.

One that cannot be used is named with its reason and left out; whatever it does, the others stay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from scaffolder.actions.base import Action
from scaffolder.actions.typed import ActionInvalid, TypedAction

GROUP = "portico.actions"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """`detail` may hold what a package's code says, so it is for administrators and the log."""

    package: str
    words: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.package}: {self.words} {self.detail}".strip()


@dataclass(frozen=True)
class Found:
    actions: dict[str, Action]
    problems: tuple[Problem, ...]


def read(own: Mapping[str, Action]) -> Found:
    """Portico's own actions, then those of packages, by the name of the package: a name that is taken stays taken."""
    actions: dict[str, Action] = dict(own)
    problems: list[Problem] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (_package(point), point.name)):
        offered, problem = _offered(point)
        problems += [problem] if problem else []
        for one in offered:
            if one.name in actions:
                problems.append(_clash(point, one, actions[one.name]))
            else:
                actions[one.name] = replace(one, origin=_package(point))
    return Found(actions, tuple(problems))


def _offered(point: EntryPoint) -> tuple[list[TypedAction], Problem | None]:
    """What it stands for: one action, or a list of them."""
    package = _package(point)
    try:
        found: Any = point.load()
        listed = list(found) if isinstance(found, Iterable) else [found]
    except ActionInvalid as problem:
        return [], Problem(package, f"An action of {point.value} is not as it must be.", str(problem))
    except (Exception, SystemExit) as defect:
        log.warning("%s of %s cannot be imported", point.value, package, exc_info=True)
        detail = f"{type(defect).__name__}: {defect}"
        return [], Problem(package, f"{point.value} cannot be imported.", detail)
    offered = [one for one in listed if isinstance(one, TypedAction)]
    if offered and len(offered) == len(listed):
        return offered, None
    words = f"{point.value} must be an action, or a list of actions, made by scaffolder.plugin.action."
    return offered, Problem(package, words)


def _clash(point: EntryPoint, one: Action, taken: Action) -> Problem:
    holder = taken.origin or "Portico itself"
    return Problem(_package(point), f"The name {one.name} is taken by {holder}. Give it another name.")


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value.partition(":")[0]
