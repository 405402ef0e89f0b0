"""Repositories and pull requests at GitHub (Enterprise too), with inputs and outputs as Backstage's actions have."""

from __future__ import annotations

from typing import Any

from catalog.hosts.integrations import GITHUB
from control.capability import Change
from scaffolder.actions import host_inputs, pretending
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.actions.host_inputs import COMMIT, FIRST_COMMIT, REPO_URL, REPOSITORY, TOPICS
from scaffolder.hosting import api as hosts
from scaffolder.hosting import github, github_secrets, places, pushing
from scaffolder.hosting.places import Place

_NOT_DONE = (
    *("oidcCustomization", "requiredCommitSigning", "customProperties", "subscribe"),
    *("workflowAccess", "autoInit", "forceFork", "forceEmptyGitAuthor"),
)


def _publish(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITHUB)
    pushing.branch_of(given)
    pushing.folder_of(work, given)
    with hosts.opened(place) as api:
        _ensured(work, api, given)
        # Before the push: it may start a workflow that needs them.
        _set_secrets(work, api, given)
        pushed = pushing.push_first(work, given, place.remote)
        github.set_up(api, given, work.journal.warning)
    return host_inputs.published(place, given, pushed)


def _create(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITHUB)
    with hosts.opened(place) as api:
        _ensured(work, api, given)
        _set_secrets(work, api, given)
        # There is no branch yet that could be protected.
        github.set_up(api, {**given, "protectDefaultBranch": False}, work.journal.warning)
    return _addresses(place, given)


def _addresses(place: Place, given: Input) -> dict[str, object]:
    branch = str(given.get("defaultBranch") or pushing.DEFAULT_BRANCH)
    return {"remoteUrl": f"{place.page}.git", "repoContentsUrl": place.contents(branch)}


def _push(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITHUB)
    with hosts.opened(place) as api:
        github.default_branch(api)  # says so when there is no such repository
        pushed = pushing.push_first(work, given, place.remote)
        github.set_up(api, _protection_alone(given), work.journal.warning)
    return host_inputs.published(place, given, pushed)


def _protection_alone(given: Input) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key in _PROTECTION or key == "defaultBranch"}


def _ensured(work: Work, api: hosts.Api, given: Input) -> None:
    work.journal.command(f"create the repository {api.place.full_name} at {api.place.host}")
    is_made = github.ensure_repository(api, given)
    work.journal.info(f"{api.place.page} is {'made' if is_made else 'there already'}")
    if words := host_inputs.left_out(given, _NOT_DONE):
        work.journal.warning(words)


def _set_secrets(work: Work, api: hosts.Api, given: Input) -> None:
    path = f"/repos/{api.place.full_name}/actions/secrets"
    github_secrets.set_secrets(work, api, path, given.get("secrets") or {})


def _pull_request(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITHUB)
    branch = str(given["branchName"])
    with hosts.opened(place) as api:
        base = str(given.get("targetBranchName") or github.default_branch(api))
        message = str(given.get("commitMessage") or given["title"])
        pushed = pushing.push_onto(
            work,
            given,
            place.remote,
            base=base,
            branch=branch,
            message=message,
            may_add=bool(given.get("update")),
            even_empty=given.get("createWhenEmpty", True),
        )
        if not pushed.has_branch:
            work.journal.info("Nothing differs, so no pull request was opened.")
            return {"targetBranchName": base}
        opened = github.ensure_pull_request(api, branch, base, given)
        github.ask_people(api, int(opened["number"]), given)
    page = f"{place.page}/pull/{opened['number']}"
    work.journal.info(f"Pull request {page}")
    return {"remoteUrl": page, "pullRequestNumber": opened["number"], "targetBranchName": base}


def _request(place: Place, given: Input) -> dict[str, object]:
    """What a dry run gives for a pull request."""
    return {
        "remoteUrl": f"{place.page}/pull/{pretending.NUMBER}",
        "pullRequestNumber": pretending.NUMBER,
        "targetBranchName": str(given.get("targetBranchName") or pushing.DEFAULT_BRANCH),
    }


def _foresee_request(given: Input) -> list[Change]:
    return host_inputs.one_change("+", f"branch {given['branchName']} and a pull request in", given)


def _foresee_push(given: Input) -> list[Change]:
    branch = given.get("defaultBranch") or pushing.DEFAULT_BRANCH
    return host_inputs.one_change("+", f"first commit, on {branch}, of", given)


