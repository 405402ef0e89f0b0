"""What is asked of GitHub (and GitHub Enterprise) to make a repository and to set it up. Each may be done twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from scaffolder.errors import ActionFailed
from scaffolder.hosting.api import Api, Refused

Settings = Mapping[str, Any]
# Inputs of Backstage's actions, and the fields of GitHub's API that they become.
SETTINGS = {
    "description": "description",
    "homepage": "homepage",
    "deleteBranchOnMerge": "delete_branch_on_merge",
    "allowMergeCommit": "allow_merge_commit",
    "allowSquashMerge": "allow_squash_merge",
    "allowRebaseMerge": "allow_rebase_merge",
    "allowAutoMerge": "allow_auto_merge",
    "squashMergeCommitTitle": "squash_merge_commit_title",
    "squashMergeCommitMessage": "squash_merge_commit_message",
    "hasProjects": "has_projects",
    "hasWiki": "has_wiki",
    "hasIssues": "has_issues",
}
# How GitHub says that a plan has no protected branches in private repositories.
_NEEDS_ANOTHER_PLAN = "Upgrade to GitHub"


def ensure_repository(api: Api, given: Settings) -> bool:
    """Make the repository unless it is there; whether it was made. Raises `ActionFailed` for one seen by others."""
    place, wanted = api.place, str(given.get("repoVisibility") or "private")
    path = f"/repos/{place.full_name}"
    if (found := api.find(path, f"the repository {place.full_name}")) is None:
        try:
            _create(api, given, wanted)
            return True
        except Refused as refusal:
            if (
                refusal.status != 422
                or (found := api.find(path, f"the repository {place.full_name}")) is None
            ):
                raise
    seen = found.get("visibility") or ("private" if found.get("private") else "public")
    if seen != wanted:
        raise ActionFailed(
            f"{place.full_name} is at {place.host} already, and it is {seen}, not {wanted}. Choose another name."
        )
    return False


def _create(api: Api, given: Settings, visibility: str) -> None:
    owner, what = api.place.owner, f"create the repository {api.place.full_name}"
    data = {theirs: given[ours] for ours, theirs in SETTINGS.items() if given.get(ours) is not None}
    data |= {"name": api.place.repo, "private": visibility == "private"}
    account = api.find(f"/users/{owner}", f"the owner {owner}")
    if account is None:
        raise ActionFailed(f"There is no owner {owner} at {api.place.host}. Check the name.")
    if account.get("type") == "Organization":
        api.change("POST", f"/orgs/{owner}/repos", what, {**data, "visibility": visibility})
        return
    token_of = (api.find("/user", "whose token it is") or {}).get("login", "")
    if str(token_of).lower() != owner.lower():
        raise ActionFailed(
            f"Only {owner} can create repositories of {owner}, and the token is {token_of or 'nobody'}'s. Choose an "
            "organisation."
        )
    api.change("POST", "/user/repos", what, data)


def set_up(api: Api, given: Settings, warn: Callable[[str], None]) -> None:
    """Topics, people, teams, variables and the protection of the default branch, which must be there."""
    path, name = f"/repos/{api.place.full_name}", api.place.full_name
    if topics := given.get("topics"):
        api.change("PUT", f"{path}/topics", f"set topics of {name}", {"names": [t.lower() for t in topics]})
    if access := given.get("access"):
        _give(api, str(access), "admin")
    for one in given.get("collaborators") or ():
        _give_one(api, one)
    for key, value in (given.get("repoVariables") or {}).items():
        set_variable(api, f"{path}/actions/variables", str(key), str(value))
    if given.get("protectDefaultBranch", True):
        _protect(api, given, str(given.get("defaultBranch") or "main"), warn)


def _give(api: Api, whom: str, permission: str) -> None:
    """`whom` is a person, or a team as ORGANISATION/team."""
    owner, _, team = whom.rpartition("/")
    path, name = f"/repos/{api.place.full_name}", api.place.full_name
    where = (
        f"/orgs/{quote(owner, safe='')}/teams/{quote(team, safe='')}{path}"
        if owner
        else f"{path}/collaborators/{quote(team, safe='')}"
    )
    api.change("PUT", where, f"let {whom} into {name}", {"permission": permission})


def _give_one(api: Api, one: Mapping[str, str]) -> None:
    team = one.get("team")
    whom = f"{api.place.owner}/{team}" if team else one.get("user") or one.get("username") or ""
    if not whom:
        raise ActionFailed("A collaborator has neither user nor team. Name one.")
    _give(api, whom, {"read": "pull", "write": "push"}.get(one["access"], one["access"]))


def set_variable(api: Api, path: str, name: str, value: str) -> None:
    """`path` is that of a list of variables."""
    what = f"set the variable {name}"
    if api.find(f"{path}/{quote(name, safe='')}", f"the variable {name}") is None:
        api.change("POST", path, what, {"name": name, "value": value})
    else:
        api.change("PATCH", f"{path}/{quote(name, safe='')}", what, {"name": name, "value": value})


def _protect(api: Api, given: Settings, branch: str, warn: Callable[[str], None]) -> None:
    path = f"/repos/{api.place.full_name}/branches/{quote(branch, safe='')}/protection"
    try:
        api.change("PUT", path, f"protect the branch {branch}", _protection(given))
    except Refused as refusal:
        if _NEEDS_ANOTHER_PLAN not in refusal.said:
            raise
        warn(f"The branch {branch} is not protected: {refusal.said}.")


def _protection(given: Settings) -> dict[str, Any]:
    checks = list(given.get("requiredStatusCheckContexts") or ())
    reviews: dict[str, Any] = {
        "required_approving_review_count": given.get("requiredApprovingReviewCount", 1),
        "require_code_owner_reviews": bool(given.get("requireCodeOwnerReviews")),
        "dismiss_stale_reviews": bool(given.get("dismissStaleReviews")),
        "require_last_push_approval": bool(given.get("requireLastPushApproval")),
    }
    if allowances := given.get("bypassPullRequestAllowances"):
        reviews["bypass_pull_request_allowances"] = allowances
    return {
        "required_status_checks": {
            "strict": bool(given.get("requireBranchesToBeUpToDate", True)),
            "contexts": checks,
        },
        "enforce_admins": bool(given.get("protectEnforceAdmins", True)),
        "required_pull_request_reviews": reviews,
        "restrictions": given.get("restrictions"),
        "required_conversation_resolution": bool(given.get("requiredConversationResolution")),
        "required_linear_history": bool(given.get("requiredLinearHistory")),
        "block_creations": bool(given.get("blockCreations")),
    }


def default_branch(api: Api) -> str:
    """Raises `ActionFailed` when there is no such repository."""
    found = api.find(f"/repos/{api.place.full_name}", f"the repository {api.place.full_name}")
    if found is None:
        raise ActionFailed(
            f"There is no repository {api.place.full_name} at {api.place.host}, or its token may not see it. Check the "
            "name."
        )
    return str(found.get("default_branch") or "main")


def ensure_pull_request(api: Api, branch: str, base: str, given: Settings) -> Mapping[str, Any]:
    """The open request from `branch` to `base`, opened when there is none."""
    path = f"/repos/{api.place.full_name}/pulls"
    query = {"head": f"{api.place.owner}:{branch}", "base": base, "state": "open"}
    if found := api.find(path, "open pull requests", query):
        first: Mapping[str, Any] = found[0]
        return first
    data = {
        "title": given["title"],
        "body": given.get("description") or "",
        "head": branch,
        "base": base,
        "draft": bool(given.get("draft")),
    }
    made: Mapping[str, Any] = api.change("POST", path, f"open a pull request from {branch} to {base}", data)
    return made


def ask_people(api: Api, number: int, given: Settings) -> None:
    """Reviewers and assignees of a pull request; whoever is named already stays."""
    path, what = f"/repos/{api.place.full_name}", f"ask people about pull request {number}"
    reviewers = {"reviewers": given.get("reviewers"), "team_reviewers": given.get("teamReviewers")}
    if wanted := {key: value for key, value in reviewers.items() if value}:
        api.change("POST", f"{path}/pulls/{number}/requested_reviewers", what, wanted)
    if assignees := given.get("assignees"):
        api.change("POST", f"{path}/issues/{number}/assignees", what, {"assignees": assignees})
