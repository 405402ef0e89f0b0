"""Rules from git: fetched, one set with the other places, kept in force when a reading fails, agreed to or not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from control import approvals, policy, policy_sources, tasks
from control.errors import OwnRequest, PolicyInvalid
from control.models import Intent, PolicyReading, PolicyRevision, State, User
from control.policy_sources import GitPlace, git_place
from tests import factories
from tests.control.test_policy import ROLE, RULE, write

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]


class Repository:
    """A real one on this machine, as a host would have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "policy").mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.save(ROLE, RULE)

    @property
    def place(self) -> str:
        return f"{self.folder.as_uri()}//policy?ref=main"

    def git(self, *arguments: str, author: str = "wren@example.org") -> str:
        who = ["-c", "user.name=Wren", "-c", f"user.email={author}", "-c", "commit.gpgSign=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def save(self, *documents: str, author: str = "wren@example.org") -> str:
        write(self.folder / "policy", *documents)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "Rules", author=author)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, settings: Any) -> Repository:
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    settings.PORTICO_HOME = tmp_path / "home"
    made = Repository(tmp_path / "rules.git")
    settings.PORTICO_POLICY_PATHS = [made.place]
    return made


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "https://git.example.com/team/rules.git//policy?ref=v1",
            ("https://git.example.com/team/rules.git", "policy", "v1"),
        ),
        ("https://git.example.com/team/rules.git", ("https://git.example.com/team/rules.git", "", "")),
        ("ssh://git@git.example.com/rules.git//a/b/", ("ssh://git@git.example.com/rules.git", "a/b", "")),
        ("file:///srv/git/rules.git//policy", ("file:///srv/git/rules.git", "policy", "")),
    ],
)
def test_a_place_in_a_repository_is_written_as_an_address(text: str, place: tuple[str, str, str]) -> None:
    assert git_place(text) == GitPlace(*place)


