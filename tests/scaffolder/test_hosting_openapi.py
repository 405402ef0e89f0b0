"""What actions change at GitHub is what GitHub's OpenAPI document describes, and so is what the test's GitHub answers.

Every test of test_hosting.py that publishes to GitHub is run again and its requests are judged: parameters, bodies,
answers. One more test goes through every endpoint with every input.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from scaffolder.errors import ActionFailed
from scaffolder.testing import Bench
from tests.catalog.hosts import openapi
from tests.catalog.hosts.server import Question, Reply
from tests.scaffolder import test_hosting
from tests.scaffolder.forge import github as forge
from tests.scaffolder.forge.fixtures import Server

pytestmark = [pytest.mark.service, pytest.mark.django_db]
GITHUB = test_hosting.GITHUB
FILES = "GET /repos/([^/]+/[^/]+)/contents/(.+)"
Pair = tuple[Question, Reply]


@pytest.fixture
def pairs(github_server: Server) -> list[Pair]:
    """What is asked, with the answers. Whatever was refused before it reached GitHub is not there."""
    found: list[Pair] = []
    original = github_server.host.endpoint

    def noting(question: Question) -> Reply:
        reply = original(question)
        found.append((question, reply))
        return reply

    github_server.host.endpoint = noting
    return found


def faults_in(pairs: list[Pair]) -> list[str]:
    return [
        fault
        for question, reply in pairs
        for fault in openapi.faults_of(
            question.method, question.path, question.query, question.data, reply.status, reply.body
        )
    ]


def _of_github() -> list[str]:
    """Tests that publish to GitHub alone; those with parameters are about names that never get there."""
    return [
        name
        for name, function in inspect.getmembers(test_hosting, inspect.isfunction)
        if name.startswith("test_")
        and set(inspect.signature(function).parameters) == {"bench", "github_server"}
    ]


@pytest.mark.parametrize("name", _of_github())
def test_what_a_test_asks_github_is_described(
    name: str, bench: Bench, github_server: Server, pairs: list[Pair]
) -> None:
    getattr(test_hosting, name)(bench, github_server)
    assert faults_in(pairs) == []


def test_every_endpoint_is_asked_as_described(bench: Bench, github_server: Server, pairs: list[Pair]) -> None:
    bench.place({"README.md": "# Payout\n"})
    _publish_with_everything(bench, github_server)
    _ask_for_a_request(bench)
    _set_up_the_rest(bench)
    assert faults_in(pairs) == []
    asked = [f"{question.method} {question.path.removeprefix(forge.PREFIX)}" for question, _ in pairs]
    known = [f"{method} {pattern}" for method, pattern, _ in forge._ROUTES]
    unasked = [one for one in known if not any(re.fullmatch(one, question) for question in asked)]
    assert unasked == [FILES]  # the reading of files is judged with the catalogue's hosts


def _publish_with_everything(bench: Bench, server: Server) -> None:
    settings: dict[str, Any] = {
        "description": "Pays out",
        "homepage": "https://payout.example.org",
        "deleteBranchOnMerge": True,
        "allowMergeCommit": False,
        "allowSquashMerge": True,
        "allowRebaseMerge": False,
        "allowAutoMerge": True,
        "squashMergeCommitTitle": "COMMIT_OR_PR_TITLE",
        "squashMergeCommitMessage": "BLANK",
        "hasProjects": False,
        "hasWiki": False,
        "hasIssues": True,
        "topics": ["Payments"],
        "access": "acme/platform",
        "collaborators": [{"user": "maya", "access": "push"}, {"team": "ops", "access": "maintain"}],
        "repoVariables": {"REGION": "eu-west-1"},
        "secrets": {"DEPLOY_TOKEN": "of the repository"},
        "requiredApprovingReviewCount": 2,
        "requireCodeOwnerReviews": True,
        "dismissStaleReviews": True,
        "requireLastPushApproval": True,
        "requiredStatusCheckContexts": ["build"],
        "requireBranchesToBeUpToDate": False,
        "requiredConversationResolution": True,
        "requiredLinearHistory": True,
        "blockCreations": True,
        "protectEnforceAdmins": False,
        "bypassPullRequestAllowances": {"users": ["maya"], "teams": ["ops"]},
        "restrictions": {"users": [], "teams": ["ops"]},
    }
    for _ in range(2):  # the second try changes variables instead of making them
        bench.perform("publish:github", **GITHUB, repoVisibility="internal", **settings)
    server.forge.organisations = {"acme"}
    bench.perform(
        "github:repo:create", repoUrl="github.example?owner=portico-bot&repo=own", **settings_of_own()
    )
    with pytest.raises(ActionFailed):
        bench.perform("github:repo:push", repoUrl="github.example?owner=acme&repo=none")


def settings_of_own() -> dict[str, Any]:
    return {"description": "Mine", "hasWiki": False, "collaborators": [{"user": "maya", "access": "read"}]}


def _ask_for_a_request(bench: Bench) -> None:
    bench.place({"docs/a.md": "a"})
    bench.perform(
        "publish:github:pull-request",
        **GITHUB,
        branchName="add",
        title="Add it",
        description="So that it is there.",
        draft=True,
        reviewers=["maya"],
        teamReviewers=["ops"],
        assignees=["tomas"],
    )


def _set_up_the_rest(bench: Bench) -> None:
    for _ in range(2):
        bench.perform(
            "github:webhook",
            **GITHUB,
            webhookUrl="https://ci.example.org/hooks",
            webhookSecret="of the hook",
            events=["push", "pull_request"],
            contentType="json",
            insecureSsl=True,
            active=False,
        )
        bench.perform(
            "github:environment:create",
            **GITHUB,
            name="production",
            deploymentBranchPolicy={"protected_branches": False, "custom_branch_policies": True},
            customBranchPolicyNames=["main"],
            customTagPolicyNames=["v*"],
            environmentVariables={"REGION": "eu-west-1"},
            secrets={"DEPLOY_TOKEN": "of the environment"},
            waitTimer=10,
            preventSelfReview=True,
            reviewers=["user:default/maya", "group:default/ops"],
        )
    bench.perform("github:issues:label", **GITHUB, number="1", labels=["dependencies"])
    bench.perform(
        "github:actions:dispatch",
        **GITHUB,
        workflowId="deploy.yaml",
        branchOrTagName="main",
        workflowInputs={"to": "staging", "dry": True, "count": 3},
    )
