"""What is asked of GitLab to make a project and to set it up. Each may be done twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from scaffolder.errors import ActionFailed
from scaffolder.hosting.api import Api, Refused

Settings = Mapping[str, Any]


def find_project(api: Api) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = api.find(
        f"/projects/{api.place.project}", f"the project {api.place.full_name}"
    )
    return found


def project(api: Api) -> Mapping[str, Any]:
    """Raises `ActionFailed` when there is none."""
    if (found := find_project(api)) is None:
        raise ActionFailed(
            f"There is no project {api.place.full_name} at {api.place.host}, or its token may not see it. "
            "Check the name."
        )
    return found


def ensure_project(api: Api, given: Settings) -> tuple[int, bool]:
    """The project's number, and whether it was made. Raises `ActionFailed` for one that is seen by others."""
    settings = dict(given.get("settings") or {})
    wanted = str(settings.get("visibility") or given.get("repoVisibility") or "private")
    if (found := find_project(api)) is None:
        try:
            return int(_create(api, given, settings, wanted)["id"]), True
        except Refused as refusal:
            if refusal.status != 400 or (found := find_project(api)) is None:
                raise
    if found["visibility"] != wanted:
        raise ActionFailed(
            f"{api.place.full_name} is at {api.place.host} already, and it is {found['visibility']}, not {wanted}. "
            "Choose another name."
        )
    return int(found["id"]), False


def _create(api: Api, given: Settings, settings: dict[str, Any], visibility: str) -> Mapping[str, Any]:
    owner, place = api.place.owner, api.place
    namespace = api.find(f"/namespaces/{quote(owner, safe='')}", f"the group {owner}")
    if namespace is None:
        raise ActionFailed(
            f"There is no group or person {owner} at {place.host}, or its token may not see it. Check the name."
        )
    data = {"name": place.repo, "path": place.repo, **settings}
    if topics := given.get("topics"):
        data.setdefault("topics", topics)
    if description := given.get("description"):
        data.setdefault("description", description)
    # What decides where it lies and who sees it comes last: settings cannot say otherwise.
    data |= {"path": place.repo, "namespace_id": namespace["id"], "visibility": visibility}
    made: Mapping[str, Any] = api.change("POST", "/projects", f"create the project {place.full_name}", data)
    return made


def set_variable(api: Api, project: int, variable: Settings) -> None:
    """`variable` is as GitLab's API takes it."""
    key, scope = str(variable["key"]), str(variable.get("environment_scope") or "*")
    path, what = f"/projects/{project}/variables", f"set the variable {key}"
    one = f"{path}/{quote(key, safe='')}"
    query = {"filter[environment_scope]": scope}
    if api.find(one, f"the variable {key}", query) is None:
        api.change("POST", path, what, variable)
    else:
        api.change("PUT", one, what, {**variable, "filter": {"environment_scope": scope}})


def ensure_branch(api: Api, project: int, branch: Settings, default: str) -> None:
    """A branch of `branches`: made from `ref`, protected if wanted."""
    name = str(branch["name"])
    path = f"/projects/{project}"
    quoted = quote(name, safe="")
    if (
        branch.get("create")
        and api.find(f"{path}/repository/branches/{quoted}", f"the branch {name}") is None
    ):
        data = {"branch": name, "ref": branch.get("ref") or default}
        api.change("POST", f"{path}/repository/branches", f"make the branch {name}", data)
    if (
        branch.get("protect")
        and api.find(f"{path}/protected_branches/{quoted}", f"the branch {name}") is None
    ):
        api.change("POST", f"{path}/protected_branches", f"protect the branch {name}", {"name": name})


def ensure_merge_request(
    api: Api, project: int, branch: str, base: str, given: Settings
) -> Mapping[str, Any]:
    """The open request from `branch` to `base`, opened when there is none."""
    path = f"/projects/{project}/merge_requests"
    query = {"source_branch": branch, "target_branch": base, "state": "opened"}
    if found := api.find(path, "open merge requests", query):
        first: Mapping[str, Any] = found[0]
        return first
    data: dict[str, Any] = {
        "source_branch": branch,
        "target_branch": base,
        "title": given["title"],
        "description": given.get("description") or "",
        "remove_source_branch": bool(given.get("removeSourceBranch")),
    }
    if labels := given.get("labels"):
        data["labels"] = labels if isinstance(labels, str) else ",".join(labels)
    if assignee := given.get("assignee"):
        data["assignee_id"] = _person(api, str(assignee))
    if reviewers := given.get("reviewers"):
        data["reviewer_ids"] = [_person(api, str(name)) for name in reviewers]
    made: Mapping[str, Any] = api.change("POST", path, f"open a merge request from {branch} to {base}", data)
    return made


def _person(api: Api, username: str) -> int:
    found = api.find("/users", f"the person {username}", {"username": username})
    if not found:
        raise ActionFailed(
            f"{api.place.host} knows no {username}. Check the names of assignee and reviewers."
        )
    return int(found[0]["id"])


def ensure_groups(api: Api, names: list[str]) -> int:
    """The last of the groups, each within the one before; those that are missing are made. Its number."""
    parent: int | None = None
    for depth in range(1, len(names) + 1):
        whole = "/".join(names[:depth])
        found = api.find(f"/groups/{quote(whole, safe='')}", f"the group {whole}")
        if found is None:
            name = names[depth - 1]
            data = {"name": name, "path": name, **({"parent_id": parent} if parent else {})}
            found = api.change("POST", "/groups", f"make the group {whole}", data)
        parent = int(found["id"])
    if parent is None:
        raise ActionFailed("The list of groups is empty. Name at least one.")
    return parent
