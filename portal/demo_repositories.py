"""The git repositories of the demo organisation: real bare repositories, made from the folders under `demo/`.

Reading them is left to `catalog`; writing to them to the actions of `scaffolder`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEMO = Path(__file__).resolve().parent.parent / "demo"
OWNER = "halfmoon"
# A commit of a few small files takes milliseconds; a minute means that the disk is in trouble.
GIT_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Repository:
    name: str
    source: Path
    commits: Sequence[Mapping[str, Any]]

    def bare(self, home: Path) -> Path:
        return home / "git" / OWNER / f"{self.name}.git"

    @property
    def entry(self) -> str:
        """The descriptor that a location of this repository points at."""
        return "org.yaml" if (self.source / "org.yaml").exists() else "catalog-info.yaml"

    @property
    def has_people(self) -> bool:
        return self.entry == "org.yaml"


def all_repositories() -> list[Repository]:
    """In the order in which they are registered: people first, so that owners are known when services arrive."""
    history = yaml.safe_load((DEMO / "history.yaml").read_text())
    return [Repository(name, _source(name), commits) for name, commits in history.items()]


def _source(name: str) -> Path:
    return DEMO / "templates" if name == "software-templates" else DEMO / "repositories" / name


def create(home: Path, people: Mapping[str, str]) -> list[str]:
    """Make the repositories that do not exist yet; returns their names. `people` maps a username to a full name."""
    missing = [repository for repository in all_repositories() if not repository.bare(home).exists()]
    for repository in missing:
        _create_one(repository, repository.bare(home), people)
    return [repository.name for repository in missing]


def _create_one(repository: Repository, bare: Path, people: Mapping[str, str]) -> None:
    """Built beside its place and moved there whole: a start that is interrupted leaves no half repository."""
    bare.parent.mkdir(parents=True, exist_ok=True)
    building = bare.with_name(f".{bare.name}.{uuid.uuid4().hex}")
    try:
        _git(building, repository.source, "init", "--quiet", "--initial-branch=main")
        for commit, paths in _with_paths(repository):
            _git(building, repository.source, "add", "--force", "--", *paths)
            author = commit["author"], people[commit["author"]], commit["at"]
            _git(building, repository.source, "commit", "--quiet", "-m", commit["message"], author=author)
        _git(building, repository.source, "config", "core.bare", "true")
        (building / "index").unlink()
        building.rename(bare)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _with_paths(repository: Repository) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    for commit in repository.commits:
        yield commit, list(commit.get("paths", ["."]))


def _git(git_dir: Path, work_tree: Path, *arguments: str, author: tuple[str, str, str] | None = None) -> None:
    """Run git away from any configuration of the person who starts Portico."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(git_dir.parent),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DIR": str(git_dir),
        "GIT_WORK_TREE": str(work_tree),
        **(_signature(*author) if author else {}),
    }
    subprocess.run(
        ["git", *arguments],
        env=environment,
        cwd=work_tree,
        check=True,
        capture_output=True,
        timeout=GIT_TIMEOUT_SECONDS,
    )


def _signature(username: str, name: str, at: str) -> dict[str, str]:
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", f"{username}@example.org"), ("DATE", at))
    }
