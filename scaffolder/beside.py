"""Folders for a moment: what a dry run makes, and files that somebody sent to lie beside a template."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from catalog.tree import Tree
from scaffolder.workspace import Limits, Workspace

LIMITS = Limits(files=2_000, bytes=20_000_000, file_bytes=5_000_000)
KEEP_SECONDS = 600  # what a process that was killed left behind


@contextmanager
def folder() -> Iterator[Path]:
    """Nobody else may look in; what killed processes left is removed on the way."""
    home: Path = settings.PORTICO_HOME / "dry-runs"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in home.iterdir():
        if _is_stale(left):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(dir=home))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_stale(left: Path) -> bool:
    try:
        return time.time() - left.stat().st_mtime > KEEP_SECONDS
    except FileNotFoundError:  # another process has just removed its own
        return False


@contextmanager
def tree_of(files: Mapping[str, bytes]) -> Iterator[Tree]:
    """`files` by relative path. Raises `ActionFailed` for paths that lead elsewhere and for too many files."""
    with folder() as made:
        placed = Workspace(made, limits=LIMITS)
        for path, content in files.items():
            placed.write(path, content)
        yield Tree(made.resolve(), made.resolve())
