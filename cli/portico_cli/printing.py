"""What people read. Titles and reasons were typed by others, so nothing in them may steer the terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

_STEERING = (
    "Cc",
    "Cf",
    "Co",
    "Cs",
)  # control, format (also right-to-left overrides), private, half characters


def clean(text: object) -> str:
    """One line without characters that are no text."""
    return "".join(one if unicodedata.category(one) not in _STEERING else " " for one in str(text))


def say(text: object = "") -> None:
    print(clean(text))


def complain(text: object) -> None:
    print(clean(text), file=sys.stderr)


def data(found: Any) -> None:
    """As JSON: ASCII alone, so that it cannot steer a terminal either."""
    print(json.dumps(found, indent=2))


def table(rows: Iterable[Sequence[object]]) -> None:
    lines = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def moment(text: str) -> str:
    """A moment of the API in the time zone of this machine."""
    return datetime.fromisoformat(text).astimezone().strftime("%a %d %b %H:%M")
