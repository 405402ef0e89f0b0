"""A workbench for one action: a workspace, a folder of sources, and a journal that keeps its lines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from control.models import User
from scaffolder import actions
from scaffolder.actions.base import Output, Work
from scaffolder.workspace import Workspace


@dataclass
class Lines:
    lines: list[str] = field(default_factory=list)

    def command(self, text: str) -> None:
        self.lines.append(text)

    info = warning = command


@dataclass
class Folder:
    """Sources that are one folder."""

    root: Path

    @contextmanager
    def fetch(self, url: str) -> Iterator[Path]:
        yield self.root / url


@dataclass
class Bench:
    home: Path
    lines: Lines = field(default_factory=Lines)
    person: User = field(
        default_factory=lambda: User(
            username="maya.okafor", first_name="Maya", last_name="Okafor", email="maya@example.org"
        )
    )

    def __post_init__(self) -> None:
        for name in ("workspace", "sources"):
            (self.home / name).mkdir(parents=True)

    @property
    def workspace(self) -> Path:
        return self.home / "workspace"

    def source(self, files: Mapping[str, str | bytes], folder: str = "skeleton") -> None:
        self._fill(self.home / "sources" / folder, files)

    def place(self, files: Mapping[str, str | bytes]) -> None:
        self._fill(self.workspace, files)

    def _fill(self, home: Path, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            target = home / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())

    def perform(self, name: str, /, **given: Any) -> Output:
        action = actions.find(name)
        assert action is not None
        action.check(given)
        work = Work(
            workspace=Workspace(self.workspace),
            sources=Folder(self.home / "sources"),
            journal=self.lines,
            requester=self.person,
            requested_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
            go_on=lambda: None,
            scratch=lambda: Path(tempfile.mkdtemp(dir=self.home)),
        )
        return action.perform(work, given)

    def files(self) -> dict[str, str]:
        found = (
            path for path in sorted(self.workspace.rglob("*")) if path.is_file() and not path.is_symlink()
        )
        return {
            path.relative_to(self.workspace).as_posix(): path.read_bytes().decode("latin-1") for path in found
        }
