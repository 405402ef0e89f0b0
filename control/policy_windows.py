"""Reads what an AccessRule says of windows: how far ahead they may begin, how often they are made longer, how one is
broken into in an emergency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from control.durations import format_duration
from control.policy_documents import BreakGlass, Extensions, Who
from control.policy_yaml import Place

FIELDS = ("startWithin", "extensions", "breakGlass")
FARTHEST = timedelta(days=90)
MOST_EXTENSIONS = 100
REVIEW_WITHIN = timedelta(hours=24)  # after the end, unless the rule says otherwise
LONGEST_EMERGENCY = timedelta(hours=8)


class Reader(Protocol):
    """The part of `policy_schema`'s reader that is needed here."""

    def problem(self, where: Place, message: str) -> None: ...

    def mapping(self, value: Any, where: Place, known: Sequence[str]) -> dict[str, Any]: ...

    def duration(
        self, data: dict[str, Any], name: str, where: Place = ("spec",), *, required: bool = False
    ) -> timedelta | None: ...

    def items(
        self, data: dict[str, Any], name: str, where: Place, *, required: bool = False
    ) -> list[tuple[Place, Any]]: ...

    def who(self, item: Any, where: Place) -> Who | None: ...


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
    total = reader.duration(fields, "total", where)
    if total and longest and total < longest:
        words = f"total is shorter than maxDuration ({format_duration(longest)}). Write the whole length."
        reader.problem((*where, "total"), words)
    return Extensions(count, total)


def break_glass(reader: Reader, spec: dict[str, Any]) -> BreakGlass | None:
    """None when it is left out. Without reviewers the owners of the entity review."""
    if "breakGlass" not in spec:
        return None
    where = ("spec", "breakGlass")
    fields = reader.mapping(spec["breakGlass"], where, ("maxDuration", "reviewWithin", "reviewers"))
    longest = reader.duration(fields, "maxDuration", where, required=True) or timedelta(0)
    within = reader.duration(fields, "reviewWithin", where) or REVIEW_WITHIN
    if longest > LONGEST_EMERGENCY:
        words = f"longer than {format_duration(LONGEST_EMERGENCY)}. An emergency is short; ask for what is longer."
        reader.problem((*where, "maxDuration"), words)
    if within > FARTHEST:
        reader.problem((*where, "reviewWithin"), f"longer than {format_duration(FARTHEST)}.")
    if "reviewers" not in fields:
        return BreakGlass(longest, within)
    return BreakGlass(longest, within, *_reviewers(reader, fields["reviewers"], (*where, "reviewers")))


def _reviewers(reader: Reader, value: Any, where: Place) -> tuple[bool, tuple[Who, ...]]:
    listed = reader.items(reader.mapping(value, where, ("anyOf",)), "anyOf", where, required=True)
    owners = [item for _, item in listed if item == {"owners": True}]
    named = [reader.who(item, place) for place, item in listed if item != {"owners": True}]
    if any(who and who.kind == "everyone" for who in named):
        reader.problem((*where, "anyOf"), "Everyone cannot review. Name groups or people.")
    return bool(owners), tuple(who for who in named if who)
