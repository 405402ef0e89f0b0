"""Projects and merge requests at GitLab, with the inputs and outputs of Backstage's actions."""

from __future__ import annotations

from typing import Any

from catalog.hosts.integrations import GITLAB
from control.capability import Change
from scaffolder.actions import host_inputs, pretending
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.actions.host_inputs import COMMIT, FIRST_COMMIT, REPO_URL, REPOSITORY, TOPICS
from scaffolder.errors import ActionFailed
from scaffolder.forms import names
from scaffolder.hosting import api as hosts
from scaffolder.hosting import gitlab, places, pushing
from scaffolder.hosting.places import Place

_NOT_DONE = ("setUserAsOwner", "signCommit")


def _publish(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITLAB)
    branch = pushing.branch_of(given)
    pushing.folder_of(work, given)
    with hosts.opened(place) as api:
        work.journal.command(f"create the project {place.full_name} at {place.host}")
        project, is_made = gitlab.ensure_project(api, given)
        work.journal.info(f"{place.page} is {'made' if is_made else 'there already'}")
        if words := host_inputs.left_out(given, _NOT_DONE):
            work.journal.warning(words)
        about = {"projectId": project, "created": is_made}
        if not is_made and given.get("skipExisting"):
            return {"remoteUrl": f"{place.page}.git", "repoContentsUrl": place.contents(branch), **about}
        pushed = pushing.push_first(work, given, place.remote)
        for one in given.get("branches") or ():
            gitlab.ensure_branch(api, project, one, branch)
        for variable in given.get("projectVariables") or ():
            gitlab.set_variable(api, project, variable)
    return {**host_inputs.published(place, given, pushed), **about}


def _merge_request(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITLAB)
    branch = str(given["branchName"])
    with hosts.opened(place) as api:
        found = gitlab.project(api)
        base = str(given.get("targetBranchName") or found.get("default_branch") or pushing.DEFAULT_BRANCH)
        message = str(given.get("commitMessage") or given["title"])
        pushed = pushing.push_onto(
            work, given, place.remote, base=base, branch=branch, message=message, may_add=False
        )
        about = {"projectid": place.full_name, "projectPath": place.full_name, "targetBranchName": base}
        if not pushed.has_branch:
            work.journal.info("Nothing differs, so no merge request was opened.")
            return about
        opened = gitlab.ensure_merge_request(api, int(found["id"]), branch, base, given)
    page = f"{place.page}/-/merge_requests/{opened['iid']}"
    work.journal.info(f"Merge request {page}")
    return {
        **about,
        "mergeRequestUrl": page,
        "mergeRequestId": opened["id"],
        "mergeRequestIid": opened["iid"],
    }


def _push(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITLAB)
    with hosts.opened(place) as api:
        found = gitlab.project(api)
    pushed = pushing.push_onto(
        work,
        given,
        place.remote,
        base=str(found.get("default_branch") or pushing.DEFAULT_BRANCH),
        branch=str(given["branchName"]),
        message=str(given["commitMessage"]),
        may_add=True,
    )
    return {"projectid": place.full_name, "projectPath": place.full_name, "commitHash": pushed.commit}


def _variable(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITLAB)
    variable = {
        "key": given["key"],
        "value": given["value"],
        "variable_type": given.get("variableType") or "env_var",
        "protected": bool(given.get("variableProtected")),
        "masked": bool(given.get("masked")),
        "raw": bool(given.get("raw")),
        "environment_scope": given.get("environmentScope") or "*",
    }
    with hosts.opened(place) as api:
        gitlab.set_variable(api, int(gitlab.project(api)["id"]), variable)
    work.journal.info(f"{place.full_name} has the variable {given['key']}")
    return {}


