"""What else templates do at GitHub: workflows, webhooks, labels, environments."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from catalog.hosts.integrations import GITHUB
from control.capability import Change
from scaffolder.actions import host_inputs, pretending
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.actions.host_inputs import REPO_URL
from scaffolder.errors import ActionFailed
from scaffolder.hosting import api as hosts
from scaffolder.hosting import github, github_secrets, places
from scaffolder.hosting.api import Api, Refused


def _dispatch(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITHUB)
    workflow, ref = str(given["workflowId"]), str(given["branchOrTagName"])
    inputs = {key: _plain(value) for key, value in (given.get("workflowInputs") or {}).items()}
    with hosts.opened(place) as api:
        path = f"/repos/{place.full_name}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        data = {"ref": ref, "inputs": inputs}
        # GitHub has no way to ask whether it was started already.
        work.once("dispatch", lambda _key: api.change("POST", path, f"start the workflow {workflow}", data))
    work.journal.info(f"Started {workflow} of {place.full_name} at {ref}")
    return {}


def _plain(value: Any) -> str:
    """GitHub takes texts alone."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _webhook(work: Work, given: Input) -> Output:
    place = places.place_of(given, GITHUB)
    config = {
        "url": given["webhookUrl"],
        "content_type": given.get("contentType") or "form",
        "insecure_ssl": "1" if given.get("insecureSsl") else "0",
    }
    if secret := given.get("webhookSecret"):
        config["secret"] = secret
    data = {"config": config, "events": given.get("events") or ["push"], "active": given.get("active", True)}
    path = f"/repos/{place.full_name}/hooks"
    with hosts.opened(place) as api:
        hook = _hook_to(api, path, str(given["webhookUrl"]))
        what = f"make a webhook of {place.full_name}"
        if hook is None:
            api.change("POST", path, what, {"name": "web", **data})
        else:
            api.change("PATCH", f"{path}/{hook}", what, data)
    work.journal.info(f"{place.full_name} tells {given['webhookUrl']} of {', '.join(data['events'])}")
    return {}


def _hook_to(api: Api, path: str, url: str) -> int | None:
    hooks = api.find(path, "its webhooks", {"per_page": 100}) or []
    return next((int(hook["id"]) for hook in hooks if hook["config"].get("url") == url), None)


def _label(work: Work, given: Input) -> Output:
    place, number = places.place_of(given, GITHUB), int(given["number"])
    with hosts.opened(place) as api:
        path = f"/repos/{place.full_name}/issues/{number}/labels"
        api.change("POST", path, f"label issue {number}", {"labels": given["labels"]})
    work.journal.info(f"{place.full_name}#{number} has the labels {', '.join(given['labels'])}")
    return {}


def _environment(work: Work, given: Input) -> Output:
    place, name = places.place_of(given, GITHUB), str(given["name"])
    path = f"/repos/{place.full_name}/environments/{quote(name, safe='')}"
    with hosts.opened(place) as api:
        github.default_branch(api)  # says so when there is no such repository
        api.change("PUT", path, f"set up the environment {name}", _environment_data(api, given))
        for pattern, type in _policies(given):
            _allow(api, path, pattern, type)
        for key, value in (given.get("environmentVariables") or {}).items():
            github.set_variable(api, f"{path}/variables", str(key), str(value))
        github_secrets.set_secrets(work, api, f"{path}/secrets", given.get("secrets") or {})
    work.journal.info(f"{place.full_name} has the environment {name}")
    return {}


def _environment_data(api: Api, given: Input) -> dict[str, Any]:
    data: dict[str, Any] = {"deployment_branch_policy": given.get("deploymentBranchPolicy")}
    if given.get("waitTimer") is not None:
        data["wait_timer"] = int(given["waitTimer"])
    if given.get("preventSelfReview") is not None:
        data["prevent_self_review"] = bool(given["preventSelfReview"])
    if reviewers := given.get("reviewers"):
        data["reviewers"] = [_reviewer(api, str(ref)) for ref in reviewers]
    return data


def _reviewer(api: Api, ref: str) -> dict[str, Any]:
    """`user:default/maya` or `group:default/platform`, whose names are those at GitHub, as Backstage has it."""
    kind, _, rest = ref.rpartition(":")
    name = rest.rpartition("/")[2]
    is_team = kind.lower() == "group"
    path = (
        f"/orgs/{api.place.owner}/teams/{quote(name, safe='')}"
        if is_team
        else f"/users/{quote(name, safe='')}"
    )
    found = api.find(path, f"the reviewer {name}")
    if found is None:
        raise ActionFailed(
            f"{api.place.host} knows no {'team' if is_team else 'person'} {name}. Check reviewers."
        )
    return {"type": "Team" if is_team else "User", "id": found["id"]}


