"""What GitHub and GitLab say in their messages, in terms that do not depend on the host.

Pure functions of a payload; they raise KeyError, TypeError or the like for one that is not of that shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_BRANCH = "refs/heads/"
_GITHUB_REPOSITORY = frozenset({"repository"})
_GITHUB_PEOPLE = frozenset({"membership", "team", "organization", "member"})
_GITLAB_PEOPLE = frozenset(
    {
        *("user_add_to_group", "user_remove_from_group", "user_update_for_group"),
        *("group_create", "group_destroy", "group_rename", "subgroup_create", "subgroup_destroy"),
    }
)
_NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Push:
    """New commits on a branch. `paths` None: which files changed is not told, so any may have."""

    host: str
    repository: str  # full name
    branch: str
    is_default: bool
    paths: frozenset[str] | None
    shape_changed: bool  # files came or went, so a pattern may find others


@dataclass(frozen=True)
class Change:
    """An owner's repositories (`what` is "repositories") or people ("people") are not as they were."""

    host: str
    owner: str
    what: str


def github_change(event: str, payload: dict[str, Any]) -> Push | Change | None:
    if event == "push":
        return _github_push(payload)
    if event in _GITHUB_REPOSITORY:
        repository = payload["repository"]
        return Change(_host(repository["html_url"]), repository["owner"]["login"], "repositories")
    if event in _GITHUB_PEOPLE:
        organisation = payload["organization"]
        host = _host(payload["sender"]["html_url"])
        return Change(host, organisation["login"], "people")
    return None


def _github_push(payload: dict[str, Any]) -> Push | None:
    repository = payload["repository"]
    # A forced push may undo what no listed commit tells of; the list itself ends at 2,048.
    is_told = not payload.get("forced") and not payload.get("deleted") and len(payload["commits"]) < 2_048
    return _push(
        payload["ref"],
        repository["html_url"],
        repository["full_name"],
        repository["default_branch"],
        payload,
        is_told,
    )


def gitlab_change(event: str, payload: dict[str, Any]) -> Push | Change | None:
    """`event` is the header; the body says it itself, and tells system hooks and group hooks alike."""
    name = payload.get("event_name") or payload.get("object_kind") or event
    if name == "push":
        project = payload["project"]
        is_told = payload.get("total_commits_count", 0) == len(
            payload["commits"]
        )  # only the last 20 are listed
        is_told = is_told and payload["before"] != _NO_COMMIT
        return _push(
            payload["ref"],
            project["web_url"],
            project["path_with_namespace"],
            project["default_branch"],
            payload,
            is_told,
        )
    if name.startswith("project_"):
        return Change("", payload["path_with_namespace"].rpartition("/")[0], "repositories")
    if name in _GITLAB_PEOPLE:
        return Change("", payload.get("group_path") or payload.get("full_path") or payload["path"], "people")
    return None


def _push(
    ref: str, url: str, full_name: str, default: str, payload: dict[str, Any], is_told: bool
) -> Push | None:
    if not ref.startswith(_BRANCH):
        return None
    commits = payload["commits"]
    came_or_went = {path for commit in commits for path in (*commit["added"], *commit["removed"])}
    modified = {path for commit in commits for path in commit["modified"]}
    branch = ref.removeprefix(_BRANCH)
    paths = frozenset(came_or_went | modified) if is_told else None
    return Push(_host(url), full_name, branch, branch == default, paths, bool(came_or_went) or not is_told)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
