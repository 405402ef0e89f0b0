"""The REST endpoints of Gitea that publishing asks, over a `Forge`; shapes as its own API page shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.catalog.hosts.server import Endpoint, Question, Reply
from tests.scaffolder.forge.world import Forge, Repo

PREFIX = "/api/v1"


def endpoint(forge: Forge) -> Endpoint:
    def answer(question: Question) -> Reply:
        path = question.path.removeprefix(PREFIX)
        for method, pattern, respond in _ROUTES:
            if method == question.method and (found := re.fullmatch(pattern, path)):
                return respond(forge, question, *(unquote(part) for part in found.groups()))
        return Reply(404, {"message": "not found", "errors": []})

    return answer


def _repository(question: Question, repo: Repo) -> dict[str, Any]:
    return {
        "id": repo.id,
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.visibility == "private",
        "clone_url": f"{question.server.url}/{repo.full_name}.git",
        "default_branch": repo.branch,
    }


def _one(forge: Forge, question: Question, name: str) -> Reply:
    repo = forge.find(name)
    return Reply(body=_repository(question, repo)) if repo else Reply(404, {"message": "not found"})


def _create(forge: Forge, question: Question, owner: str) -> Reply:
    data = question.data
    if forge.find(f"{owner}/{data['name']}"):
        return Reply(409, {"message": "The repository with the same name already exists."})
    seen = "private" if data["private"] else "public"
    made = forge.make(owner, data["name"], visibility=seen, branch=data["default_branch"], settings=data)
    return Reply(201, _repository(question, made))


def _organisation(forge: Forge, question: Question, name: str) -> Reply:
    return (
        Reply(body={"id": 1, "name": name}) if forge.is_organisation(name) else Reply(404, {"message": "no"})
    )


def _me(forge: Forge, question: Question) -> Reply:
    return Reply(body={"id": 2, "login": forge.login})


_ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    ("GET", r"/user", _me),
    ("GET", r"/orgs/([^/]+)", _organisation),
    ("POST", r"/orgs/([^/]+)/repos", _create),
    ("POST", r"/user/repos", lambda forge, question: _create(forge, question, forge.login)),
    ("GET", r"/repos/([^/]+/[^/]+)", _one),
]
