"""People and teams of a GitHub organisation or a GitLab group as User and Group entities.

Names are those of the host: a login, the slug of a team, the path of a group. On GitHub the members of a team below
another count for that one too, as they do there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.hosts.asking import asked
from catalog.hosts.integrations import GITHUB
from catalog.hosts.listing import Host, Person, Team
from catalog.made import MadeSource, made_source
from catalog.models import Location
from catalog.targets import ORG_SOURCES

_API_VERSION = "backstage.io/v1alpha1"
_ANNOTATIONS = {GITHUB: ("github.com/user-login", "github.com/team-slug")}
_GITLAB_ANNOTATIONS = ("gitlab.com/user-login", "gitlab.com/group-path")


@contextmanager
def org_source(location: Location) -> Iterator[MadeSource]:
    """Raises `Unreadable` or `Postponed` unless every team and every person could be asked for."""
    type = ORG_SOURCES[Location.Type(location.type)]
    with asked(location, type, location.target) as host:
        documents = list(_documents(host, type))
    nothing = (
        f"{location.target} shows neither teams nor people. The token needs the right to read members. Nothing is "
        "taken away."
    )
    with made_source(documents, nothing=nothing) as source:
        yield source


def _documents(host: Host, type: str) -> Iterator[dict[str, Any]]:
    teams = host.teams()
    children: dict[str, list[str]] = defaultdict(list)
    member_of: dict[str, list[str]] = defaultdict(list)
    for team in teams:
        children[team.parent].append(team.name)
        for username in team.members:
            member_of[username].append(team.name)
    login, slug = _ANNOTATIONS.get(type, _GITLAB_ANNOTATIONS)
    for team in teams:
        yield _group(team, sorted(children[team.name]), slug)
    for person in host.people():
        yield _user(person, sorted(member_of[person.username]), login)


def _group(team: Team, children: list[str], annotation: str) -> dict[str, Any]:
    metadata = _metadata(team.name, annotation, team.url)
    if team.description:
        metadata["description"] = team.description
    spec: dict[str, Any] = {
        "type": "team",
        "profile": _said({"displayName": team.title, "picture": team.picture}),
        "children": children,
        "members": sorted(team.members),
    }
    if team.parent:
        spec["parent"] = team.parent
    return {"apiVersion": _API_VERSION, "kind": "Group", "metadata": metadata, "spec": spec}


def _user(person: Person, member_of: list[str], annotation: str) -> dict[str, Any]:
    profile = _said({"displayName": person.name, "email": person.email, "picture": person.picture})
    return {
        "apiVersion": _API_VERSION,
        "kind": "User",
        "metadata": _metadata(person.username, annotation, person.url),
        "spec": {"profile": profile, "memberOf": member_of},
    }


def _metadata(name: str, annotation: str, url: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "annotations": {annotation: name}}
    if url:
        metadata["links"] = [{"url": url, "title": "Profile"}]
    return metadata


def _said(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
