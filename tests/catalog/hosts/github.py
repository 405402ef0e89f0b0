"""GitHub's REST endpoints over a `World`, as GitHub Enterprise serves them below /api/v3.

`tests/catalog/test_hosts_openapi.py` holds the answers against GitHub's own OpenAPI document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.catalog.hosts.server import Endpoint, Question, Reply
from tests.catalog.hosts.world import Repository, Team, World

PREFIX = "/api/v3"
_REPOSITORY_URLS = """
    archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads
    events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges
    milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees
""".split()
_USER_URLS = (
    "events followers following gists organizations received_events repos starred subscriptions".split()
)
_COUNTS = (
    "forks forks_count open_issues open_issues_count stargazers_count watchers watchers_count network_count"
)


def endpoint(world: World) -> Endpoint:
    def answer(question: Question) -> Reply:
        path = question.path.removeprefix(PREFIX)
        for pattern, respond in _ROUTES:
            if found := re.fullmatch(pattern, path):
                return respond(world, question, *(unquote(part or "") for part in found.groups()))
        return _not_found()

    return answer


def _not_found() -> Reply:
    return Reply(404, {"message": "Not Found", "documentation_url": "https://docs.example", "status": "404"})


def _refused(status: int) -> Reply:
    return Reply(status, {"message": "Refused", "documentation_url": "", "status": str(status)})


def _account(world: World, question: Question, login: str) -> Reply:
    if login == world.owner:
        return Reply(body=profile(question, login, 1, "Organization" if world.is_organisation else "User"))
    if login not in world.people:
        return _not_found()
    number = 100 + list(world.people).index(login)
    return Reply(body=profile(question, login, number, "User", name=world.people[login]))


def _org_repositories(world: World, question: Question, owner: str) -> Reply:
    if owner != world.owner or not world.is_organisation:
        return _not_found()
    ours = [one for one in world.repositories if one.owner == owner]
    return question.page([_repository(question, one) for one in ours])


def _user_repositories(world: World, question: Question, owner: str) -> Reply:
    if owner != world.owner:
        return _not_found()
    return question.page([_repository(question, one) for one in world.repositories if one.owner == owner])


def _one(world: World, question: Question, full_name: str) -> Reply:
    if repository := world.by_name(full_name):
        return Reply(body=whole(question, repository))
    return _moved(world, question, full_name, "")


def _by_id(world: World, question: Question, id: str, rest: str) -> Reply:
    repository = world.by_id(id)
    if repository is None:
        return _not_found()
    if not rest:
        return Reply(body=whole(question, repository))
    kind, _, what = rest.strip("/").partition("/")
    return _contents(world, question, repository.full_name, what) if kind == "contents" else _not_found()


def _moved(world: World, question: Question, full_name: str, rest: str) -> Reply:
    moved = world.by_former_name(full_name)
    if moved is None:
        return _not_found()
    query = "&".join(f"{name}={value}" for name, value in question.query.items())
    target = f"{question.server.url}{PREFIX}/repositories/{moved.id}{rest}" + (f"?{query}" if query else "")
    return Reply(301, {"message": "Moved Permanently", "url": target}, {"Location": target})


def _tree(world: World, question: Question, full_name: str, branch: str) -> Reply:
    repository = world.by_name(full_name)
    if repository is None:
        return _not_found()
    if repository.refusal:
        return _refused(repository.refusal)
    if not repository.files:
        return Reply(409, {"message": "Git Repository is empty.", "documentation_url": ""})
    paths = repository.to_blobs(branch)
    if paths is None:
        return _not_found()
    is_recursive = "recursive" in question.query
    shown = [path for path in paths if is_recursive or "/" not in path]
    tree = [
        {"path": path, "mode": "100644", "type": "blob", "sha": _sha(path), "size": 1, "url": "https://x"}
        for path in shown
    ]
    return Reply(
        body={"sha": _sha(full_name), "url": "https://x", "tree": tree, "truncated": repository.is_truncated}
    )


def _contents(world: World, question: Question, full_name: str, path: str) -> Reply:
    repository = world.by_name(full_name)
    if repository is None:
        return _moved(world, question, full_name, f"/contents/{path}")
    if repository.refusal:
        return _refused(repository.refusal)
    is_there = path in (repository.to_blobs(question.query.get("ref", repository.branch)) or ())
    if not is_there or "raw" not in question.headers.get("Accept", ""):
        return _not_found()
    return Reply(body=repository.files[path].encode(), headers={"Content-Type": "application/vnd.github.raw"})


def _teams(world: World, question: Question, owner: str) -> Reply:
    by_id = {team.id: team for team in world.teams}
    return question.page([_team(question, team, by_id.get(team.parent)) for team in world.teams])


_ORGANISATION_URLS = ("repos", "events", "hooks", "issues", "members", "public_members")


def whole_team(question: Question, team: Team) -> dict[str, Any]:
    """A team that is asked for by its name."""
    times = dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z")
    url = f"{question.server.url}{PREFIX}/orgs/acme"
    organisation = {
        **{f"{name}_url": f"{url}/{name}" for name in _ORGANISATION_URLS},
        **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
        **times,
        "login": "acme",
        "id": 1,
        "node_id": _sha("acme"),
        "url": url,
        "html_url": f"{question.server.url}/acme",
        "avatar_url": "https://avatars.example/acme.png",
        "description": "",
        "has_organization_projects": True,
        "has_repository_projects": True,
        "type": "Organization",
        "archived_at": None,
    }
    counts = {"members_count": len(team.members), "repos_count": 0}
    return {**_team(question, team, None), **times, **counts, "organization": organisation}


def _team_members(world: World, question: Question, owner: str, slug: str) -> Reply:
    team = next((team for team in world.teams if team.name == slug), None)
    if team is None:
        return _not_found()
    return question.page([simple_user(question, login, 7) for login in team.members])


def _members(world: World, question: Question, owner: str) -> Reply:
    return question.page([simple_user(question, login, 7) for login in world.people])


_ROUTES: list[tuple[str, Callable[..., Reply]]] = [
    (r"/users/([^/]+)", _account),
    (r"/orgs/([^/]+)/repos", _org_repositories),
    (r"/users/([^/]+)/repos", _user_repositories),
    (r"/repos/([^/]+/[^/]+)", _one),
    (r"/repositories/(\d+)(/.*)?", _by_id),
    (r"/repos/([^/]+/[^/]+)/git/trees/([^/]+)", _tree),
    (r"/repos/([^/]+/[^/]+)/contents/(.+)", _contents),
    (r"/orgs/([^/]+)/teams", _teams),
    (r"/orgs/([^/]+)/teams/([^/]+)/members", _team_members),
    (r"/orgs/([^/]+)/members", _members),
]


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def simple_user(question: Question, login: str, id: int, type: str = "User") -> dict[str, Any]:
    url = f"{question.server.url}{PREFIX}/users/{login}"
    return {
        "login": login,
        "id": id,
        "node_id": _sha(login),
        "avatar_url": f"https://avatars.example/{login}.png",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{question.server.url}/{login}",
        "type": type,
        "site_admin": False,
        **{f"{name}_url": f"{url}/{name}" for name in _USER_URLS},
    }


def profile(question: Question, login: str, id: int, type: str, *, name: str = "") -> dict[str, Any]:
    return {
        **simple_user(question, login, id, type),
        "name": name or login,
        "company": None,
        "blog": "",
        "location": None,
        "email": f"{login}@example.org" if type == "User" else None,
        "hireable": None,
        "bio": None,
        **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def _repository(question: Question, repository: Repository) -> dict[str, Any]:
    url = f"{question.server.url}{PREFIX}/repos/{repository.full_name}"
    return {
        "id": repository.id,
        "node_id": _sha(str(repository.id)),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": simple_user(question, repository.owner, 1, "Organization"),
        "private": repository.visibility == "private",
        "html_url": f"{question.server.url}/{repository.full_name}",
        "description": None,
        "fork": repository.fork,
        "url": url,
        **{f"{name}_url": f"{url}/{name}" for name in _REPOSITORY_URLS},
        "default_branch": repository.branch,
        "archived": repository.archived,
        "topics": repository.topics,
        "visibility": repository.visibility,
        "pushed_at": repository.pushed_at,
    }


def whole(question: Question, repository: Repository) -> dict[str, Any]:
    page = f"{question.server.url}/{repository.full_name}"
    flags = ("has_issues", "has_projects", "has_wiki", "has_pages", "has_discussions", "disabled")
    return {
        **_repository(question, repository),
        "clone_url": f"{page}.git",
        "git_url": f"{page}.git",
        "ssh_url": f"git@example.com:{repository.full_name}.git",
        "svn_url": page,
        **dict.fromkeys(("homepage", "language", "mirror_url", "license")),
        **dict.fromkeys(flags, False),
        **dict.fromkeys((*_COUNTS.split(), "size", "subscribers_count"), 0),
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def _team(question: Question, team: Team, parent: Team | None) -> dict[str, Any]:
    url = f"{question.server.url}{PREFIX}/organizations/1/team/{team.id}"
    return {
        "id": team.id,
        "node_id": _sha(team.name),
        "url": url,
        "html_url": f"{question.server.url}/orgs/acme/teams/{team.name}",
        "name": team.title,
        "slug": team.name,
        "description": f"What {team.title} does",
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "type": "organization",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "parent": _team(question, parent, None) if parent else None,
    }