@pytest.mark.parametrize("text", ["https://h/r.git//a/../../b", "https://h/r.git?branch=main"])
def test_an_address_that_means_something_else_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid, match="write it like https://"):
        git_place(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://s3cret@h/r.git",
        "https://me:s3cret@h/r.git//a",
        "ssh://git:s3cret@h/r.git",
        "https://[s3cret/r",
    ],
)
def test_secrets_in_an_address_are_refused_and_kept_nowhere(
    text: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PORTICO_POLICY_PATHS = [text]
    tasks.read_rules()
    assert "an address holds a name, password or token" in PolicyReading.objects.get().problem
    assert "s3cret" not in PolicyReading.objects.get().problem + caplog.text


def test_rules_are_read_from_git_with_their_commit(repository: Repository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    revision = policy_sources.take_configured()
    assert (revision.origin, revision.sources[0]["commit"]) == ("git", commit)
    assert revision.sources[0]["path"] == "rules.git/policy/rules.yaml"
    assert revision.documents[1]["path"] == "rules.git/policy/rules.yaml"


def test_a_commit_is_in_force_after_the_next_reading(repository: Repository) -> None:
    first = policy_sources.take_configured()
    repository.save(ROLE, RULE.replace("4h", "2h"))
    tasks.read_rules()
    assert policy.in_force() != first
    tasks.read_rules()
    assert PolicyRevision.objects.count() == 2


def test_files_and_repositories_are_one_set(repository: Repository, tmp_path: Path, settings: Any) -> None:
    repository.save(ROLE)
    (tmp_path / "more").mkdir()
    settings.PORTICO_POLICY_PATHS = [repository.place, write(tmp_path / "more", RULE)]
    assert len(policy.parsed(policy_sources.take_configured()).documents) == 2


def test_a_bad_commit_keeps_the_rules_in_force_and_says_so(
    repository: Repository, maya: User, root_admin: User, client_for: Enter
) -> None:
    good = policy_sources.take_configured()
    repository.save(ROLE, RULE.replace("4h", "soon"))
    tasks.read_rules()
    assert policy.in_force() == good
    page = client_for(root_admin).get(reverse("control:rules")).content.decode()
    assert "so these stay in force" in page
    assert "rules.git/policy/rules.yaml, line 14: maxDuration: “soon” is not a length of time" in page
    stranger = client_for(maya).get(reverse("control:rules")).content.decode()
    assert "The platform team sees why." in stranger
    assert "line 14" not in stranger
    repository.save(ROLE, RULE)
    tasks.read_rules()
    assert "so these stay in force" not in client_for(maya).get(reverse("control:rules")).content.decode()


def test_a_repository_that_is_gone_keeps_the_rules_in_force_and_what_was_read(repository: Repository) -> None:
    good = policy_sources.take_configured()
    repository.folder.rename(repository.folder.with_name("elsewhere"))
    tasks.read_rules()
    reading = PolicyReading.objects.get()
    assert policy.in_force() == good
    assert "rules.git, line 1: cannot be read: git could not read" in reading.problem
    assert reading.succeeded_at
    assert reading.succeeded_at < reading.read_at
    assert reading.commits


@pytest.mark.parametrize("link", ["policy/more.yaml", "policy/more", "policy"])
def test_symbolic_links_are_refused_whatever_they_lead_to(
    repository: Repository, tmp_path: Path, link: str
) -> None:
    good = policy_sources.take_configured()
    outside = tmp_path / "outside"
    outside.mkdir()
    write(outside, "secret: [")
    place = repository.folder / link
    if place.exists():
        place.rename(repository.folder / "policy-before")
    place.symlink_to(outside / "rules.yaml" if link.endswith(".yaml") else outside)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", "Link")
    tasks.read_rules()
    assert policy.in_force() == good
    assert f"{link} is a symbolic link, which is not followed" in PolicyReading.objects.get().problem


def test_a_folder_that_is_not_there_is_said(repository: Repository, settings: Any) -> None:
    settings.PORTICO_POLICY_PATHS = [f"{repository.folder.as_uri()}//rules"]
    with pytest.raises(PolicyInvalid, match="there is no rules in it"):
        policy_sources.take_configured()


def test_a_repository_in_a_closed_network_is_not_asked(settings: Any) -> None:
    settings.PORTICO_POLICY_PATHS = ["https://127.0.0.1:1/rules.git"]
    with pytest.raises(PolicyInvalid, match=r"cannot be read: .*PORTICO_READING_ALLOW"):
        policy_sources.take_configured()


# When a second person must agree to everything


@pytest.fixture
def always(settings: Any, repository: Repository, root_admin: User) -> Repository:
    settings.PORTICO_POLICY_SECOND_PERSON = "always"
    policy_sources.take_configured()
    return repository


def test_a_commit_is_proposed_once_in_porticos_name_and_in_force_when_somebody_agrees(
    always: Repository, root_admin: User, client_for: Enter
) -> None:
    before = policy.in_force()
    always.save(ROLE, RULE.replace("4h", "2h"))
    tasks.read_rules()
    tasks.read_rules()
    intent = Intent.objects.get()
    assert (policy.in_force(), intent.state, intent.requested_by.label) == (
        before,
        State.AWAITING_APPROVAL,
        "Portico",
    )
    assert "Read from git at " in intent.reason
    approvals.approve(intent.pk, by=root_admin, digest=intent.plan_digest)
    revision = policy.in_force()
    assert revision
    assert (revision.origin, revision.intent) == ("change", intent)
    tasks.read_rules()
    assert PolicyRevision.objects.count() == 2


def test_who_wrote_the_commit_does_not_agree_to_it(always: Repository, root_admin: User) -> None:
    always.save(ROLE, RULE.replace("4h", "2h"), author=root_admin.email.upper())
    tasks.read_rules()
    intent = Intent.objects.get()
    with pytest.raises(OwnRequest, match="You wrote this change"):
        approvals.approve(intent.pk, by=root_admin, digest=intent.plan_digest)
    intent.refresh_from_db()
    assert intent.state == State.AWAITING_APPROVAL
    assert PolicyRevision.objects.count() == 1


def test_rules_that_do_not_let_portico_ask_are_told_on_the_page(
    always: Repository, root_admin: User, client_for: Enter
) -> None:
    only_support = (
        "apiVersion: portico.dev/v1\nkind: AccessRule\nmetadata: {name: changes}\nspec:\n"
        "  capabilities: [policy.change]\n  subjects: [SUBJECTS]\n"
        "  approval: {anyOf: [{kind: User, name: root.admin}]}\n"
    )
    strict = only_support.replace("SUBJECTS", "{kind: Group, name: support}")
    policy.publish([write(always.folder, ROLE, RULE, strict)], by=None)
    always.save(
        ROLE, RULE, strict.replace("metadata: {name: changes}", "metadata: {name: changes, title: x}")
    )
    tasks.read_rules()
    page = client_for(root_admin).get(reverse("control:rules")).content.decode()
    assert "nobody could be asked: changes is for the group support" in page
    named = only_support.replace("SUBJECTS", "{kind: User, name: portico/rules}")
    policy.publish([write(always.folder, ROLE, RULE, named)], by=None)
    tasks.read_rules()
    assert Intent.objects.latest("requested_at").state == State.AWAITING_APPROVAL
    assert PolicyReading.objects.get().problem == ""


def test_nobody_signs_in_as_portico(always: Repository) -> None:
    always.save(ROLE, RULE.replace("4h", "2h"))
    tasks.read_rules()
    account = User.objects.get(entity_ref="user:portico/rules")
    assert (account.has_usable_password(), account.is_staff) == (False, False)


# The button


def test_administrators_have_it_read_again(
    repository: Repository, maya: User, root_admin: User, client_for: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_sources.take_configured()
    rung: list[object] = []
    monkeypatch.setattr(tasks.read_rules, "apply_async", lambda **_options: rung.append(1))
    url = reverse("control:rules_read")
    assert client_for(maya).post(url).status_code == 403
    assert client_for(factories.user("bot", acts_for=root_admin, is_staff=True)).post(url).status_code == 403
    assert client_for(root_admin).get(url).status_code == 405
    assert rung == []
    assert client_for(root_admin).post(url).status_code == 302
    assert rung == [1]
    assert "Read again" in client_for(root_admin).get(reverse("control:rules")).content.decode()
    assert "Read again" not in client_for(maya).get(reverse("control:rules")).content.decode()