def _groups(work: Work, given: Input) -> Output:
    wanted = [
        one if isinstance(one, str) else str(one.get("slug") or one.get("name")) for one in given["path"]
    ]
    for name in wanted:
        if not names.is_hosted(name):
            raise ActionFailed(f"{name!r} cannot be the name of a group. Use letters, digits, - and _.")
    first = wanted[0] if wanted else "none"
    url = (
        given["repoUrl"] if "owner=" in given["repoUrl"] else f"{given['repoUrl']}?owner={first}&repo={first}"
    )
    place = places.place_of({**given, "repoUrl": url}, GITLAB)
    with hosts.opened(place) as api:
        number = gitlab.ensure_groups(api, wanted)
    work.journal.info(f"The group {'/'.join(wanted)} is number {number}")
    return {"groupId": number}


def _request(place: Place, given: Input) -> dict[str, object]:
    """What a dry run gives for a merge request."""
    return {
        "projectid": place.full_name,
        "projectPath": place.full_name,
        "targetBranchName": str(given.get("targetBranchName") or pushing.DEFAULT_BRANCH),
        "mergeRequestUrl": f"{place.page}/-/merge_requests/{pretending.NUMBER}",
        "mergeRequestId": pretending.NUMBER,
        "mergeRequestIid": pretending.NUMBER,
    }


def _commit(place: Place, given: Input) -> dict[str, object]:  # noqa: ARG001  the shape of Outputs
    return {
        "projectid": place.full_name,
        "projectPath": place.full_name,
        "commitHash": pretending.NO_COMMIT,
    }


def _pretend_groups(work: Work, given: Input) -> Output:
    work.journal.info(f"Would make sure that there is the {_foresee_groups(given)[0].what}")
    return {"groupId": pretending.NUMBER}


def _foresee_request(given: Input) -> list[Change]:
    return host_inputs.one_change("+", f"branch {given['branchName']} and a merge request in", given)


def _foresee_push(given: Input) -> list[Change]:
    return host_inputs.one_change("~", f"branch {given['branchName']} of", given)


def _foresee_variable(given: Input) -> list[Change]:
    return host_inputs.one_change("~", f"variable {given['key']} of", given)


def _foresee_groups(given: Input) -> list[Change]:
    path = "/".join(one if isinstance(one, str) else str(one.get("slug")) for one in given["path"])
    return [Change("+", str(given["repoUrl"]).partition("?")[0], f"group {path}, if it is missing")]


# What deletes or moves single files is not done: the files of the workspace are put over those of the branch.
_COMMIT_ACTION = {
    "enum": ["create", "update", "auto"],
    "description": "As in Backstage; whichever it is, files are made or replaced. delete is not supported",
}
_BRANCH = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": text("The branch"),
        "create": flag("Make it"),
        "ref": text("Where it begins; the default branch"),
        "protect": flag("Protect it"),
    },
}
_VARIABLE = {
    "type": "object",
    "required": ["key", "value"],
    "properties": {
        "key": text("Its name"),
        "value": text("Its value"),
        "variable_type": text("env_var or file"),
        "environment_scope": text("Where it holds; * by default"),
    },
}
_ONTO: dict[str, Any] = {
    **REPO_URL,
    **COMMIT,
    "branchName": text("The branch to write to"),
    "targetPath": text("The folder of the project to put the files into"),
    "commitAction": _COMMIT_ACTION,
}

