"""GitHub's REST endpoints that change things, over a `Forge`."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from nacl.public import PrivateKey, SealedBox

from tests.catalog.hosts import github as reading
from tests.catalog.hosts.server import Endpoint, Question, Reply
from tests.catalog.hosts.world import Repository, Team
from tests.scaffolder.forge.world import Forge, Repo

PREFIX = reading.PREFIX


def endpoint(forge: Forge) -> Endpoint:
    def answer(question: Question) -> Reply:
        path = question.path.removeprefix(PREFIX)
        for method, pattern, respond in _ROUTES:
            if method == question.method and (found := re.fullmatch(pattern, path)):
                return respond(forge, question, *(unquote(part) for part in found.groups()))
        return _not_found()

    return answer


def _not_found() -> Reply:
    return Reply(404, {"message": "Not Found", "documentation_url": "https://docs.example", "status": "404"})


def _invalid(message: str) -> Reply:
    error = {"resource": "Repository", "code": "custom", "field": "name", "message": message}
    return Reply(422, {"message": "Validation failed.", "documentation_url": "https://x", "errors": [error]})


def _user(forge: Forge, question: Question, login: str) -> Reply:
    type = "Organization" if forge.is_organisation(login) else "User"
    if type == "User" and login not in (forge.login, "maya"):
        return _not_found()
    return Reply(body=reading.profile(question, login, 1, type))


def _me(forge: Forge, question: Question) -> Reply:
    return Reply(body=reading.profile(question, forge.login, 1, "User"))


def _whole(question: Question, repo: Repo) -> dict[str, Any]:
    plain = Repository(repo.id, repo.name, repo.owner, topics=repo.topics, visibility=repo.visibility)
    return {
        **reading.whole(question, plain),
        "default_branch": repo.branch,
        "private": repo.visibility != "public",
    }


def _one(forge: Forge, question: Question, name: str) -> Reply:
    repo = forge.find(name)
    return Reply(body=_whole(question, repo)) if repo else _not_found()


def _create(forge: Forge, question: Question, owner: str) -> Reply:
    data = question.data
    if forge.find(f"{owner}/{data['name']}"):
        return _invalid("name already exists on this account")
    visibility = data.get("visibility") or ("private" if data["private"] else "public")
    return Reply(201, _whole(question, forge.make(owner, data["name"], visibility=visibility, settings=data)))


def _create_own(forge: Forge, question: Question) -> Reply:
    return _create(forge, question, forge.login)


def _of_repo(change: Callable[..., Reply]) -> Callable[..., Reply]:
    """An endpoint of a repository, which must be there."""

    def respond(forge: Forge, question: Question, name: str, *more: str) -> Reply:
        repo = forge.find(name)
        return change(forge, question, repo, *more) if repo else _not_found()

    return respond


def _contents(forge: Forge, question: Question, repo: Repo, path: str) -> Reply:
    found = repo.read(question.query.get("ref", "HEAD"), path)
    return _not_found() if found is None else Reply(body=found, headers={"Content-Type": "text/plain"})


def _topics(forge: Forge, question: Question, repo: Repo) -> Reply:
    repo.topics = question.data["names"]
    return Reply(body={"names": repo.topics})


def _collaborator(forge: Forge, question: Question, repo: Repo, who: str) -> Reply:
    repo.people[who] = question.data["permission"]
    return Reply(204)


def _one_team(forge: Forge, question: Question, organisation: str, team: str) -> Reply:
    return Reply(body=reading.whole_team(question, Team(7, team, team.title())))


def _team(forge: Forge, question: Question, organisation: str, team: str, name: str) -> Reply:
    repo = forge.find(name)
    if repo is None:
        return _not_found()
    repo.people[f"{organisation}/{team}"] = question.data["permission"]
    return Reply(204)


def _protect(forge: Forge, question: Question, repo: Repo, branch: str) -> Reply:
    if not forge.has_protection:
        words = "Upgrade to GitHub Pro or make this repository public to enable this feature."
        return Reply(403, {"message": words, "documentation_url": "https://x"})
    if branch not in repo.branches():
        return _not_found()
    repo.protected[branch] = question.data
    url = f"{question.server.url}{question.path}"
    return Reply(body={"url": url, "enforce_admins": {"url": url, "enabled": True}})


def _variables(store: Callable[[Repo, str], dict[str, str]]) -> dict[str, Callable[..., Reply]]:
    def one(forge: Forge, question: Question, repo: Repo, *names: str) -> Reply:
        found = store(repo, names[0] if len(names) > 1 else "")
        if names[-1] not in found:
            return _not_found()
        time = "2026-01-01T00:00:00Z"
        body = {"name": names[-1], "value": found[names[-1]], "created_at": time, "updated_at": time}
        return Reply(body=body)

    def put(forge: Forge, question: Question, repo: Repo, *names: str) -> Reply:
        where = names[0] if names and (len(names) > 1 or question.method == "POST") else ""
        store(repo, where)[question.data["name"]] = question.data["value"]
        return Reply(201, {}) if question.method == "POST" else Reply(204)

    return {"one": _of_repo(one), "put": _of_repo(put)}


def _requests(forge: Forge, question: Question, repo: Repo) -> Reply:
    head = question.query["head"].partition(":")[2]
    found = [one for one in repo.requests if one["head"] == head and one["base"] == question.query["base"]]
    return Reply(body=[_request(question, repo, one) for one in found])


def _open(forge: Forge, question: Question, repo: Repo) -> Reply:
    if question.data["head"] not in repo.branches():
        return _invalid("head is no branch")
    repo.requests.append({**question.data, "number": len(repo.requests) + 1})
    return Reply(201, _opened(question, repo, repo.requests[-1]))


_LINKS = ("self", "html", "issue", "comments", "review_comments", "review_comment", "commits", "statuses")
_TIME = "2026-01-01T00:00:00Z"


def _request(question: Question, repo: Repo, one: dict[str, Any]) -> dict[str, Any]:
    number, asked = one["number"], one.get("reviewers", [])
    url = f"{question.server.url}{PREFIX}/repos/{repo.full_name}/pulls/{number}"
    page = f"{question.server.url}/{repo.full_name}/pull/{number}"
    nothing = ("milestone", "closed_at", "merged_at", "merge_commit_sha", "assignee", "auto_merge")
    links = {name: {"href": url} for name in _LINKS}
    return {
        **dict.fromkeys(nothing),
        **{f"{name}_url": url for name in (*_LINKS[2:], "diff", "patch")},
        "id": number,
        "node_id": "x",
        "url": url,
        "html_url": page,
        "number": number,
        "state": "open",
        "locked": False,
        "title": one["title"],
        "user": reading.simple_user(question, "portico-bot", 1),
        "body": one["body"],
        "labels": [],
        "created_at": _TIME,
        "updated_at": _TIME,
        "requested_reviewers": [reading.simple_user(question, login, 7) for login in asked],
        "head": _side(question, repo, one["head"]),
        "base": _side(question, repo, one["base"]),
        "_links": links,
        "author_association": "MEMBER",
        "draft": one["draft"],
    }


def _side(question: Question, repo: Repo, branch: str) -> dict[str, Any]:
    return {
        "label": f"{repo.owner}:{branch}",
        "ref": branch,
        "sha": "0" * 40,
        "user": reading.simple_user(question, repo.owner, 1, "Organization"),
        "repo": {**_whole(question, repo), "has_downloads": True},
    }


def _opened(question: Question, repo: Repo, one: dict[str, Any]) -> dict[str, Any]:
    """What only the answer to opening it has."""
    counts = ("comments", "review_comments", "commits", "additions", "deletions", "changed_files")
    return {
        **_request(question, repo, one),
        **dict.fromkeys(counts, 0),
        "merged": False,
        "mergeable": None,
        "mergeable_state": "unknown",
        "merged_by": None,
        "maintainer_can_modify": False,
    }


def _reviewers(forge: Forge, question: Question, repo: Repo, number: str) -> Reply:
    one = repo.requests[int(number) - 1]
    one.update(question.data)
    return Reply(201, _request(question, repo, one))


def _assignees(forge: Forge, question: Question, repo: Repo, number: str) -> Reply:
    one = repo.requests[int(number) - 1]
    one.update(question.data)
    url = f"{question.server.url}{PREFIX}/repos/{repo.full_name}/issues/{number}"
    names = ("repository", "labels", "comments", "events")
    body = {
        **dict.fromkeys(("milestone", "closed_at", "active_lock_reason")),
        **{f"{name}_url": url for name in names},
        "id": one["number"],
        "node_id": "x",
        "url": url,
        "html_url": url,
        "number": one["number"],
        "state": "open",
        "title": one["title"],
        "body": one["body"],
        "user": reading.simple_user(question, "portico-bot", 1),
        "labels": [],
        "assignee": None,
        "assignees": [reading.simple_user(question, login, 7) for login in one["assignees"]],
        "locked": False,
        "comments": 0,
        "author_association": "MEMBER",
        "created_at": _TIME,
        "updated_at": _TIME,
    }
    return Reply(201, body)


def _hooks(forge: Forge, question: Question, repo: Repo) -> Reply:
    return Reply(body=[_hook(question, one) for one in repo.hooks])


def _make_hook(forge: Forge, question: Question, repo: Repo) -> Reply:
    repo.hooks.append({**question.data, "id": len(repo.hooks) + 1})
    return Reply(201, _hook(question, repo.hooks[-1]))


def _change_hook(forge: Forge, question: Question, repo: Repo, id: str) -> Reply:
    repo.hooks[int(id) - 1].update(question.data)
    return Reply(body=_hook(question, repo.hooks[int(id) - 1]))


def _hook(question: Question, hook: dict[str, Any]) -> dict[str, Any]:
    url, time = f"{question.server.url}{question.path}/{hook['id']}", "2026-01-01T00:00:00Z"
    config = {key: "********" if key == "secret" else value for key, value in hook["config"].items()}
    return {
        "type": "Repository",
        "id": hook["id"],
        "name": "web",
        "active": hook["active"],
        "config": config,
        "events": hook["events"],
        "updated_at": time,
        "created_at": time,
        "url": url,
        "test_url": url,
        "ping_url": url,
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def _labels(forge: Forge, question: Question, repo: Repo, number: str) -> Reply:
    found = repo.labels.setdefault(number, [])
    found += [name for name in question.data["labels"] if name not in found]
    return Reply(
        body=[
            {"id": n, "node_id": "x", "url": "https://x/y", "name": name, "description": None, "color": "f29513",
             "default": False}
            for n, name in enumerate(found)
        ]
    )  # fmt: skip


def _dispatch(forge: Forge, question: Question, repo: Repo, workflow: str) -> Reply:
    if workflow == "none.yaml":
        return _not_found()
    repo.started.append({"workflow": workflow, **question.data})
    return Reply(204)


def _environment(forge: Forge, question: Question, repo: Repo, name: str) -> Reply:
    repo.environments.setdefault(name, {"variables": {}, "policies": []}).update(question.data)
    time, url = "2026-01-01T00:00:00Z", "https://x/y"
    body = {"id": 1, "node_id": "x", "name": name, "url": url, "html_url": url, "created_at": time}
    return Reply(body={**body, "updated_at": time})


def _policy(forge: Forge, question: Question, repo: Repo, name: str) -> Reply:
    repo.environments[name]["policies"].append(question.data)
    return Reply(body={"id": 1, "node_id": "x", "name": question.data["name"], "type": question.data["type"]})


_KEY = PrivateKey.generate()


def _public_key(forge: Forge, question: Question, repo: Repo, *_: str) -> Reply:
    return Reply(body={"key_id": "k1", "key": base64.b64encode(bytes(_KEY.public_key)).decode()})


def _secret(forge: Forge, question: Question, repo: Repo, *names: str) -> Reply:
    if question.data["key_id"] != "k1":
        return _invalid("no such key")
    sealed = base64.b64decode(question.data["encrypted_value"])
    repo.secrets["/".join(names)] = SealedBox(_KEY).decrypt(sealed).decode()
    return Reply(201, {})


_R = r"/repos/([^/]+/[^/]+)"
_OF_REPO = _variables(lambda repo, _: repo.variables)
_OF_ENVIRONMENT = _variables(lambda repo, name: repo.environments[name]["variables"])
_ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    ("GET", r"/user", _me),
    ("GET", r"/users/([^/]+)", _user),
    ("POST", r"/user/repos", _create_own),
    ("POST", r"/orgs/([^/]+)/repos", _create),
    ("GET", r"/orgs/([^/]+)/teams/([^/]+)", _one_team),
    ("PUT", r"/orgs/([^/]+)/teams/([^/]+)/repos/([^/]+/[^/]+)", _team),
    ("GET", _R, _one),
    ("GET", _R + r"/contents/(.+)", _of_repo(_contents)),
    ("PUT", _R + r"/topics", _of_repo(_topics)),
    ("PUT", _R + r"/collaborators/([^/]+)", _of_repo(_collaborator)),
    ("PUT", _R + r"/branches/([^/]+)/protection", _of_repo(_protect)),
    ("GET", _R + r"/actions/secrets/public-key", _of_repo(_public_key)),
    ("PUT", _R + r"/actions/secrets/([^/]+)", _of_repo(_secret)),
    ("GET", _R + r"/environments/([^/]+)/secrets/public-key", _of_repo(_public_key)),
    ("PUT", _R + r"/environments/([^/]+)/secrets/([^/]+)", _of_repo(_secret)),
    ("GET", _R + r"/actions/variables/([^/]+)", _OF_REPO["one"]),
    ("PATCH", _R + r"/actions/variables/([^/]+)", _OF_REPO["put"]),
    ("POST", _R + r"/actions/variables", _OF_REPO["put"]),
    ("GET", _R + r"/environments/([^/]+)/variables/([^/]+)", _OF_ENVIRONMENT["one"]),
    ("PATCH", _R + r"/environments/([^/]+)/variables/([^/]+)", _OF_ENVIRONMENT["put"]),
    ("POST", _R + r"/environments/([^/]+)/variables", _OF_ENVIRONMENT["put"]),
    ("PUT", _R + r"/environments/([^/]+)", _of_repo(_environment)),
    ("POST", _R + r"/environments/([^/]+)/deployment-branch-policies", _of_repo(_policy)),
    ("GET", _R + r"/pulls", _of_repo(_requests)),
    ("POST", _R + r"/pulls", _of_repo(_open)),
    ("POST", _R + r"/pulls/(\d+)/requested_reviewers", _of_repo(_reviewers)),
    ("POST", _R + r"/issues/(\d+)/assignees", _of_repo(_assignees)),
    ("POST", _R + r"/issues/(\d+)/labels", _of_repo(_labels)),
    ("GET", _R + r"/hooks", _of_repo(_hooks)),
    ("POST", _R + r"/hooks", _of_repo(_make_hook)),
    ("PATCH", _R + r"/hooks/(\d+)", _of_repo(_change_hook)),
    ("POST", _R + r"/actions/workflows/([^/]+)/dispatches", _of_repo(_dispatch)),
]
