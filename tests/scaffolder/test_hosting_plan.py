"""What a step will change at a host, said before; and which hosts are never asked."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from scaffolder import actions
from scaffolder.errors import ActionFailed
from scaffolder.hosting import places
from scaffolder.testing import Bench

GITHUB = {"repoUrl": "github.example?owner=acme&repo=payout"}
GITLAB = {"repoUrl": "gitlab.example?owner=acme/pay&repo=payout"}
GITEA = {"repoUrl": "gitea.example?owner=acme&repo=payout"}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("publish:github", GITHUB, "private repository acme/payout, branch main"),
        ("publish:gitlab", {**GITLAB, "defaultBranch": "x"}, "private repository acme/pay/payout, branch x"),
        (
            "publish:gitea",
            {**GITEA, "repoVisibility": "public"},
            "public repository acme/payout, branch main",
        ),
        (
            "publish:github:pull-request",
            {**GITHUB, "branchName": "add"},
            "branch add and a pull request in acme/payout",
        ),
        (
            "github:actions:dispatch",
            {**GITHUB, "workflowId": "d.yaml"},
            "run of the workflow d.yaml in acme/payout",
        ),
        ("gitlab:group:ensureExists", {"repoUrl": "h", "path": ["a", "b"]}, "group a/b, if it is missing"),
    ],
)
def test_what_changes_outside_is_said_before(name: str, given: dict[str, Any], words: str) -> None:
    action = actions.find(name)
    assert action is not None
    assert [change.what for change in action.foresee(given)] == [words]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("gitlab.example?owner=a%2Fb&repo=c", ("gitlab.example", "a/b", "c")),
        ("https://GitHub.example/acme/payout.git", ("github.example", "acme", "payout")),
        ("https://gitlab.example/a/b/c", ("gitlab.example", "a/b", "c")),
    ],
)
def test_a_repository_is_named_as_the_picker_does_or_by_its_address(
    url: str, name: tuple[str, str, str]
) -> None:
    found = places.named({"repoUrl": url})
    assert (found.host, found.owner, found.repo) == name


@pytest.mark.parametrize(
    "url",
    ["h?owner=..&repo=x", "h?owner=a&repo=", "https://h/../x", "h?owner=a&repo=x%3Fy", "https://h/a/b c"],
)
def test_names_that_no_repository_has_are_refused(url: str) -> None:
    with pytest.raises(ActionFailed, match="cannot be the name of"):
        places.named({"repoUrl": url})


@pytest.mark.parametrize("type", ["github", "gitlab", "gitea"])
def test_a_host_without_a_token_is_not_asked(bench: Bench, settings: Settings, type: str) -> None:
    bench.place({"a": "b"})
    settings.PORTICO_INTEGRATIONS = [{"type": type, "host": "git.example"}]
    with pytest.raises(ActionFailed, match=r"git\.example in PORTICO_INTEGRATIONS has no token"):
        bench.perform(f"publish:{type}", repoUrl="git.example?owner=a&repo=b")
    with pytest.raises(ActionFailed, match=r"may not change anything at evil\.example"):
        bench.perform(f"publish:{type}", repoUrl="evil.example?owner=a&repo=b", token="mine")


def test_the_picker_knows_hosts_that_have_an_integration(settings: Settings) -> None:
    settings.PORTICO_GIT_HOSTS = {"git.example": "ssh://git@git.example/{owner}/{repo}.git"}
    settings.PORTICO_INTEGRATIONS = [
        {"type": "github", "host": "github.com", "token": "x"},
        {"type": "backstage", "host": "portal.example", "token": "x"},
    ]
    assert places.hosts() == ["git.example", "github.com"]
