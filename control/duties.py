"""What waits for a person besides requests: rooms above say so, inbox and home show it.

A duty is done on a page of its own room. Registered in `AppConfig.ready()`; asked live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from control.models import User


@dataclass(frozen=True)
class Duty:
    title: str  # "Review: Production shell of payments"
    who: User  # whom it is about
    url: str
    due_at: datetime
    is_overdue: bool


_rooms: list[Callable[[User], list[Duty]]] = []


def register(room: Callable[[User], list[Duty]]) -> None:
    """`room` answers with a bounded list, the most urgent first, in a constant number of queries."""
    _rooms.append(room)


def of(user: User) -> list[Duty]:
    """The most urgent first."""
    return sorted((duty for room in _rooms for duty in room(user)), key=lambda duty: duty.due_at)