def _policies(given: Input) -> list[tuple[str, str]]:
    branches = [(name, "branch") for name in given.get("customBranchPolicyNames") or ()]
    return [*branches, *((name, "tag") for name in given.get("customTagPolicyNames") or ())]


def _allow(api: Api, path: str, pattern: str, type: str) -> None:
    try:
        what = f"allow deployments of {pattern}"
        api.change("POST", f"{path}/deployment-branch-policies", what, {"name": pattern, "type": type})
    except Refused as refusal:
        if refusal.status != 303:  # it is allowed already
            raise


def _foresee_dispatch(given: Input) -> list[Change]:
    return host_inputs.one_change("+", f"run of the workflow {given['workflowId']} in", given)


def _foresee_webhook(given: Input) -> list[Change]:
    return host_inputs.one_change("+", f"webhook to {given['webhookUrl']} of", given)


def _foresee_label(given: Input) -> list[Change]:
    return host_inputs.one_change("~", f"labels of issue {given['number']} in", given)


def _foresee_environment(given: Input) -> list[Change]:
    return host_inputs.one_change("+", f"environment {given['name']} of", given)


_POLICY = {
    "type": ["object", "null"],
    "description": "Which branches may be deployed: protected_branches or custom_branch_policies",
}

ACTIONS = (
    Action(
        name="github:actions:dispatch",
        description="Starts a workflow of GitHub Actions. A second try starts it a second time.",
        schema=object_schema(
            ("repoUrl", "workflowId", "branchOrTagName"),
            **REPO_URL,
            workflowId=text("The workflow: the name of its file, or its number", type=["string", "number"]),
            branchOrTagName=text("The branch or tag to run it on"),
            workflowInputs={"type": "object", "description": "Its inputs, by name"},
        ),
        perform=_dispatch,
        pretend=pretending.changing(GITHUB, "start a workflow of"),
        foresee=_foresee_dispatch,
        example=(
            "action: github:actions:dispatch\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n"
            "  workflowId: deploy.yaml\n  branchOrTagName: main\n  workflowInputs:\n    environment: staging\n"
        ),
    ),
    Action(
        name="github:webhook",
        description="Makes a webhook of a repository at GitHub, or changes the one that goes to the same address.",
        schema=object_schema(
            ("repoUrl", "webhookUrl"),
            **REPO_URL,
            webhookUrl=text("Where events are sent"),
            webhookSecret=text("What they are signed with, best from ${{ secrets.… }}"),
            events=texts("Which events; push by default"),
            active=flag("Send events; true by default"),
            contentType={"enum": ["form", "json"], "description": "How they are sent; form by default"},
            insecureSsl=flag("Do not check the receiver's certificate"),
        ),
        perform=_webhook,
        pretend=pretending.changing(GITHUB, "make a webhook of"),
        foresee=_foresee_webhook,
        example=(
            "action: github:webhook\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n"
            "  webhookUrl: https://ci.example.com/hooks\n  webhookSecret: ${{ secrets.hook }}\n  contentType: json\n"
        ),
    ),
    Action(
        name="github:issues:label",
        description="Puts labels on an issue or pull request at GitHub. Those it has stay.",
        schema=object_schema(
            ("repoUrl", "number", "labels"),
            **REPO_URL,
            number=text(
                "The number of the issue or pull request", type=["number", "string"], pattern="^[0-9]+$"
            ),
            labels=texts("The labels to add"),
        ),
        perform=_label,
        pretend=pretending.changing(GITHUB, "put labels on an issue of"),
        foresee=_foresee_label,
        example=(
            "action: github:issues:label\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n"
            "  number: 42\n  labels: [dependencies]\n"
        ),
    ),
    Action(
        name="github:environment:create",
        description="Sets up an environment of a repository at GitHub, with its variables and who must agree.",
        schema=object_schema(
            ("repoUrl", "name"),
            **REPO_URL,
            name=text("The name of the environment"),
            deploymentBranchPolicy=_POLICY,
            customBranchPolicyNames=texts("Patterns of branches that may be deployed"),
            customTagPolicyNames=texts("Patterns of tags that may be deployed"),
            environmentVariables={"type": "object", "description": "Variables, by name"},
            secrets={"type": "object", "description": "Secrets, by name, best from ${{ secrets.… }}"},
            waitTimer={"type": "integer", "description": "Minutes to wait before a deployment"},
            preventSelfReview=flag("Who starts a deployment may not agree to it"),
            reviewers=texts("Who must agree: user:default/NAME or group:default/TEAM"),
        ),
        perform=_environment,
        pretend=pretending.changing(GITHUB, "set up an environment of"),
        foresee=_foresee_environment,
        example=(
            "action: github:environment:create\ninput:\n  repoUrl: ${{ parameters.repoUrl }}\n  name: production\n"
            "  waitTimer: 10\n  environmentVariables:\n    REGION: eu-west-1\n"
        ),
    ),
)
