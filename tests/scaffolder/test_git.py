from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from control.errors import Cancelled
from scaffolder import git
from scaffolder.actions.publishing import remote_of
from scaffolder.errors import ActionFailed
from scaffolder.git import NameTaken, Person, Remote, Repository, checked_branch, checked_remote, create_bare
from tests.scaffolder import templates

AT = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=UTC)
MAYA = Person("Maya Okafor", "maya@example.org")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    home = tmp_path / "files"
    home.mkdir()
    (home / "a.txt").write_text("a\r\nb\n")
    (home / "run.sh").write_text("#!/bin/sh\n")
    (home / "run.sh").chmod(0o755)
    return home


@pytest.fixture
def bare(folders: Path) -> Remote:
    remote = checked_remote(f"file://{folders}/git/remotes/acme/x.git", is_made_here=True)
    create_bare(remote)
    return remote


@pytest.fixture
def repository(tmp_path: Path, files: Path) -> Callable[[], Repository]:
    counter = iter(range(100))
    return lambda: Repository(tmp_path / f"data{next(counter)}", files, go_on=lambda: None)


def test_the_same_files_words_person_and_moment_give_the_same_commit(
    repository: Callable[[], Repository],
) -> None:
    first, second = (repository().commit("Begin", author=MAYA, at=AT) for _ in range(2))
    assert first == second


