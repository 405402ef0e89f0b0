"""GitLab's REST endpoints that change things, over a `Forge`; shapes as its API documentation (17) shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.catalog.hosts.server import Endpoint, Question, Reply
from tests.scaffolder.forge.world import Forge, Repo

PREFIX = "/api/v4"


def endpoint(forge: Forge) -> Endpoint:
    def answer(question: Question) -> Reply:
        path = question.path.removeprefix(PREFIX)
        for method, pattern, respond in _ROUTES:
            if method == question.method and (found := re.fullmatch(pattern, path)):
                return respond(forge, question, *(unquote(part) for part in found.groups()))
        return Reply(404, {"error": "404 Not Found"})

    return answer


def _find(forge: Forge, id: str) -> Repo | None:
    return forge.find(id) or next((one for one in forge.repos if str(one.id) == id), None)


def _of_project(change: Callable[..., Reply]) -> Callable[..., Reply]:
    def respond(forge: Forge, question: Question, id: str, *more: str) -> Reply:
        project = _find(forge, id)
        if project is None:
            return Reply(404, {"message": "404 Project Not Found"})
        return change(forge, question, project, *more)

    return respond


def _project(question: Question, project: Repo) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "path": project.name,
        "path_with_namespace": project.full_name,
        "default_branch": project.branch if project.branches() else None,
        "visibility": project.visibility,
        "web_url": f"{question.server.url}/{project.full_name}",
        "topics": project.topics,
    }


def _one(forge: Forge, question: Question, project: Repo) -> Reply:
    return Reply(body=_project(question, project))


def _namespace(forge: Forge, question: Question, name: str) -> Reply:
    if not forge.is_organisation(name):
        return Reply(404, {"message": "404 Namespace Not Found"})
    return Reply(body={"id": 7, "path": name.rpartition("/")[2], "kind": "group", "full_path": name})


def _create(forge: Forge, question: Question) -> Reply:
    data, owner = question.data, str(question.server.namespace)
    if forge.find(f"{owner}/{data['path']}"):
        return Reply(
            400, {"message": {"name": ["has already been taken"], "path": ["has already been taken"]}}
        )
    made = forge.make(owner, data["path"], visibility=data["visibility"], settings=data)
    made.topics = data.get("topics", [])
    return Reply(201, _project(question, made))


def _noting(respond: Callable[..., Reply]) -> Callable[..., Reply]:
    """Which namespace was asked for last: in a test it is the one that number 7 is."""

    def noting(forge: Forge, question: Question, name: str) -> Reply:
        question.server.namespace = name
        return respond(forge, question, name)

    return noting


def _raw(forge: Forge, question: Question, project: Repo, path: str) -> Reply:
    found = project.read(question.query.get("ref", "HEAD"), path)
    return Reply(404, {"message": "404 File Not Found"}) if found is None else Reply(body=found)


def _variable(forge: Forge, question: Question, project: Repo, key: str) -> Reply:
    scope = question.query["filter[environment_scope]"]
    if f"{key}@{scope}" not in project.variables:
        return Reply(404, {"message": "404 Variable Not Found"})
    return Reply(body={"key": key, "value": project.variables[f"{key}@{scope}"], "environment_scope": scope})


def _set_variable(forge: Forge, question: Question, project: Repo, key: str = "") -> Reply:
    data = question.data
    project.variables[f"{key or data['key']}@{data.get('environment_scope', '*')}"] = data["value"]
    return Reply(200 if key else 201, data)


def _branch(forge: Forge, question: Question, project: Repo, name: str) -> Reply:
    return Reply(body={"name": name}) if name in project.branches() else Reply(404, {"message": "404 Branch"})


def _make_branch(forge: Forge, question: Question, project: Repo) -> Reply:
    from tests.scaffolder import templates

    templates.git("branch", question.data["branch"], question.data["ref"], at=project.home)
    return Reply(201, {"name": question.data["branch"]})


def _protected(forge: Forge, question: Question, project: Repo, name: str) -> Reply:
    return (
        Reply(body={"name": name}) if name in project.protected else Reply(404, {"message": "404 Not found"})
    )


def _protect(forge: Forge, question: Question, project: Repo) -> Reply:
    project.protected[question.data["name"]] = question.data
    return Reply(201, question.data)


def _requests(forge: Forge, question: Question, project: Repo) -> Reply:
    wanted = {key: question.query[key] for key in ("source_branch", "target_branch")}
    return Reply(body=[one for one in project.requests if wanted.items() <= one.items()])


def _open(forge: Forge, question: Question, project: Repo) -> Reply:
    if question.data["source_branch"] not in project.branches():
        return Reply(400, {"message": ["source_branch does not exist"]})
    number = len(project.requests) + 1
    project.requests.append({**question.data, "iid": number, "id": 100 + number})
    return Reply(201, project.requests[-1])


def _people(forge: Forge, question: Question) -> Reply:
    name = question.query["username"]
    return Reply(body=[] if name == "nobody" else [{"id": 42, "username": name}])


def _group(forge: Forge, question: Question, name: str) -> Reply:
    if forge.organisations is None or name not in forge.organisations:
        return Reply(404, {"message": "404 Group Not Found"})
    return Reply(body={"id": sorted(forge.organisations).index(name) + 1, "full_path": name})


def _make_group(forge: Forge, question: Question) -> Reply:
    assert forge.organisations is not None
    parent = question.data.get("parent_id")
    above = f"{sorted(forge.organisations)[parent - 1]}/" if parent else ""
    forge.organisations.add(f"{above}{question.data['path']}")
    return Reply(201, _group(forge, question, f"{above}{question.data['path']}").body)


_P = r"/projects/([^/]+)"
_ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    ("GET", r"/namespaces/([^/]+)", _noting(_namespace)),
    ("POST", r"/projects", _create),
    ("GET", _P, _of_project(_one)),
    ("GET", _P + r"/repository/files/([^/]+)/raw", _of_project(_raw)),
    ("GET", _P + r"/variables/([^/]+)", _of_project(_variable)),
    ("PUT", _P + r"/variables/([^/]+)", _of_project(_set_variable)),
    ("POST", _P + r"/variables", _of_project(_set_variable)),
    ("GET", _P + r"/repository/branches/([^/]+)", _of_project(_branch)),
    ("POST", _P + r"/repository/branches", _of_project(_make_branch)),
    ("GET", _P + r"/protected_branches/([^/]+)", _of_project(_protected)),
    ("POST", _P + r"/protected_branches", _of_project(_protect)),
    ("GET", _P + r"/merge_requests", _of_project(_requests)),
    ("POST", _P + r"/merge_requests", _of_project(_open)),
    ("GET", r"/users", _people),
    ("GET", r"/groups/([^/]+)", _group),
    ("POST", r"/groups", _make_group),
]
