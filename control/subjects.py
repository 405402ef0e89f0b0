"""What an intent is about, as rules see it. Rooms above say how a reference is resolved (catalogue entities do)."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """`terms` are the lower-cased `path` and `path=value` strings of the entity, for the filter language."""

    ref: str
    title: str
    owner_refs: tuple[str, ...] = ()
    terms: Container[str] = frozenset()
    exists: bool = True
    url: str = ""  # its page, where it has one


_resolvers: list[Callable[[str], Subject | None]] = []


def register_resolver(resolver: Callable[[str], Subject | None]) -> None:
    if resolver not in _resolvers:
        _resolvers.append(resolver)


def resolve(ref: str) -> Subject:
    """The subject of `ref` (lower-case kind:namespace/name); one that nobody knows has no owners and no terms."""
    for resolver in _resolvers:
        if subject := resolver(ref):
            return subject
    return Subject(ref=ref, title=ref, exists=False)
