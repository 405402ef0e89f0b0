"""The actions that steps of templates may name, each with its input, description and example."""

from __future__ import annotations

from scaffolder.actions import (
    cataloguing,
    debugging,
    fetching,
    files,
    gitea,
    github,
    github_more,
    gitlab,
    publishing,
)
from scaffolder.actions.base import Action

_ACTIONS = {
    action.name: action
    for action in (
        *fetching.ACTIONS,
        *publishing.ACTIONS,
        *github.ACTIONS,
        *github_more.ACTIONS,
        *gitlab.ACTIONS,
        *gitea.ACTIONS,
        *cataloguing.ACTIONS,
        *files.ACTIONS,
        *debugging.ACTIONS,
    )
}


def find(name: str) -> Action | None:
    return _ACTIONS.get(name)


def names() -> list[str]:
    return sorted(_ACTIONS)


def every() -> list[Action]:
    return [_ACTIONS[name] for name in names()]
