"""Sources whose documents are made instead of read: of people and teams that a host lists, of what a portal exports.

Each entity is a document of its own, under its reference as key, and goes the same way as one from a file: validated,
compared, stored, explained. They wait in a file without a name, so memory holds one at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from catalog.errors import Missing, Unreadable
from catalog.refs import ref_of
from catalog.sources import Source
from catalog.tree import LONGEST_PATH
from catalog.web import Content, Validators
from catalog.yaml_text import written

IN_MEMORY_BYTES = 8 * 1024 * 1024  # more goes to disk


@dataclass(frozen=True)
class MadeSource(Source):
    """Documents as they were made; nothing in them is filled in or followed."""

    spool: IO[bytes] | None = None
    places: dict[str, tuple[int, int]] | None = None  # key → where in the spool, how long

    def entries(self) -> list[str]:
        return list(self.places or ())

    def read_if_changed(self, key: str, unless: Validators | None) -> Content | None:  # noqa: ARG002  as the base
        if self.spool is None or self.places is None or key not in self.places:
            raise Missing(f"{key} was not listed.")
        start, length = self.places[key]
        self.spool.seek(start)
        return Content(self.spool.read(length))

    def resolve(self, base: str, target: str) -> list[str]:
        raise Unreadable(f"{target} is not followed: {base} does not come from a file.")


@contextmanager
def made_source(documents: Iterable[dict[str, Any]], *, nothing: str) -> Iterator[MadeSource]:
    """All of `documents`, before any is handed out. Raises `Unreadable` with `nothing` when there is none: an empty
    answer is more often a right that was lost than an empty organisation."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as spool:
        places: dict[str, tuple[int, int]] = {}
        for document in documents:
            text = written(document).encode()
            places[_key(document)] = (spool.tell(), len(text))
            spool.write(text)
        if not places:
            raise Unreadable(nothing)
        yield MadeSource("", is_whole=True, spool=spool, places=places)


def _key(document: dict[str, Any]) -> str:
    """The reference, where the document is far enough from nonsense to have one."""
    try:
        return ref_of(document)[:LONGEST_PATH]
    except (KeyError, TypeError, AttributeError):
        return f"a document without a name: {str(document)[:80]}"
