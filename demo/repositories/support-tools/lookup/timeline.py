"""Puts what several services say about one order into one order of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, order=True)
class Line:
    at: datetime
    said_by: str
    text: str


def timeline(*sources: Iterable[Line]) -> list[Line]:
    return sorted({line for source in sources for line in source})