_PROTECTION: dict[str, Any] = {
    "protectDefaultBranch": flag("Protect the default branch; true by default"),
    "protectEnforceAdmins": flag("The protection binds administrators too; true by default"),
    "requiredApprovingReviewCount": {
        "type": "number",
        "description": "How many must approve a pull request; 1 by default",
    },
    "requireCodeOwnerReviews": flag("Code owners must approve"),
    "dismissStaleReviews": flag("New commits take approvals away"),
    "requireLastPushApproval": flag("Somebody else must approve the newest commit"),
    "requiredStatusCheckContexts": texts("Checks that must pass"),
    "requireBranchesToBeUpToDate": flag(
        "Branches must be up to date before they are merged; true by default"
    ),
    "requiredConversationResolution": flag("All conversations must be resolved"),
    "requiredLinearHistory": flag("No merge commits"),
    "blockCreations": flag("Matching branches cannot be created by others"),
    "bypassPullRequestAllowances": {
        "type": "object",
        "description": "Who may do without pull requests: users, teams, apps",
    },
    "restrictions": {"type": "object", "description": "Who may push: users, teams, apps"},
}
_COLLABORATOR = {
    "type": "object",
    "required": ["access"],
    "properties": {
        "access": text("pull, push, triage, maintain or admin"),
        "user": text("A person"),
        "team": text("Or a team of the organisation"),
    },
}
_SETTINGS: dict[str, Any] = {
    **REPO_URL,
    "description": text("What the repository is for"),
    "homepage": text("An address to show beside the description"),
    "repoVisibility": host_inputs.visibility("internal"),
    "access": text("Who gets admin rights: a person, or a team as ORGANISATION/team"),
    "collaborators": {
        "type": "array",
        "items": _COLLABORATOR,
        "description": "Who else gets in, and how far",
    },
    "topics": TOPICS,
    "deleteBranchOnMerge": flag("Delete branches once they are merged"),
    "allowMergeCommit": flag("Allow merge commits"),
    "allowSquashMerge": flag("Allow squash merging"),
    "allowRebaseMerge": flag("Allow rebase merging"),
    "allowAutoMerge": flag("Allow pull requests to merge by themselves"),
    "squashMergeCommitTitle": text("PR_TITLE or COMMIT_OR_PR_TITLE"),
    "squashMergeCommitMessage": text("PR_BODY, COMMIT_MESSAGES or BLANK"),
    "hasProjects": flag("With projects"),
    "hasWiki": flag("With a wiki"),
    "hasIssues": flag("With issues"),
    "repoVariables": {"type": "object", "description": "Variables for GitHub Actions, by name"},
    "secrets": {
        "type": "object",
        "description": "Secrets for GitHub Actions, by name, best from ${{ secrets.… }}; sealed before they leave",
    },
}

ACTIONS = (
    Action(
        name="publish:github",
        description=(
            "Creates a repository at GitHub, pushes the workspace as its first commit, protects the branch and lets "
            "people in. A second try finds what the first one made."
        ),
        schema=object_schema(("repoUrl",), **_SETTINGS, **FIRST_COMMIT, **_PROTECTION),
        output=REPOSITORY,
        perform=_publish,
        pretend=pretending.publishing(GITHUB),
        foresee=host_inputs.new_repository,
        example=(
            "action: publish:github\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n"
            "  description: ${{ parameters.description }}\n  repoVisibility: internal\n"
            "  topics: [service]\n  requiredApprovingReviewCount: 1\n"
        ),
    ),
    Action(
        name="github:repo:create",
        description="Creates an empty repository at GitHub and lets people in.",
        schema=object_schema(("repoUrl",), **_SETTINGS),
        output=object_schema(
            remoteUrl=text("The address to clone from"), repoContentsUrl=text("Where its files will be read")
        ),
        perform=_create,
        pretend=pretending.changing(GITHUB, "make the repository", _addresses),
        foresee=host_inputs.new_repository,
        example="action: github:repo:create\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  repoVisibility: private\n",
    ),
    Action(
        name="github:repo:push",
        description="Pushes the workspace as the first commit of an empty repository at GitHub; protects the branch.",
        schema=object_schema(("repoUrl",), **REPO_URL, **FIRST_COMMIT, **_PROTECTION),
        output=REPOSITORY,
        perform=_push,
        pretend=pretending.publishing(GITHUB),
        foresee=_foresee_push,
        example="action: github:repo:push\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  defaultBranch: main\n",
    ),
    Action(
        name="publish:github:pull-request",
        description=(
            "Puts the workspace over the files of a repository at GitHub, on a branch of its own, and opens a pull "
            "request. Files that are only there stay. A second try finds the branch and the request."
        ),
        schema=object_schema(
            ("repoUrl", "branchName", "title", "description"),
            **REPO_URL,
            **COMMIT,
            branchName=text("The branch to make"),
            targetBranchName=text("The branch to merge into; the default branch if none is named"),
            title=text("The title of the pull request"),
            description=text("Its description"),
            commitMessage=text("The message of the commit; the title if none is given"),
            targetPath=text("The folder of the repository to put the files into"),
            draft=flag("Open it as a draft"),
            reviewers=texts("People to ask for a review"),
            teamReviewers=texts("Teams to ask for a review"),
            assignees=texts("People it is assigned to"),
            update=flag("Add to the branch if somebody else began it"),
            createWhenEmpty=flag("Open it also when nothing differs; true by default"),
        ),
        output=object_schema(
            remoteUrl=text("The page of the pull request"),
            pullRequestNumber={"type": "number", "description": "Its number"},
            targetBranchName=text("The branch it merges into"),
        ),
        perform=_pull_request,
        pretend=pretending.requesting(GITHUB, _request),
        foresee=_foresee_request,
        example=(
            "action: publish:github:pull-request\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n"
            "  branchName: add-catalog-info\n  title: Add catalog-info.yaml\n"
            "  description: So that the portal knows this repository.\n"
        ),
    ),
)
