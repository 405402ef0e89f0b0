"""Files of the workspace into a repository of a host: as its first commit, or onto a branch of what is there."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from control.models import User
from scaffolder.errors import ActionFailed
from scaffolder.git import NameTaken, Person, Remote, Repository, checked_branch
from scaffolder.workspace import checked_relative

if TYPE_CHECKING:
    from scaffolder.actions.base import Input, Work

DEFAULT_BRANCH = "main"
DEFAULT_MESSAGE = "Initial commit"
MAX_MESSAGE = 10_000  # characters


@dataclass(frozen=True)
class Pushed:
    commit: str
    is_new: bool  # false when it was there already, perhaps from an earlier try
    has_branch: bool = True  # false when nothing differs, so that no branch was made


def folder_of(work: Work, given: Input) -> Path:
    files = work.workspace.path(given.get("sourcePath") or ".")
    if not files.is_dir():
        raise ActionFailed(f"There is no folder {given['sourcePath']} to publish. Check sourcePath.")
    return files


def branch_of(given: Input) -> str:
    return checked_branch(given.get("defaultBranch") or DEFAULT_BRANCH)


def author_of(given: Input, person: User) -> Person:
    """Names go into the commit on one line, without what git gives a meaning to."""
    name = str(given.get("gitAuthorName") or person.label)
    email = str(given.get("gitAuthorEmail") or person.email or f"{person.username}@portico.invalid")
    plain = [re.sub(r"[\x00-\x1f<>\x7f]", "", part).strip() for part in (name, email)]
    return Person(plain[0] or person.username, plain[1] or "nobody@portico.invalid")


def push_first(work: Work, given: Input, remote: Remote) -> Pushed:
    """The workspace as the first commit of an empty repository. Doing it twice changes nothing; raises `NameTaken`."""
    branch = branch_of(given)
    repository = Repository(work.scratch(), folder_of(work, given), go_on=work.go_on)
    message = str(given.get("gitCommitMessage") or DEFAULT_MESSAGE)[:MAX_MESSAGE]
    commit = repository.commit(message, author=author_of(given, work.requester), at=work.requested_at)
    work.journal.command(f"git push {remote.url} {branch}")
    is_new = repository.push(commit, remote, branch)
    work.journal.info(f"{branch} is {commit[:12]}" if is_new else f"{branch} is {commit[:12]} already")
    return Pushed(commit, is_new)


def push_onto(
    work: Work,
    given: Input,
    remote: Remote,
    *,
    base: str,
    branch: str,
    message: str,
    may_add: bool,
    even_empty: bool = False,
) -> Pushed:
    """The files over those of `branch`, which begins at `base` when it is not there.

    What stays the same is no commit, so a second try adds nothing. `may_add`: also to a branch that somebody else
    began; otherwise that raises `NameTaken`. `even_empty`: begin the branch also when nothing differs from `base`.
    """
    base, branch = checked_branch(base), checked_branch(branch)
    repository = Repository(work.scratch(), _placed(work, given), go_on=work.go_on)
    heads = repository.heads(remote)
    is_there = f"refs/heads/{branch}" in heads
    start = branch if is_there else base
    if f"refs/heads/{start}" not in heads:
        raise ActionFailed(
            f"{remote.label} has no branch {start} to begin at. Name another, or publish to it first."
        )
    head = repository.fetch(remote, start)
    commit = repository.commit_onto(
        head,
        message[:MAX_MESSAGE],
        author=author_of(given, work.requester),
        at=work.requested_at,
        even_empty=even_empty and not is_there,
    )
    if commit == head:
        work.journal.info(f"{start} has these files already")
        return Pushed(commit, is_new=False, has_branch=is_there)
    if is_there and not may_add:
        raise NameTaken(
            f"The branch {branch} of {remote.label} is there already and holds something else. Name another branch, or "
            "set update: true to add to it."
        )
    work.journal.command(f"git push {remote.url} {branch}")
    repository.push_onto(commit, remote, branch)
    work.journal.info(f"{branch} is {commit[:12]}")
    return Pushed(commit, is_new=True)


def _placed(work: Work, given: Input) -> Path:
    """The folder to commit, below `targetPath` where one is given."""
    files = folder_of(work, given)
    below = checked_relative(str(given.get("targetPath") or "."))
    if not below:
        return files
    root = work.scratch()
    shutil.copytree(files, root / below, symlinks=True)
    return root
