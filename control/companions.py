"""What was sent together with a request: rooms above say so, and the inbox shows it as one entry.

Nothing is decided by it: each request keeps its own rule, its own people and its own answer (docs/decisions/015).
Registered in `AppConfig.ready()`; asked live.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Together:
    """Some requests that were sent as one; `url` is the page of all of them."""

    key: UUID
    url: str
    intents: tuple[UUID, ...]  # in the order in which they were sent


_rooms: list[Callable[[Collection[UUID]], Mapping[UUID, Together]]] = []


def register(room: Callable[[Collection[UUID]], Mapping[UUID, Together]]) -> None:
    """`room` answers for those of the given requests that were sent with others, in one query."""
    _rooms.append(room)


def of(intents: Collection[UUID]) -> dict[UUID, Together]:
    """By request; those that were sent alone are left out."""
    return {pk: found for room in _rooms for pk, found in room(intents).items()} if intents else {}
