"""Files of one folder on this machine (a file location, or a checkout of a repository), and nothing outside of it.

Symbolic links are followed as long as they end inside the folder. Paths are relative, with `/`.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import Missing, Unreadable
from catalog.targets import DEFAULT_FILE, has_wildcard
from catalog.yaml12 import FILE_LIMIT_BYTES

MOST_FILES = 100_000  # that one pattern may find
LONGEST_PATH = 2_000  # characters that the columns hold
_DESCRIPTORS = (DEFAULT_FILE, "catalog-info.yml")


@dataclass(frozen=True)
class Tree:
    """A folder to read from; `base` is the folder inside it that relative paths start at."""

    root: Path
    base: Path

    def inside(self, path: str) -> Path:
        """The real path of `path`, relative to `base`. Raises `Unreadable` when it leads out of the tree."""
        relative = posixpath.normpath(posixpath.join(self.base.relative_to(self.root).as_posix(), path))
        return self.root / real_path(self.root, relative).relative_to(self.root.resolve())


def real_path(root: Path, relative: str) -> Path:
    """Where `relative` lies below `root`, links followed. Raises `Missing`, or `Unreadable` when it is outside."""
    real_root = root.resolve()
    try:
        real = (real_root / relative).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Missing(f"There is no file {relative}. Check the path, and upper and lower case.") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreadable(f"{relative} cannot be opened: {_reason(error)}.") from error
    if not real.is_relative_to(real_root):
        raise Unreadable(f"{relative} leads out of its folder, which is not read. Move the file inside.")
    if ".git" in real.relative_to(real_root).parts:  # its settings may hold credentials
        raise Unreadable(f"{relative} belongs to git itself and is not read. Name a file of the repository.")
    return real


def read(root: Path, relative: str) -> bytes:
    """The bytes of a plain file. Raises `Missing` or `Unreadable`."""
    real = real_path(root, relative)
    if real.is_dir():
        raise Unreadable(f"{relative} is a folder. Name a file in it.")
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise Missing(f"There is no file {relative}. Check the path, and upper and lower case.") from error
    except OSError as error:
        raise Unreadable(f"{relative} cannot be opened: {_reason(error)}.") from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(f"{relative} is no plain file. Name one that is.")
        if found.st_size > FILE_LIMIT_BYTES:
            raise Unreadable(
                f"{relative} has {found.st_size:,} bytes; more than {FILE_LIMIT_BYTES:,} are not read."
            )
        return file.read(FILE_LIMIT_BYTES + 1)


def entries(root: Path, relative: str) -> list[str]:
    """The descriptor files that `relative` means: a file, a pattern, or a folder with catalog-info files below it."""
    if has_wildcard(relative):
        return _found(root, relative, [relative])
    real = real_path(root, relative or ".")
    if not real.is_dir():
        return [relative]
    prefix = "" if relative in ("", ".") else relative.rstrip("/") + "/"
    return _found(root, relative or ".", [f"{prefix}**/{name}" for name in _DESCRIPTORS])


def _found(root: Path, asked: str, patterns: list[str]) -> list[str]:
    found = sorted({path for pattern in patterns for path in _glob(root, pattern)})
    if not found:
        raise Missing(
            f"Nothing is found for {asked}. Name a file, a folder with catalog-info.yaml files below it, or a pattern "
            "like components/*.yaml."
        )
    return found


def _glob(root: Path, pattern: str) -> Iterator[str]:
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise Unreadable(
            f"The pattern {pattern} leads out of its folder. Write it without .. and / at the beginning."
        )
    try:
        for count, path in enumerate(root.glob(pattern)):
            if count >= MOST_FILES:
                raise Unreadable(f"The pattern {pattern} finds more than {MOST_FILES:,} files. Narrow it.")
            relative = path.relative_to(root)
            if len(str(relative)) > LONGEST_PATH:
                raise Unreadable(
                    f"{str(relative)[:80]}… is longer than {LONGEST_PATH:,} characters. Shorten it."
                )
            if ".git" not in relative.parts and not path.is_dir():
                yield relative.as_posix()
    except (ValueError, OSError) as error:
        raise Unreadable(f"The pattern {pattern} cannot be used: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
