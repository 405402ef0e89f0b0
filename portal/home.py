"""PORTICO_HOME, and the lock that keeps two starts from working on the same data."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(Exception):
    """Somebody else works on this folder; the message says who."""


@contextmanager
def sole_user(folder: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold `folder/lock` until the block ends or the process dies, however it dies. Raises `InUse`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            # Of the process, not of the file handle: forked children must not keep it.
            fcntl.lockf(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):
            lock.seek(0)
            raise InUse(lock.read().strip()) from None
        lock.truncate(0)
        lock.write(f"{what} (process {os.getpid()})\n")
        lock.flush()
        yield
