"""Reads what an AccessRule says of windows: how far ahead they may begin, how often they are made longer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from control.durations import format_duration
from control.policy_documents import Extensions
from control.policy_yaml import Place

FIELDS = ("startWithin", "extensions")
FARTHEST = timedelta(days=90)
MOST_EXTENSIONS = 100


class Reader(Protocol):
    """The part of `policy_schema`'s reader that is needed here."""

    def problem(self, where: Place, message: str) -> None: ...

    def mapping(self, value: Any, where: Place, known: Sequence[str]) -> dict[str, Any]: ...

    def duration(self, spec: dict[str, Any], name: str) -> timedelta | None: ...


def start_within(reader: Reader, spec: dict[str, Any]) -> timedelta:
    """0 when it is left out: at once only."""
    ahead = reader.duration(spec, "startWithin") or timedelta(0)
    if ahead > FARTHEST:
        reader.problem(("spec", "startWithin"), f"startWithin is longer than {format_duration(FARTHEST)}.")
    return ahead


def extensions(reader: Reader, spec: dict[str, Any], longest: timedelta | None) -> Extensions | None:
    """None when it is left out: as often as those agree whom the rule names."""
    if "extensions" not in spec:
        return None
    where = ("spec", "extensions")
    fields = reader.mapping(spec["extensions"], where, ("count", "total"))
    count = fields.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MOST_EXTENSIONS:
        reader.problem((*where, "count"), f"count must be a whole number from 0 to {MOST_EXTENSIONS}.")
        count = 0
    total = reader.duration(fields, "total")
    if total and longest and total < longest:
        words = f"total is shorter than maxDuration ({format_duration(longest)}). Write the whole length."
        reader.problem((*where, "total"), words)
    return Extensions(count, total)
