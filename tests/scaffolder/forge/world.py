"""What a host of repositories holds in a test: settings in memory, files in real bare repositories on disk."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.scaffolder import templates


@dataclass
class Repo:
    id: int
    owner: str
    name: str
    home: Path
    visibility: str = "private"
    branch: str = "main"
    settings: dict[str, Any] = field(default_factory=dict)
    topics: list[str] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)  # who is let in, and how far
    protected: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)  # opened, under NAME or ENVIRONMENT/NAME
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, list[str]] = field(default_factory=dict)
    started: list[dict[str, Any]] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def branches(self) -> list[str]:
        return templates.git("for-each-ref", "--format=%(refname:short)", "refs/heads", at=self.home).split()

    def files(self, branch: str = "") -> dict[str, str]:
        ref = branch or self.branch
        paths = templates.git("ls-tree", "-r", "-z", "--name-only", ref, at=self.home).split("\x00")
        return {path: templates.git("show", f"{ref}:{path}", at=self.home) for path in paths if path}

    def commits(self, branch: str = "") -> list[str]:
        """Subjects, the newest first."""
        return templates.git("log", "--format=%s", branch or self.branch, at=self.home).split("\n")

    def read(self, ref: str, path: str) -> bytes | None:
        where = self.branch if ref == "HEAD" else ref
        command = ["git", "show", f"{where}:{path}"]
        done = subprocess.run(command, cwd=self.home, capture_output=True, check=False)
        return None if done.returncode else done.stdout


@dataclass
class Forge:
    """`organisations` None: every owner is one. `login` is whose the token is."""

    root: Path
    login: str = "portico-bot"
    organisations: set[str] | None = None
    repos: list[Repo] = field(default_factory=list)
    has_protection: bool = True  # a plan that protects branches of private repositories

    def is_organisation(self, owner: str) -> bool:
        return self.organisations is None or owner in self.organisations

    def find(self, full_name: str) -> Repo | None:
        return next((one for one in self.repos if one.full_name.lower() == full_name.lower()), None)

    def __getitem__(self, full_name: str) -> Repo:
        found = self.find(full_name)
        assert found is not None, f"There is no {full_name} among {[one.full_name for one in self.repos]}."
        return found

    def make(self, owner: str, name: str, **fields: Any) -> Repo:
        home = self.root / owner / f"{name}.git"
        home.parent.mkdir(parents=True, exist_ok=True)
        branch = fields.get("branch", "main")
        templates.git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(home), at=self.root)
        templates.git("config", "http.receivepack", "true", at=home)
        made = Repo(1_000 + len(self.repos), owner, name, home, **fields)
        self.repos.append(made)
        return made

    def seed(self, full_name: str, files: dict[str, str], branch: str = "main") -> Repo:
        """A repository that somebody else filled."""
        owner, _, name = full_name.rpartition("/")
        made = self.find(full_name) or self.make(owner, name, branch=branch)
        with tempfile.TemporaryDirectory() as folder:
            templates.git("clone", "--quiet", str(made.home), folder, at=self.root)
            for path, text in files.items():
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            templates.git("add", "--all", "--force", at=Path(folder))
            templates.git("commit", "--quiet", "--message", "Theirs", at=Path(folder))
            templates.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", at=Path(folder))
        return made
