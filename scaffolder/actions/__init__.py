"""The actions that steps of templates may name, each with its input, description and example.

Those of installed packages are read when somebody first asks, for they import what needs the portal to be set up.
"""

from __future__ import annotations

from functools import cache

from scaffolder.actions import (
    annotating,
    asking,
    cataloguing,
    cookiecutter,
    data,
    debugging,
    fetching,
    files,
    gitea,
    github,
    github_more,
    gitlab,
    packages,
    publishing,
    reading,
    requesting,
    telling,
    writing,
)
from scaffolder.actions.base import Action
from scaffolder.actions.packages import Found, Problem

_OWN = {
    action.name: action
    for action in (
        *fetching.ACTIONS,
        *cookiecutter.ACTIONS,
        *publishing.ACTIONS,
        *github.ACTIONS,
        *github_more.ACTIONS,
        *gitlab.ACTIONS,
        *gitea.ACTIONS,
        *cataloguing.ACTIONS,
        *annotating.ACTIONS,
        *files.ACTIONS,
        *reading.ACTIONS,
        *writing.ACTIONS,
        *data.ACTIONS,
        *requesting.ACTIONS,
        *asking.ACTIONS,
        *telling.ACTIONS,
        *debugging.ACTIONS,
    )
}


@cache
def _found() -> Found:
    return packages.read(_OWN)


def find(name: str) -> Action | None:
    return _found().actions.get(name)


def names() -> list[str]:
    return sorted(_found().actions)


def every() -> list[Action]:
    return [_found().actions[name] for name in names()]


def problems() -> tuple[Problem, ...]:
    """What packages offer that cannot be used, and why."""
    return _found().problems


def read_again() -> None:
    """Look for packages anew, as a process does when it starts."""
    _found.cache_clear()
