"""Repositories at hosts: made by REST, filled by git over http, and found again by a second try."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from scaffolder.errors import ActionFailed
from scaffolder.git import NameTaken
from scaffolder.testing import Bench
from tests.catalog.hosts.server import TOKEN, Reply
from tests.scaffolder.forge.fixtures import Server

pytestmark = [pytest.mark.service, pytest.mark.django_db]
GITHUB = {"repoUrl": "github.example?owner=acme&repo=payout"}
GITLAB = {"repoUrl": "gitlab.example?owner=acme/pay&repo=payout"}
GITEA = {"repoUrl": "gitea.example?owner=acme&repo=payout"}
FILES = {"README.md": "# Payout\n", "src/main.py": "print()\n"}
READ = {path: text.strip() for path, text in FILES.items()}


def publish(bench: Bench, name: str, **given: Any) -> dict[str, Any]:
    return dict(bench.perform(name, **given))


# publish:github


def test_github_gets_a_repository_with_the_files_and_its_branch_protected(
    bench: Bench, github_server: Server
) -> None:
    bench.place(FILES)
    output = publish(
        bench,
        "publish:github",
        **GITHUB,
        description="Pays out",
        repoVisibility="internal",
        topics=["Payments"],
        access="acme/platform",
        collaborators=[{"user": "maya", "access": "push"}, {"team": "ops", "access": "write"}],
        repoVariables={"REGION": "eu-west-1"},
        requiredApprovingReviewCount=2,
    )
    made = github_server.forge["acme/payout"]
    assert made.files() == READ
    assert (made.visibility, made.topics, made.settings["description"]) == (
        "internal",
        ["payments"],
        "Pays out",
    )
    assert made.people == {"acme/platform": "admin", "maya": "push", "acme/ops": "push"}
    assert made.variables == {"REGION": "eu-west-1"}
    assert made.protected["main"]["required_pull_request_reviews"]["required_approving_review_count"] == 2
    page = f"{github_server.host.url.partition(':')[0]}://github.example/acme/payout"
    assert output["remoteUrl"] == f"{page}.git"
    assert output["repoContentsUrl"] == f"{page}/blob/main"
    assert github_server.logins[0] == "x-access-token"


def test_a_second_try_finds_what_the_first_one_made(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    github_server.forge.has_protection = True
    github_server.host.failures = []
    first = publish(bench, "publish:github", **GITHUB)
    github_server.host.forget()
    assert publish(bench, "publish:github", **GITHUB) == first
    assert github_server.asked == ["PUT /repos/acme/payout/branches/main/protection"]
    assert github_server.forge["acme/payout"].commits() == ["Initial commit"]


def test_a_try_that_broke_off_after_the_repository_was_made_goes_on(
    bench: Bench, github_server: Server
) -> None:
    bench.place(FILES)
    github_server.forge.make("acme", "payout")
    publish(bench, "publish:github", **GITHUB)
    assert github_server.forge["acme/payout"].files() == READ


def test_a_repository_that_holds_something_else_is_left_alone(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    theirs = github_server.forge.seed("acme/payout", {"theirs": "x"})
    with pytest.raises(NameTaken, match="acme/payout is taken"):
        publish(bench, "publish:github", **GITHUB)
    assert theirs.files() == {"theirs": "x"}
    assert theirs.protected == {}


@pytest.mark.parametrize(
    ("name", "given", "server"),
    [
        ("publish:github", GITHUB, "github_server"),
        ("publish:gitlab", GITLAB, "gitlab_server"),
        ("publish:gitea", GITEA, "gitea_server"),
    ],
)
def test_nothing_private_goes_to_a_repository_that_everybody_sees(
    bench: Bench, request: pytest.FixtureRequest, name: str, given: dict[str, str], server: str
) -> None:
    bench.place(FILES)
    found: Server = request.getfixturevalue(server)
    owner = "acme/pay" if name == "publish:gitlab" else "acme"
    theirs = found.forge.make(owner, "payout", visibility="public")
    with pytest.raises(ActionFailed, match=r"is at .* already, and it is public"):
        publish(bench, name, **given)
    assert theirs.branches() == []


def test_a_plan_without_protected_branches_is_a_warning(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    github_server.forge.has_protection = False
    publish(bench, "publish:github", **GITHUB)
    assert any("main is not protected: Upgrade to GitHub Pro" in line for line in bench.lines.lines)


def test_only_the_owner_of_the_token_makes_repositories_of_a_person(
    bench: Bench, github_server: Server
) -> None:
    bench.place(FILES)
    github_server.forge.organisations = set()
    with pytest.raises(ActionFailed, match="There is no owner acme"):
        publish(bench, "publish:github", **GITHUB)
    with pytest.raises(ActionFailed, match="Only maya can create repositories of maya"):
        publish(bench, "publish:github", repoUrl="github.example?owner=maya&repo=x")
    publish(bench, "publish:github", repoUrl="github.example?owner=portico-bot&repo=x")
    assert github_server.forge["portico-bot/x"].files() == READ


# What is refused


def test_a_host_that_nobody_set_up_is_never_told_a_token(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    for name in ("publish:github", "publish:gitlab", "publish:gitea"):
        with pytest.raises(ActionFailed, match=r"may not change anything at evil\.example"):
            publish(bench, name, repoUrl="evil.example?owner=a&repo=b", token="mine")
    with pytest.raises(ActionFailed, match=r"may not change anything at github\.example"):
        publish(bench, "publish:gitlab", repoUrl="github.example?owner=a&repo=b")
    assert github_server.host.log == []


def test_git_elsewhere_is_not_told_the_token(bench: Bench, github_server: Server, settings: Settings) -> None:
    bench.place(FILES)
    here = github_server.host.url.replace("127.0.0.1", "localhost")
    settings.PORTICO_GIT_HOSTS = {"github.example": f"{here}/{{owner}}/{{repo}}.git"}
    with pytest.raises(ActionFailed):
        publish(bench, "publish:github", **GITHUB)
    assert github_server.logins == []


@pytest.mark.parametrize("repo_url", ["github.example?owner=..&repo=x", "github.example?owner=a&repo=..%2Fx"])
def test_names_do_not_climb_in_the_api(bench: Bench, github_server: Server, repo_url: str) -> None:
    with pytest.raises(ActionFailed, match="cannot be the name of"):
        publish(bench, "publish:github", repoUrl=repo_url)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("publish:github", {"access": ".."}),
        ("publish:github", {"access": "../x"}),
        ("publish:github", {"repoVariables": {"..": "x"}}),
        ("github:actions:dispatch", {"workflowId": "..", "branchOrTagName": "main"}),
        ("github:environment:create", {"name": "%2e."}),
    ],
)
def test_other_names_do_not_climb_either(
    bench: Bench, github_server: Server, name: str, more: dict[str, Any]
) -> None:
    bench.place(FILES)
    github_server.forge.make("acme", "payout")
    if more.get("name") == "%2e.":
        bench.perform(name, **GITHUB, **more)  # quoted once more, it is an odd name and nothing else
        assert list(github_server.forge["acme/payout"].environments) == ["%2e."]
        return
    with pytest.raises(ActionFailed, match="only dots"):
        bench.perform(name, **GITHUB, **more)


def test_an_old_token_is_said_in_words_without_it(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    with pytest.raises(ActionFailed) as caught:
        publish(bench, "publish:github", **GITHUB, token="expired-token")
    assert "answered 401: Bad credentials" in str(caught.value)
    assert "expired-token" not in str(caught.value) + "".join(bench.lines.lines)


def test_the_token_stands_in_no_line_and_no_output(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    output = publish(bench, "publish:github", **GITHUB)
    assert TOKEN not in repr(output) + "".join(bench.lines.lines)


def test_a_change_is_not_sent_on_by_a_redirect(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    github_server.forge.make("acme", "payout")
    moved = Reply(307, {"message": "Moved"}, {"Location": f"{github_server.host.url}/stolen"})
    endpoint = github_server.host.endpoint
    github_server.host.endpoint = lambda question: moved if question.method == "POST" else endpoint(question)
    with pytest.raises(ActionFailed, match="answered 307"):
        bench.perform("github:issues:label", **GITHUB, number=1, labels=["x"])
    assert [one.path for one in github_server.host.log if "stolen" in one.path] == []


def test_secrets_reach_github_sealed_and_no_log(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    publish(bench, "publish:github", **GITHUB, secrets={"DEPLOY_KEY": "hush-hush"})
    (repo,) = github_server.forge.repos
    assert repo.secrets == {"DEPLOY_KEY": "hush-hush"}
    bench.perform("github:environment:create", **GITHUB, name="production", secrets={"DB": "psst"})
    assert repo.secrets["production/DB"] == "psst"
    sent = "".join(str(one.data) for one in github_server.host.log)
    assert "hush-hush" not in sent + "".join(bench.lines.lines)
    assert bench.hidden == ["hush-hush", "psst"]
    assert "has the secrets DEPLOY_KEY" in "\n".join(bench.lines.lines)


def test_an_empty_secret_is_refused_instead_of_set(bench: Bench, github_server: Server) -> None:
    github_server.forge.make("acme", "payout")
    with pytest.raises(ActionFailed, match="The secret A is empty"):
        bench.perform("github:environment:create", **GITHUB, name="x", secrets={"A": ""})


# Requests


def test_a_pull_request_keeps_what_is_there(bench: Bench, github_server: Server) -> None:
    github_server.forge.seed("acme/payout", {"theirs": "x", "docs/a.md": "old"})
    bench.place({"a.md": "new", "b.md": "new"})
    request = {
        "branchName": "add-docs",
        "title": "Add docs",
        "description": "As agreed",
        "targetPath": "docs",
    }
    output = publish(
        bench, "publish:github:pull-request", **GITHUB, **request, reviewers=["maya"], assignees=["tomas"]
    )
    repo = github_server.forge["acme/payout"]
    assert repo.files("add-docs") == {"theirs": "x", "docs/a.md": "new", "docs/b.md": "new"}
    assert repo.files() == {"theirs": "x", "docs/a.md": "old"}
    assert repo.commits("add-docs") == ["Add docs", "Theirs"]
    opened = repo.requests[0]
    assert (opened["title"], opened["body"], opened["base"]) == ("Add docs", "As agreed", "main")
    assert (opened["reviewers"], opened["assignees"]) == (["maya"], ["tomas"])
    assert output["pullRequestNumber"] == 1
    assert output["remoteUrl"].endswith("/acme/payout/pull/1")


@pytest.mark.parametrize("breaks_off", [True, False])
def test_a_second_try_finds_branch_and_request(bench: Bench, github_server: Server, breaks_off: bool) -> None:
    repo = github_server.forge.seed("acme/payout", {"theirs": "x"})
    bench.place(FILES)
    request = {"branchName": "add", "title": "Add", "description": ""}
    first = publish(bench, "publish:github:pull-request", **GITHUB, **request)
    if breaks_off:  # pushed, and died before the request was opened
        repo.requests.clear()
    github_server.forge.seed("acme/payout", {"meanwhile": "y"})
    assert publish(bench, "publish:github:pull-request", **GITHUB, **request) == first
    assert len(repo.requests) == 1
    assert repo.commits("add") == ["Add", "Theirs"]


def test_a_branch_of_somebody_else_is_added_to_only_when_told(bench: Bench, github_server: Server) -> None:
    repo = github_server.forge.seed("acme/payout", {"theirs": "x"})
    github_server.forge.seed("acme/payout", {"wip": "y"}, branch="add")
    bench.place(FILES)
    request = {"branchName": "add", "title": "Add", "description": ""}
    with pytest.raises(NameTaken, match="holds something else"):
        publish(bench, "publish:github:pull-request", **GITHUB, **request)
    assert (repo.requests, set(repo.files("add"))) == ([], {"theirs", "wip"})
    publish(bench, "publish:github:pull-request", **GITHUB, **request, update=True)
    assert set(repo.files("add")) == {"theirs", "wip", *FILES}


@pytest.mark.parametrize(("given", "requests"), [({}, 1), ({"createWhenEmpty": False}, 0)])
def test_a_request_without_changes_is_opened_unless_told_otherwise(
    bench: Bench, github_server: Server, given: dict[str, Any], requests: int
) -> None:
    repo = github_server.forge.seed("acme/payout", {"a": "x"})
    bench.place({"a": "x"})
    request = {"branchName": "add", "title": "Add", "description": ""}
    publish(bench, "publish:github:pull-request", **GITHUB, **request, **given)
    assert len(repo.requests) == requests
    assert ("add" in repo.branches()) == bool(requests)


# The rest of GitHub


def test_a_repository_is_made_first_and_filled_later(bench: Bench, github_server: Server) -> None:
    bench.place(FILES)
    bench.perform("github:repo:create", **GITHUB, topics=["a"])
    assert github_server.forge["acme/payout"].branches() == []
    bench.perform("github:repo:push", **GITHUB)
    assert github_server.forge["acme/payout"].files() == READ
    assert list(github_server.forge["acme/payout"].protected) == ["main"]


def test_a_workflow_is_started_with_texts(bench: Bench, github_server: Server) -> None:
    repo = github_server.forge.make("acme", "payout")
    start = {"workflowId": "deploy.yaml", "branchOrTagName": "main"}
    bench.perform("github:actions:dispatch", **GITHUB, **start, workflowInputs={"dry": True, "count": 3})
    assert repo.started == [
        {"workflow": "deploy.yaml", "ref": "main", "inputs": {"dry": "true", "count": "3"}}
    ]
    with pytest.raises(ActionFailed, match=r"refused to start the workflow none\.yaml \(it answered 404"):
        bench.perform("github:actions:dispatch", **GITHUB, workflowId="none.yaml", branchOrTagName="main")


def test_a_webhook_is_made_once_and_then_changed(bench: Bench, github_server: Server) -> None:
    repo = github_server.forge.make("acme", "payout")
    hook = {"webhookUrl": "https://ci.example/hook", "webhookSecret": "hush", "contentType": "json"}
    bench.perform("github:webhook", **GITHUB, **hook)
    bench.perform("github:webhook", **GITHUB, **hook, events=["push", "release"])
    assert len(repo.hooks) == 1
    assert (repo.hooks[0]["events"], repo.hooks[0]["config"]["secret"]) == (["push", "release"], "hush")
    assert "hush" not in "".join(bench.lines.lines)


def test_labels_are_added(bench: Bench, github_server: Server) -> None:
    repo = github_server.forge.make("acme", "payout")
    for labels in (["a"], ["a", "b"]):
        bench.perform("github:issues:label", **GITHUB, number="7", labels=labels)
    assert repo.labels == {"7": ["a", "b"]}


def test_an_environment_is_set_up_with_variables_and_reviewers(bench: Bench, github_server: Server) -> None:
    repo = github_server.forge.make("acme", "payout")
    for region in ("eu", "us"):
        bench.perform(
            "github:environment:create",
            **GITHUB,
            name="production",
            waitTimer=10,
            environmentVariables={"REGION": region},
            deploymentBranchPolicy={"protected_branches": False, "custom_branch_policies": True},
            customBranchPolicyNames=["release/*"],
            reviewers=["user:default/maya"],
        )
    found = repo.environments["production"]
    assert (found["wait_timer"], found["variables"]) == (10, {"REGION": "us"})
    assert found["reviewers"] == [{"type": "User", "id": 1}]
    assert found["policies"][0] == {"name": "release/*", "type": "branch"}


# GitLab and Gitea


def test_gitlab_gets_a_project_in_a_group_of_a_group(bench: Bench, gitlab_server: Server) -> None:
    bench.place(FILES)
    given: dict[str, Any] = {
        **GITLAB,
        "settings": {"visibility": "internal", "namespace_id": 666, "path": "elsewhere"},
        "topics": ["pay"],
        "branches": [{"name": "develop", "create": True, "protect": True}],
        "projectVariables": [{"key": "REGION", "value": "eu"}],
    }
    first = publish(bench, "publish:gitlab", **given)
    again = publish(bench, "publish:gitlab", **given)
    made = gitlab_server.forge["acme/pay/payout"]
    assert made.files() == READ
    assert (made.settings["namespace_id"], made.visibility, made.topics) == (7, "internal", ["pay"])
    assert (made.branches(), list(made.protected), made.variables) == (
        ["develop", "main"],
        ["develop"],
        {"REGION@*": "eu"},
    )
    assert first["repoContentsUrl"].endswith("gitlab.example/acme/pay/payout/-/blob/main")
    assert first == {**again, "created": True}
    assert gitlab_server.logins[0] == "oauth2"


def test_an_existing_project_is_skipped_when_told(bench: Bench, gitlab_server: Server) -> None:
    bench.place(FILES)
    theirs = gitlab_server.forge.seed("acme/pay/payout", {"theirs": "x"})
    output = publish(bench, "publish:gitlab", **GITLAB, skipExisting=True)
    assert (output["created"], theirs.files()) == (False, {"theirs": "x"})


def test_a_merge_request_is_opened_once(bench: Bench, gitlab_server: Server) -> None:
    repo = gitlab_server.forge.seed("acme/pay/payout", {"theirs": "x"})
    bench.place(FILES)
    request = {"branchName": "add", "title": "Add", "labels": ["a", "b"], "assignee": "maya"}
    first = publish(bench, "publish:gitlab:merge-request", **GITLAB, **request, removeSourceBranch=True)
    assert publish(bench, "publish:gitlab:merge-request", **GITLAB, **request) == first
    assert set(repo.files("add")) == {"theirs", *FILES}
    opened = repo.requests[0]
    assert (len(repo.requests), opened["labels"], opened["assignee_id"]) == (1, "a,b", 42)
    assert opened["remove_source_branch"] is True
    assert first["mergeRequestUrl"].endswith("/acme/pay/payout/-/merge_requests/1")


def test_commits_to_a_branch_of_gitlab_add_up(bench: Bench, gitlab_server: Server) -> None:
    repo = gitlab_server.forge.seed("acme/pay/payout", {"theirs": "x"})
    push = {"branchName": "main", "commitMessage": "Add staging"}
    bench.place({"a": "1"})
    first = publish(bench, "gitlab:repo:push", **GITLAB, **push, targetPath="staging")
    assert publish(bench, "gitlab:repo:push", **GITLAB, **push, targetPath="staging") == first
    bench.place({"a": "2"})
    bench.perform("gitlab:repo:push", **GITLAB, branchName="main", commitMessage="More")
    assert repo.files() == {"theirs": "x", "staging/a": "1", "a": "2"}
    assert repo.commits() == ["More", "Add staging", "Theirs"]


def test_a_variable_of_gitlab_is_set_and_set_again(bench: Bench, gitlab_server: Server) -> None:
    repo = gitlab_server.forge.make("acme/pay", "payout")
    for value in ("eu", "us"):
        bench.perform(
            "gitlab:projectVariable:create", **GITLAB, key="REGION", value=value, environmentScope="live"
        )
    assert repo.variables == {"REGION@live": "us"}


def test_groups_are_made_where_they_are_missing(bench: Bench, gitlab_server: Server) -> None:
    gitlab_server.forge.organisations = {"acme"}
    output = publish(
        bench, "gitlab:group:ensureExists", repoUrl="gitlab.example", path=["acme", "pay", "out"]
    )
    assert gitlab_server.forge.organisations == {"acme", "acme/pay", "acme/pay/out"}
    assert output == {"groupId": 3}
    with pytest.raises(ActionFailed, match="cannot be the name of a group"):
        bench.perform("gitlab:group:ensureExists", repoUrl="gitlab.example", path=["acme", ".."])


def test_gitea_gets_a_repository(bench: Bench, gitea_server: Server) -> None:
    bench.place(FILES)
    first = publish(bench, "publish:gitea", **GITEA, defaultBranch="trunk", repoVisibility="public")
    assert publish(bench, "publish:gitea", **GITEA, defaultBranch="trunk", repoVisibility="public") == first
    made = gitea_server.forge["acme/payout"]
    assert (made.visibility, made.files("trunk")) == ("public", READ)
    assert first["repoContentsUrl"].endswith("gitea.example/acme/payout/src/branch/trunk")