ACTIONS = (
    Action(
        name="publish:gitlab",
        description=(
            "Creates a project at GitLab and pushes the workspace as its first commit. A second try finds what the "
            "first one made."
        ),
        schema=object_schema(
            ("repoUrl",),
            **REPO_URL,
            **FIRST_COMMIT,
            repoVisibility=host_inputs.visibility("internal"),
            description=text("What the project is for"),
            topics=TOPICS,
            settings={"type": "object", "description": "More fields of GitLab's API for new projects"},
            branches={"type": "array", "items": _BRANCH, "description": "Branches to make or protect"},
            projectVariables={"type": "array", "items": _VARIABLE, "description": "CI variables"},
            skipExisting=flag("Push nothing if the project is there already"),
        ),
        output=object_schema(
            **REPOSITORY["properties"],
            projectId={"type": "number", "description": "The project's number"},
            created=flag("Whether it was made by this try"),
        ),
        perform=_publish,
        pretend=pretending.publishing(GITLAB, projectId=pretending.NUMBER, created=True),
        foresee=host_inputs.new_repository,
        example=(
            "action: publish:gitlab\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  defaultBranch: main\n"
            "  settings:\n    visibility: internal\n    ci_config_path: .gitlab/ci.yaml\n"
        ),
    ),
    Action(
        name="publish:gitlab:merge-request",
        description=(
            "Puts the workspace over the files of a project at GitLab, on a branch of its own, and opens a merge "
            "request. Files that are only there stay. A second try finds the branch and the request."
        ),
        schema=object_schema(
            ("repoUrl", "branchName", "title"),
            **_ONTO,
            targetBranchName=text("The branch to merge into; the default branch if none is named"),
            title=text("The title of the merge request"),
            description=text("Its description"),
            commitMessage=text("The message of the commit; the title if none is given"),
            removeSourceBranch=flag("Delete the branch once it is merged"),
            assignee=text("The person it is assigned to"),
            reviewers=texts("People to ask for a review"),
            labels=text("Labels, by comma or as a list", type=["string", "array"]),
        ),
        output=object_schema(
            mergeRequestUrl=text("The page of the merge request"),
            mergeRequestId={"type": "number", "description": "Its number within GitLab"},
            mergeRequestIid={"type": "number", "description": "Its number within the project"},
            projectPath=text("The project"),
            projectid=text("The project, under its older name"),
            targetBranchName=text("The branch it merges into"),
        ),
        perform=_merge_request,
        pretend=pretending.requesting(GITLAB, _request),
        foresee=_foresee_request,
        example=(
            "action: publish:gitlab:merge-request\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n"
            "  branchName: add-catalog-info\n  title: Add catalog-info.yaml\n  targetPath: .\n"
        ),
    ),
    Action(
        name="gitlab:repo:push",
        description="Commits the workspace to a branch of a project at GitLab, which is made when it is missing.",
        schema=object_schema(
            ("repoUrl", "branchName", "commitMessage"),
            **_ONTO,
            commitMessage=text("The message of the commit"),
        ),
        output=object_schema(
            projectPath=text("The project"),
            projectid=text("The project, under its older name"),
            commitHash=text("The newest commit of the branch"),
        ),
        perform=_push,
        pretend=pretending.requesting(GITLAB, _commit),
        foresee=_foresee_push,
        example=(
            "action: gitlab:repo:push\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  branchName: environments\n"
            "  commitMessage: Add staging\n  targetPath: staging\n"
        ),
    ),
    Action(
        name="gitlab:projectVariable:create",
        description="Sets a CI variable of a project at GitLab.",
        schema=object_schema(
            ("repoUrl", "key", "value"),
            **REPO_URL,
            key=text("The name of the variable"),
            value=text("Its value"),
            variableType={"enum": ["env_var", "file"], "description": "env_var by default"},
            variableProtected=flag("Only for protected branches"),
            masked=flag("Hidden in logs of jobs"),
            raw=flag("$ has no meaning in it"),
            environmentScope=text("The environments it holds in; * by default"),
        ),
        perform=_variable,
        pretend=pretending.changing(GITLAB, "set a variable of"),
        foresee=_foresee_variable,
        example=(
            "action: gitlab:projectVariable:create\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  key: REGION\n"
            "  value: eu-west-1\n"
        ),
    ),
    Action(
        name="gitlab:group:ensureExists",
        description="Makes a group at GitLab, and those it lies in, where they are missing.",
        schema=object_schema(
            ("repoUrl", "path"),
            **REPO_URL,
            path={"type": "array", "description": "The groups, each within the one before", "minItems": 1},
        ),
        output=object_schema(groupId={"type": "number", "description": "The number of the last group"}),
        perform=_groups,
        pretend=_pretend_groups,
        foresee=_foresee_groups,
        example="action: gitlab:group:ensureExists\ninput:\n  repoUrl: gitlab.com\n  path: [acme, payments]\n",
    ),
)
