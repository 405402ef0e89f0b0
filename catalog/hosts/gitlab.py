"""A group of GitLab with all below it: the REST endpoints that are asked, and what is taken from their answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from catalog.errors import Missing
from catalog.hosts.client import as_json, checked
from catalog.hosts.kept import Kept
from catalog.hosts.listing import Paths, Person, Repository, Team, Whereabouts
from catalog.selection import Selection
from catalog.web import Answer

MOST_TREE_PAGES = 50  # of 100 files: a larger repository is searched with a narrower path
_BOT = re.compile(r"(?:project|group)_\d+_bot")  # accounts of access tokens


class GitLab:
    def __init__(self, kept: Kept, owner: str) -> None:
        self._kept, self._client, self._owner = kept, kept.client, owner
        self._group = f"/groups/{quote(owner, safe='')}"
        self._ids: dict[str, str] = {}  # members that `teams` met: username → number of the account

    def repositories(self) -> Iterator[Repository]:
        """The oldest first, so that a new one changes only the last page."""
        query = {"include_subgroups": "true", "with_shared": "false", "order_by": "id", "sort": "asc"}
        what = f"the projects of {self._owner}"
        for page in self._kept.pages(f"{self._group}/projects", query, what, _repositories):
            yield from map(Repository.from_kept, page)

    def paths(self, repository: Repository, branch: str, selection: Selection) -> Paths:
        query = {"ref": branch}
        if selection.has_wildcard:
            query["recursive"] = "true"
        elif selection.folder:
            query["path"] = selection.folder

        def reduce(tree: Any) -> list[str]:
            return [
                entry["path"] if entry["type"] == "blob" and selection.matches(entry["path"]) else ""
                for entry in tree
            ]

        pages = self._kept.pages(
            f"/projects/{repository.id}/repository/tree",
            query,
            f"branch {branch} of {repository.full_name}",
            reduce,
            most_pages=MOST_TREE_PAGES,
            is_nothing=_is_no_such_path,
        )
        return Paths([path for page in pages for path in page if path])

    def whereabouts(self, id: str, full_name: str) -> Whereabouts:
        """A project that moved to a group elsewhere is gone from this one."""
        answer = self._client.get(self._client.address(f"/projects/{id}"))
        try:
            found = as_json(checked(answer, f"project {full_name}", self._client.integration), full_name)
        except Missing:
            return Whereabouts.GONE
        is_ours = found["path_with_namespace"].lower().startswith(f"{self._owner.lower()}/")
        return Whereabouts.THERE if is_ours else Whereabouts.GONE

    def teams(self) -> list[Team]:
        root = self._kept.value(self._client.address(self._group), f"group {self._owner}", _group)
        what = f"the groups below {self._owner}"
        pages = self._kept.pages(f"{self._group}/descendant_groups", {}, what, _groups)
        groups = [root, *(group for page in pages for group in page)]
        names = {group["id"]: self._name(group["path"]) for group in groups}
        return [self._team(group, names) for group in groups]

    def _team(self, group: dict[str, str], names: dict[str, str]) -> Team:
        team = Team(
            names[group["id"]],
            title=group["name"],
            description=group["description"],
            picture=group["picture"],
            url=group["url"],
            parent=names.get(group["parent"], ""),
        )
        team.members = [person["username"] for person in self._members(group["id"], team.name)]
        return team

    def _name(self, path: str) -> str:
        """`shop-web` for acme/shop/web below acme, as Backstage's own importer calls them."""
        below = path.removeprefix(f"{self._owner}/") if path != self._owner else path.rpartition("/")[2]
        return below.replace("/", "-")

    def _members(self, group_id: str, name: str) -> Iterator[dict[str, str]]:
        for page in self._kept.pages(f"/groups/{group_id}/members", {}, f"the members of {name}", _members):
            for person in page:
                if person["username"]:
                    self._ids[person["username"]] = person["id"]
                    yield person

    def people(self) -> Iterator[Person]:
        """Everybody who is a member of one of the groups; an address only where they made it public."""
        for username, id in self._ids.items():
            url = self._client.address(f"/users/{id}")
            yield Person(**self._kept.value(url, f"profile of {username}", _profile))


def _is_no_such_path(answer: Answer) -> bool:
    """The project is there, the folder or branch is not. GitLab says which in its message."""
    return answer.status == 404 and b"project not found" not in answer.body.lower()


def _repositories(page: Any) -> list[dict[str, Any]]:
    return [
        Repository(
            id=str(found["id"]),
            name=found["path"],
            full_name=found["path_with_namespace"],
            url=found["web_url"],
            branch="" if found.get("empty_repo") else found.get("default_branch") or "",
            topics=tuple(found.get("topics") or found.get("tag_list") or ()),
            visibility=found.get("visibility") or "private",
            is_archived=bool(found.get("archived")),
            is_fork="forked_from_project" in found,
            # last_activity_at is written at most once an hour, so it cannot stand for "nothing was pushed".
        ).kept()
        for found in page
    ]


def _group(group: Any) -> dict[str, str]:
    return {
        "id": str(group["id"]),
        "path": group["full_path"],
        "name": group["name"],
        "description": group.get("description") or "",
        "picture": group.get("avatar_url") or "",
        "url": group.get("web_url") or "",
        "parent": str(group.get("parent_id") or ""),
    }


def _groups(page: Any) -> list[dict[str, str]]:
    return [_group(group) for group in page]


def _members(page: Any) -> list[dict[str, str]]:
    """One for each, with no name for accounts that are no people or are blocked."""
    return [
        {"username": person["username"] if _is_person(person) else "", "id": str(person["id"])}
        for person in page
    ]


def _is_person(member: dict[str, Any]) -> bool:
    return member.get("state") == "active" and not _BOT.match(member["username"])


def _profile(user: Any) -> dict[str, str]:
    return {
        "username": user["username"],
        "name": user.get("name") or "",
        "email": user.get("email") or user.get("public_email") or "",
        "picture": user.get("avatar_url") or "",
        "url": user.get("web_url") or "",
    }
