"""GitLab's REST endpoints over a `World`, below /api/v4; shapes as its API documentation (version 17) shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.catalog.hosts.server import Endpoint, Question, Reply
from tests.catalog.hosts.world import Repository, Team, World

PREFIX = "/api/v4"


def endpoint(world: World) -> Endpoint:
    def answer(question: Question) -> Reply:
        path = question.path.removeprefix(PREFIX)
        for pattern, respond in _ROUTES:
            if found := re.fullmatch(pattern, path):
                return respond(world, question, *map(unquote, found.groups()))
        return _not_found("404 Not Found")

    return answer


def _not_found(words: str) -> Reply:
    return Reply(404, {"message": words})


def _projects(world: World, question: Question, group: str) -> Reply:
    if group != world.owner:
        return _not_found("404 Group Not Found")
    ours = [one for one in world.repositories if f"{one.owner}/".startswith(f"{group}/")]
    return question.page([_project(question, one) for one in ours], link=False)


def _one(world: World, question: Question, id: str) -> Reply:
    project = world.by_id(id)
    return Reply(body=_project(question, project)) if project else _not_found("404 Project Not Found")


def _tree(world: World, question: Question, id: str) -> Reply:
    project = world.by_id(id)
    if project is None or project.refusal == 404:
        return _not_found("404 Project Not Found")
    if project.refusal:
        return Reply(project.refusal, {"message": "Refused"})
    folder = question.query.get("path", "")
    paths = project.to_blobs(question.query["ref"])
    within = [path for path in paths or () if path.startswith(f"{folder}/" if folder else "")]
    if not within:
        return _not_found("404 invalid revision or path Not Found")
    is_recursive = question.query.get("recursive") == "true"
    start = len(folder) + 1 if folder else 0
    shown = [path for path in within if is_recursive or "/" not in path[start:]]
    return question.page([_entry(path) for path in shown], link=False)


def _entry(path: str) -> dict[str, str]:
    return {"id": "0" * 40, "name": path.rpartition("/")[2], "type": "blob", "path": path, "mode": "100644"}


def _raw(world: World, question: Question, name: str, path: str) -> Reply:
    project = world.by_id(name) or world.by_name(name)
    if project is None:
        return _not_found("404 Project Not Found")
    if project.refusal:
        return Reply(project.refusal, {"message": "Refused"})
    if path not in (project.to_blobs(question.query["ref"]) or ()):
        return _not_found("404 File Not Found")
    return Reply(body=project.files[path].encode(), headers={"Content-Type": "text/plain"})


def _group_one(world: World, question: Question, group: str) -> Reply:
    return Reply(body=_group(question, world.teams[0])) if group == world.owner else _not_found("404 Group")


def _descendants(world: World, question: Question, group: str) -> Reply:
    return question.page([_group(question, team) for team in world.teams[1:]], link=False)


def _members(world: World, question: Question, id: str) -> Reply:
    team = next((team for team in world.teams if str(team.id) == id), None)
    if team is None:
        return _not_found("404 Group Not Found")
    found = [_member(world, name) for name in team.members]
    return question.page([*found, _account(9, "group_1_bot_x", "A token")], link=False)


def _user(world: World, question: Question, id: str) -> Reply:
    names = list(world.people)
    number = int(id) - 100
    if not 0 <= number < len(names):
        return _not_found("404 User Not Found")
    person = _account(int(id), names[number], world.people[names[number]])
    return Reply(body={**person, "public_email": f"{names[number]}@example.org", "bot": False})


_ROUTES: list[tuple[str, Callable[..., Reply]]] = [
    (r"/groups/([^/]+)/projects", _projects),
    (r"/projects/(\d+)", _one),
    (r"/projects/(\d+)/repository/tree", _tree),
    (r"/projects/([^/]+)/repository/files/([^/]+)/raw", _raw),
    (r"/groups/([^/]+)", _group_one),
    (r"/groups/([^/]+)/descendant_groups", _descendants),
    (r"/groups/([^/]+)/members", _members),
    (r"/users/(\d+)", _user),
]


def _account(id: int, username: str, name: str) -> dict[str, Any]:
    return {
        "id": id,
        "username": username,
        "name": name,
        "state": "active",
        "avatar_url": f"https://avatars.example/{username}.png",
        "web_url": f"https://gitlab.example/{username}",
    }


def _member(world: World, username: str) -> dict[str, Any]:
    number = 100 + list(world.people).index(username)
    return {**_account(number, username, world.people[username]), "access_level": 30, "expires_at": None}


def _project(question: Question, project: Repository) -> dict[str, Any]:
    found = {
        "id": project.id,
        "name": project.name.title(),
        "path": project.name,
        "path_with_namespace": project.full_name,
        "default_branch": project.branch if project.files else None,
        "topics": project.topics,
        "web_url": f"{question.server.url}/{project.full_name}",
        "http_url_to_repo": f"{question.server.url}/{project.full_name}.git",
        "last_activity_at": project.pushed_at,
        "visibility": project.visibility,
        "archived": project.archived,
        "empty_repo": not project.files,
        "namespace": {"id": 1, "path": project.owner, "kind": "group", "full_path": project.owner},
    }
    return {**found, "forked_from_project": {"id": 1}} if project.fork else found


def _group(question: Question, team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "path": team.name.rpartition("/")[2],
        "full_path": team.name,
        "name": team.title,
        "description": "",
        "avatar_url": None,
        "web_url": f"{question.server.url}/groups/{team.name}",
        "parent_id": team.parent or None,
    }
