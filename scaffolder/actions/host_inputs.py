"""Inputs that the actions of all hosts share, and what they say about what they change."""

from __future__ import annotations

from typing import Any

from control.capability import Change
from scaffolder.actions.base import Input, Output, object_schema, text, texts
from scaffolder.hosting import places
from scaffolder.hosting.places import Place
from scaffolder.hosting.pushing import DEFAULT_BRANCH, Pushed

REPO_URL: dict[str, Any] = {
    "repoUrl": text("What the repository picker gives: host?owner=OWNER&repo=NAME"),
    "token": text("A token to use instead of the portal's own, best from ${{ secrets.… }}"),
}
COMMIT: dict[str, Any] = {
    "sourcePath": text("The folder of the workspace to publish; by default all of it"),
    "gitAuthorName": text("The author of the commit; by default who started the run"),
    "gitAuthorEmail": text("The author's address"),
}
FIRST_COMMIT: dict[str, Any] = {
    **COMMIT,
    "defaultBranch": text("The branch to push; main by default"),
    "gitCommitMessage": text("The message of the commit; “Initial commit” by default"),
}
REPOSITORY = object_schema(
    remoteUrl=text("The address to clone from"),
    repoContentsUrl=text("Where its files are read, for catalog:register"),
    commitHash=text("The commit that was pushed"),
)
TOPICS = texts("Topics of the repository")


def visibility(*more: str) -> dict[str, Any]:
    return {
        "type": "string",
        "enum": ["private", "public", *more],
        "description": "Who may see it; private by default",
    }


def published(place: Place, given: Input, pushed: Pushed) -> Output:
    branch = given.get("defaultBranch") or DEFAULT_BRANCH
    return {
        "remoteUrl": f"{place.page}.git",
        "repoContentsUrl": place.contents(branch),
        "commitHash": pushed.commit,
    }


def new_repository(given: Input) -> list[Change]:
    named = places.named(given)
    seen = given.get("repoVisibility") or "private"
    branch = given.get("defaultBranch") or DEFAULT_BRANCH
    return [Change("+", named.host, f"{seen} repository {named.full_name}, branch {branch}")]


def one_change(sign: str, words: str, given: Input) -> list[Change]:
    """`words` with the repository's name after it."""
    named = places.named(given)
    return [Change(sign, named.host, f"{words} {named.full_name}")]


def left_out(given: Input, names: tuple[str, ...]) -> str:
    """A sentence about inputs of Backstage that have no effect here; empty when none of them is given."""
    found = [name for name in names if given.get(name)]
    return f"Left out, for Portico does not do this: {', '.join(found)}." if found else ""
