"""Repositories with rules, fetched for the control plane with the guards that catalogue files are read with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from catalog import git
from catalog.errors import Unreadable
from control.policy_sources import Checkout, SourceUnreadable


@contextmanager
def checked_out(url: str, ref: str) -> Iterator[Checkout]:
    """The files of `ref` (empty: the head) as they are now. Raises `SourceUnreadable`."""
    try:
        with git.checkout(url, ref or "HEAD") as found:
            yield Checkout(found.path, found.commit, git.author_of(url, found.commit))
    except Unreadable as error:
        raise SourceUnreadable(str(error)) from error
