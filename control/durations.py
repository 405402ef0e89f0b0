"""Lengths of time: as people and rules write them (`30m`, `2h30m`, `1d`), as pages show them (2 h 30 min)."""

from __future__ import annotations

import re
from datetime import timedelta

_NO_BREAK = "\u00a0"
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60}
_PART = re.compile(
    r"(?P<number>\d{1,6}) ?(?P<unit>d|days?|h|hours?|hrs?|m|mins?|minutes?)(?![a-z])(?:,? ?(?:and )?)",
    re.ASCII,
)


class DurationError(ValueError):
    """The text is no length of time; the message says what to type."""


def parse_duration(text: str) -> timedelta:
    """`2h30m`, `4 hours`, `1 d`; each unit at most once, largest first. Raises `DurationError`."""
    cleaned = text.replace(_NO_BREAK, " ").strip().lower()
    position, seconds, units = 0, 0, ""
    while match := _PART.match(cleaned, position):
        unit = match["unit"][0]
        if "dhm".find(unit) <= "dhm".find(units[-1:] or "?"):
            break
        units += unit
        seconds += int(match["number"]) * _SECONDS[unit]
        position = match.end()
    if position != len(cleaned) or not seconds:
        raise DurationError(f"“{text.strip()}” is not a length of time. Type it like 30m, 4h or 1d.")
    return timedelta(seconds=seconds)


def _parts(duration: timedelta) -> list[tuple[int, str]]:
    minutes = int(duration.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    return [(number, unit) for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]


def format_duration(duration: timedelta) -> str:
    """For people: `2 h 30 min` with no-break spaces; whole minutes, rounded down, and `0 min` for less."""
    return _NO_BREAK.join(f"{number}{_NO_BREAK}{unit}" for number, unit in _parts(duration) or [(0, "min")])


def compact_duration(duration: timedelta) -> str:
    """For parameters and rules: `2h30m`; `parse_duration` reads it back."""
    return "".join(f"{number}{unit[0]}" for number, unit in _parts(duration)) or "0m"
