"""What filters ask for: the lower-cased `path` and `path=value` strings of a document, stored as 64-bit keys.

A key is the first eight bytes of the term's BLAKE2b: an array of them and its index take half of what texts take. Two
terms of one key would be found for each other: among ten million different terms there is such a pair with a chance of
three in a million, and who wants a second term for a given key has 2^64 to try.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from catalog.yaml12 import as_key

# Longer values can be asked for by existence only, as in Backstage.
LONGEST_TERM_PART = 200
MOST_TERMS = 1_000
# Path → the lower-cased column that repeats it, each with the B-tree that serves it.
COLUMNS = {
    "kind": "kind",
    "metadata.namespace": "namespace",
    "spec.type": "type",
    "spec.lifecycle": "lifecycle",
}


@lru_cache(maxsize=100_000)  # paths, kinds, types and owners come again and again
def key_of(term: str) -> int:
    """The key of one term: a signed 64-bit integer, as the database holds them."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "big", signed=True)


def keys_of(terms: Iterable[str]) -> list[int]:
    """The keys to store: of everything but what has a column of its own."""
    return sorted({key_of(term) for term in terms if term.partition("=")[0] not in COLUMNS})


class Terms(Container[str]):
    """The terms of a stored entity: it answers `term in terms`, and cannot be listed."""

    def __init__(self, keys: Iterable[int], *, further: Iterable[str] = ()) -> None:
        self._keys = frozenset(keys)
        self._further = frozenset(further)  # what is not among the keys

    def __or__(self, more: Iterable[str]) -> Terms:
        return Terms(self._keys, further=self._further.union(more))

    def __contains__(self, term: object) -> bool:
        return isinstance(term, str) and (term in self._further or key_of(term) in self._keys)


def terms_of(document: dict[str, Any]) -> set[str]:
    """Lower-cased `path` and `path=value` of every value, as Backstage's filters know them; relations are not here."""
    found: set[str] = set()
    _add_terms(document, "", found)
    return found


def _add_terms(value: Any, path: str, found: set[str]) -> None:
    if len(path) > LONGEST_TERM_PART or len(found) >= MOST_TERMS:
        return
    if isinstance(value, str):
        found.add(path)
        if len(value) <= LONGEST_TERM_PART:
            found.add(f"{path}={value.lower()}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _add_terms(item, f"{path}.{key.lower()}" if path else key.lower(), found)
    elif isinstance(value, list):
        for item in value:
            _add_terms(item, path, found)
            if isinstance(item, str):  # `metadata.tags.java` can be asked for like `metadata.tags=java`
                _add_terms(True, f"{path}.{item.lower()}", found)
    else:
        found.add(path)
        if value is not None:
            found.add(f"{path}={as_key(value)}")
