"""What an intent is about, as rules see it. Rooms above say how a reference is resolved (catalogue entities do)."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Subject:
    """`terms` are the lower-cased `path` and `path=value` strings of the entity, for the filter language."""

    ref: str
    title: str
    owner_refs: tuple[str, ...] = ()
    terms: Container[str] = frozenset()
    exists: bool = True
    url: str = ""  # its page, where it has one
    # Read only when a condition asks for it: the descriptor as it was written.
    document: Callable[[], Mapping[str, Any]] = field(default=dict, compare=False, repr=False)


class NoSubject(ValueError):
    """A document that describes nothing; the message says what is missing."""


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


_describers: list[Callable[[Mapping[str, Any]], Subject]] = []


def register_describer(describer: Callable[[Mapping[str, Any]], Subject]) -> None:
    if describer not in _describers:
        _describers.append(describer)


def described(document: Mapping[str, Any]) -> Subject:
    """The subject that an entity's document would be, with nothing stored or read. Raises `NoSubject`."""
    for describer in _describers:
        return describer(document)
    raise NoSubject("No part of this portal knows entities. Name the entity by its reference.")


_readers: list[Callable[[str], Mapping[str, Any] | None]] = []


def register_person_reader(reader: Callable[[str], Mapping[str, Any] | None]) -> None:
    if reader not in _readers:
        _readers.append(reader)


def attributes_of(ref: str) -> Mapping[str, Any]:
    """What an organisation source says of a person; empty for whom none speaks of.

    Readers vouch for their source: whoever could write this document could give themselves rights.
    """
    found = (reader(ref) for reader in _readers)
    return next((document for document in found if document is not None), {})
