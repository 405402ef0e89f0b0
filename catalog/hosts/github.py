"""An organisation or user of GitHub: the REST endpoints that are asked, and what is taken from their answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from catalog.errors import Missing
from catalog.hosts.client import as_json, checked
from catalog.hosts.kept import Kept
from catalog.hosts.listing import Paths, Person, Repository, Team, Whereabouts
from catalog.selection import Selection

_EMPTY_REPOSITORY = 409


class GitHub:
    def __init__(self, kept: Kept, owner: str) -> None:
        self._kept, self._client, self._owner = kept, kept.client, owner

    def repositories(self) -> Iterator[Repository]:
        """The oldest first, so that a new one changes only the last page."""
        type = self._kept.value(
            self._client.address(f"/users/{self._owner}"), self._owner, lambda found: found.get("type", "")
        )
        path = f"/{'orgs' if type == 'Organization' else 'users'}/{self._owner}/repos"
        query = {"type": "all" if type == "Organization" else "owner", "sort": "created", "direction": "asc"}
        for page in self._kept.pages(path, query, f"the repositories of {self._owner}", _repositories):
            yield from map(Repository.from_kept, page)

    def paths(self, repository: Repository, branch: str, selection: Selection) -> Paths:
        def reduce(tree: Any) -> dict[str, Any]:
            blobs = (entry["path"] for entry in tree["tree"] if entry["type"] == "blob")
            return {
                "paths": [path for path in blobs if selection.matches(path)],
                "whole": not tree["truncated"],
            }

        # One level is enough for a file at the top; deeper ones need all, for a missing folder is answered like a
        # missing repository.
        query = {"recursive": "1"} if selection.has_wildcard or selection.folder else None
        url = self._client.address(f"/repos/{repository.full_name}/git/trees/{quote(branch, safe='')}", query)
        what = f"branch {branch} of {repository.full_name}"
        found = self._kept.value(
            url, what, reduce, stamp=repository.pushed_at, is_nothing=lambda a: a.status == _EMPTY_REPOSITORY
        )
        return Paths(found["paths"], found["whole"]) if found else Paths([])

    def whereabouts(self, id: str, full_name: str) -> Whereabouts:
        """A repository that moved to another owner is gone from this one; GitHub redirects to where it is now."""
        answer = self._client.get(self._client.address(f"/repos/{full_name}"))
        try:
            found = as_json(checked(answer, f"repository {full_name}", self._client.integration), full_name)
        except Missing:
            return Whereabouts.GONE
        is_ours = found["owner"]["login"].lower() == self._owner.lower() and str(found["id"]) == id
        return Whereabouts.THERE if is_ours else Whereabouts.GONE

    def teams(self) -> list[Team]:
        what = f"the teams of {self._owner}"
        pages = self._kept.pages(f"/orgs/{self._owner}/teams", {}, what, _teams)
        found = [Team(**team) for page in pages for team in page]
        for team in found:
            path = f"/orgs/{self._owner}/teams/{quote(team.name)}/members"
            members = self._kept.pages(path, {}, f"the members of {team.name}", _logins)
            team.members = [login for page in members for login in page]
        return found

    def people(self) -> Iterator[Person]:
        """Everybody in the organisation; names and addresses stand in each one's own profile."""
        what = f"the people of {self._owner}"
        for page in self._kept.pages(f"/orgs/{self._owner}/members", {}, what, _logins):
            for login in page:
                url = self._client.address(f"/users/{login}")
                yield Person(**self._kept.value(url, f"profile of {login}", _profile))


def _repositories(page: Any) -> list[dict[str, Any]]:
    return [
        Repository(
            id=str(found["id"]),
            name=found["name"],
            full_name=found["full_name"],
            url=found["html_url"],
            branch=found.get("default_branch") or "",
            topics=tuple(found.get("topics") or ()),
            visibility=found.get("visibility") or ("private" if found["private"] else "public"),
            is_archived=bool(found.get("archived")),
            is_fork=bool(found["fork"]),
            pushed_at=found.get("pushed_at") or "",
        ).kept()
        for found in page
    ]


def _teams(page: Any) -> list[dict[str, str]]:
    return [
        {
            "name": team["slug"],
            "title": team["name"],
            "description": team.get("description") or "",
            "url": team.get("html_url") or "",
            "parent": (team.get("parent") or {}).get("slug", ""),
        }
        for team in page
    ]


def _logins(page: Any) -> list[str]:
    return [person["login"] for person in page]


def _profile(user: Any) -> dict[str, str]:
    return {
        "username": user["login"],
        "name": user.get("name") or "",
        "email": user.get("email") or "",
        "picture": user.get("avatar_url") or "",
        "url": user.get("html_url") or "",
    }