def test_the_commit_depends_on_no_settings_of_anybody(
    repository: Callable[[], Repository], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: Path
) -> None:
    plain = repository().commit("Begin", author=MAYA, at=AT)
    home = tmp_path / "home"
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "ignore").write_text("*.txt\n")
    (home / ".gitconfig").write_text("[user]\nname=X\n[core]\nautocrlf=input\n[commit]\ngpgsign=true\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert repository().commit("Begin", author=MAYA, at=AT) == plain


def test_pushing_twice_changes_nothing_the_second_time(
    repository: Callable[[], Repository], bare: Remote
) -> None:
    made = repository()
    commit = made.commit("Begin", author=MAYA, at=AT)
    assert made.push(commit, bare, "main") is True
    assert made.push(commit, bare, "main") is False


def test_files_keep_their_bytes_and_executable_bit(
    repository: Callable[[], Repository], bare: Remote
) -> None:
    made = repository()
    made.push(made.commit("Begin", author=MAYA, at=AT), bare, "main")
    at = Path(bare.url.removeprefix("file://"))
    assert templates.git("ls-tree", "main", at=at).splitlines()[1].startswith("100755")
    assert templates.git("cat-file", "-s", "main:a.txt", at=at) == "5"


def test_another_history_is_never_overwritten(
    repository: Callable[[], Repository], bare: Remote, files: Path
) -> None:
    first = repository()
    kept = first.commit("Begin", author=MAYA, at=AT)
    first.push(kept, bare, "main")
    (files / "a.txt").write_text("other")
    second = repository()
    with pytest.raises(NameTaken, match="The name acme/x is taken"):
        second.push(second.commit("Begin", author=MAYA, at=AT), bare, "main")
    assert templates.git("rev-parse", "main", at=Path(bare.url.removeprefix("file://"))) == kept


def test_a_repository_with_another_branch_counts_as_taken(
    repository: Callable[[], Repository], bare: Remote
) -> None:
    made = repository()
    commit = made.commit("Begin", author=MAYA, at=AT)
    made.push(commit, bare, "trunk")
    with pytest.raises(NameTaken):
        made.push(commit, bare, "main")


def test_hooks_of_the_files_or_the_machine_do_not_run(
    repository: Callable[[], Repository], bare: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "pre-push", "post-index-change", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[core]\nhooksPath={hooks}\n")
    monkeypatch.setenv("HOME", str(home))
    made = repository()
    made.push(made.commit("Begin", author=MAYA, at=AT), bare, "main")
    assert not mark.exists()


def test_filters_named_in_gitattributes_run_nothing(
    repository: Callable[[], Repository], files: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    (files / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (files / ".gitconfig").write_text(f'[filter "evil"]\nclean = touch {mark}\n')
    repository().commit("Begin", author=MAYA, at=AT)
    assert not mark.exists()


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=touch x",
        "ext::sh -c 'touch /tmp/x'",
        "fd::17/foo",
        "file:///etc",
        "file:///etc/../etc/passwd",
        "/etc/passwd",
        "../relative",
        "ssh://-oProxyCommand=touch/x",
        "git@-oProxyCommand=x:repo",
        "git@host:-upload-pack",
        "http://example.org/x.git",
        "git://example.org/x.git",
        "ftp://example.org/x.git",
        "https://user:password@example.org/x.git",
        "https://example.org/a b.git",
        "https://example.org/x.git\n--force",
        "transport::https://example.org/x",
        "https://",
        "",
    ],
)
def test_an_address_that_git_must_not_get_is_refused(folders: Path, url: str) -> None:
    with pytest.raises(ActionFailed):
        checked_remote(url)


def test_a_link_in_a_root_that_leads_out_is_no_way_out(folders: Path) -> None:
    (folders / "elsewhere").mkdir()
    (folders / "git" / "link").symlink_to(folders / "elsewhere")
    with pytest.raises(ActionFailed):
        checked_remote(f"file://{folders}/git/link/x.git")


@pytest.mark.parametrize(
    "branch",
    ["-x", "--force", "a..b", "a b", "a:b", "", "a~1", "a^", "x.lock", "/a", "a/", "@{u}", "a//b", "refs/x."],
)
def test_a_branch_that_is_no_name_is_refused(branch: str) -> None:
    with pytest.raises(ActionFailed, match="cannot be the name of a branch"):
        checked_branch(branch)


@pytest.mark.parametrize("branch", ["main", "trunk", "feature/x-1", "release-1.2"])
def test_a_plain_branch_is_taken(branch: str) -> None:
    assert checked_branch(branch) == branch


@pytest.mark.parametrize(
    ("owner", "repo"),
    [
        ("..", "x"),
        ("a", ".."),
        ("a", "../../../etc/x"),
        ("a/..", "x"),
        ("a%2F..%2F..", "x"),
        ("", "x"),
        ("a", ""),
        ("a", ".git"),
        ("-a", "x"),
        ("a", "-x"),
        ("a", "x y"),
        ("a", "x%00"),
        ("a", "{repo}"),
        ("a", "x.lock"),
    ],
)
def test_an_owner_or_name_that_would_leave_its_place_is_refused(folders: Path, owner: str, repo: str) -> None:
    with pytest.raises(ActionFailed):
        remote_of({"repoUrl": f"git.localhost?owner={owner}&repo={repo}"})


def test_an_unknown_host_is_refused_with_those_that_are_set_up(folders: Path) -> None:
    with pytest.raises(
        ActionFailed, match=r"cannot publish to github\.com: the hosts that are set up are git\.localhost"
    ):
        remote_of({"repoUrl": "github.com?owner=a&repo=b"})


def test_groups_in_groups_are_folders(folders: Path) -> None:
    assert remote_of({"repoUrl": "git.localhost?owner=a/b&repo=c"}).url.endswith("/remotes/a/b/c.git")


def test_a_configured_host_may_be_reached_without_encryption(settings: Settings, folders: Path) -> None:
    settings.PORTICO_GIT_HOSTS = {"git.test": "http://git.test:3000/{owner}/{repo}.git"}
    assert remote_of({"repoUrl": "git.test?owner=a&repo=b"}).url == "http://git.test:3000/a/b.git"


def test_a_private_network_is_not_pushed_into(repository: Callable[[], Repository], folders: Path) -> None:
    made = repository()
    commit = made.commit("Begin", author=MAYA, at=AT)
    with pytest.raises(ActionFailed, match="private network"):
        made.push(commit, Remote("https://127.0.0.1:9/x.git"), "main")


def test_two_that_create_the_same_bare_repository_both_succeed(folders: Path) -> None:
    remote = checked_remote(f"file://{folders}/git/remotes/acme/y.git", is_made_here=True)
    create_bare(remote)
    create_bare(remote)
    assert sorted(path.name for path in (folders / "git" / "remotes" / "acme").iterdir()) == ["y.git"]


def test_a_cancelled_run_stops_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled() -> None:
        raise Cancelled

    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nsleep 30\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:/usr/bin:/bin")
    with pytest.raises(Cancelled):
        git._git(["status"], go_on=cancelled)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://$(id).example.org/x.git",
        "ssh://a;halt;.example.org/x.git",
        "ssh://`id`.example.org/x.git",
        "ssh://a|sh.example.org/x.git",
        "https://a&b.example.org/x.git",
        "ssh://-x.example.org/x.git",
    ],
)
def test_a_host_is_never_words_for_a_shell(folders: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(git, "checked_addresses", lambda host, port: ["93.184.216.34"])
    with pytest.raises(ActionFailed):
        git._for_remote(checked_remote(url))


def test_what_a_shell_reads_is_quoted() -> None:
    assert "'$(id)'" in git._ssh("$(id)", "93.184.216.34")["GIT_SSH_COMMAND"]


@pytest.mark.parametrize(
    "url", ["ssh://[2001:db8::1]/x.git", "git@host_1.example.org:a/b.git", "https://a.b:8443/x"]
)
def test_plain_hosts_are_taken(folders: Path, url: str) -> None:
    assert checked_remote(url).url == url


def test_a_command_that_ended_meanwhile_does_not_hide_why_it_was_stopped(tmp_path: Path) -> None:
    def cancelled() -> None:
        raise Cancelled("x")

    class Ended:
        pid = 2**22 + 1  # nobody's
        returncode = 0

        def communicate(self, text: str | None = None, timeout: float | None = None) -> tuple[str, str]:
            if timeout is not None:
                raise subprocess.TimeoutExpired("git", timeout)
            return "", ""

    with pytest.raises(Cancelled):
        git._waited(Ended(), "", 1, cancelled)  # type: ignore[arg-type]  # only what is used
