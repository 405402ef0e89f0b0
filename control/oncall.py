"""Who is on call: a rota is a list that shifts walk through, with overrides; a pure function of the clock.

Shifts are counted on the wall clock of the rota's time zone, so that a handover at 09:00 stays at 09:00 when the clocks
change. Groups stand for all their members, whoever they are at that moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SHORTEST_SHIFT, LONGEST_SHIFT = timedelta(hours=1), timedelta(days=90)


@dataclass(frozen=True)
class Override:
    """From `starts` until before `ends` (wall clock), `refs` are on call instead."""

    starts: datetime
    ends: datetime
    refs: tuple[str, ...]


@dataclass(frozen=True)
class Rota:
    """`refs` are taken in turn, one for each shift from `starts` (wall clock) on. Before that nobody is on call."""

    name: str
    title: str
    zone: ZoneInfo
    starts: datetime
    shift: timedelta
    refs: tuple[str, ...]
    overrides: tuple[Override, ...] = ()

    def on_call(self, at: datetime) -> tuple[str, ...]:
        """References of people and groups at the moment `at` (aware). The later of two overrides counts."""
        local = at.astimezone(self.zone).replace(tzinfo=None)
        for override in reversed(self.overrides):
            if override.starts <= local < override.ends:
                return override.refs
        if local < self.starts or not self.refs:
            return ()
        return (self.refs[(local - self.starts) // self.shift % len(self.refs)],)


def on_call_now(rotas: Iterable[Rota], at: datetime) -> dict[str, tuple[str, ...]]:
    return {rota.name: rota.on_call(at) for rota in rotas}


def seen_by(now: Mapping[str, tuple[str, ...]], ref: str, groups: Collection[str]) -> dict[str, list[str]]:
    """As conditions see it: references by rota, and `ref` too where one of their groups is on call."""
    return {
        name: [*refs, *([ref] if ref and any(one in groups for one in refs) else [])]
        for name, refs in now.items()
    }
