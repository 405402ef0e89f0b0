"""What a request needs before it is approved, as the rule said when it was sent, and how far it has come.

Stages follow each other; in a stage every part needs its people. Answers say in which parts their givers sat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from control import quorum
from control.durations import DurationError, parse_duration
from control.models import Approval, Decision


@dataclass(frozen=True)
class Tier:
    """Whom a part names, by reference; `after` is how long its stage must have waited."""

    after: timedelta
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rotas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    count: int
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True)
class Stage:
    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Agenda:
    stages: tuple[Stage, ...]
    distinct: bool = True

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Decisions from before there were stages have one part in one stage."""
        kept = decision.explanation.get("stages")
        if not kept:
            return cls((Stage("", (Part(max(decision.approvals_needed, 1)),)),))
        return cls.of_shape(kept, decision.explanation.get("distinct", True) is not False)

    @classmethod
    def of_shape(cls, shape: Sequence[dict[str, Any]], distinct: bool) -> Self:
        """From what `panels.Panel.shape` says."""
        return cls(tuple(map(_stage, shape)), distinct)

    @property
    def is_simple(self) -> bool:
        """One question to one set of people, as most are, or none at all."""
        return not self.stages or (
            len(self.stages) == 1
            and len(self.stages[0].parts) == 1
            and len(self.stages[0].parts[0].tiers) < 2
        )


def _stage(kept: dict[str, Any]) -> Stage:
    return Stage(str(kept["name"]), tuple(map(_part, kept["parts"])))


def _part(kept: dict[str, Any]) -> Part:
    return Part(int(kept["count"]), tuple(map(_tier, kept["tiers"])))


def _tier(kept: dict[str, Any]) -> Tier:
    names = (tuple(kept[field]) for field in ("groups", "users", "roles", "rotas"))
    return Tier(_length(kept["after"]), *names)


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except DurationError:  # 0m: at once
        return timedelta(0)


@dataclass(frozen=True)
class Progress:
    """`stage` is the open one (as many as there are when all are done); `taken` who counts, by stage and part;
    `open_parts` are parts of the open stage in which one more would help."""

    stage: int
    taken: tuple[tuple[tuple[Approval, ...], ...], ...]
    open_parts: frozenset[int]
    is_done: bool


def progress_of(agenda: Agenda, answers: Sequence[Approval]) -> Progress:
    """`answers` in the order in which they were given; only agreement counts."""
    agreed = [answer for answer in answers if answer.answer == Approval.Answer.APPROVED]
    taken = [_taken(agenda, number, agreed) for number in range(len(agenda.stages))]
    for number, stage in enumerate(agenda.stages):
        places = [part.count for part in stage.parts]
        if any(len(who) < count for who, count in zip(taken[number], places, strict=True)):
            still = _open_parts(agenda, number, agreed)
            return Progress(number, tuple(taken), frozenset(still), is_done=False)
    return Progress(len(agenda.stages), tuple(taken), frozenset(), is_done=True)


def _taken(agenda: Agenda, stage: int, agreed: Sequence[Approval]) -> tuple[tuple[Approval, ...], ...]:
    places = [part.count for part in agenda.stages[stage].parts]
    fits = [parts_of(answer, stage) for answer in agreed]
    if agenda.distinct:
        return tuple(tuple(agreed[one] for one in sorted(who)) for who in quorum.seated(places, fits))
    return tuple(
        tuple(answer for answer, parts in zip(agreed, fits, strict=True) if number in parts)
        for number in range(len(places))
    )


def _open_parts(agenda: Agenda, stage: int, agreed: Sequence[Approval]) -> set[int]:
    places = [part.count for part in agenda.stages[stage].parts]
    fits = [parts_of(answer, stage) for answer in agreed]
    if agenda.distinct:
        return quorum.open_parts(places, fits)
    return {number for number, count in enumerate(places) if sum(number in parts for parts in fits) < count}


def parts_of(answer: Approval, stage: int) -> list[int]:
    """In which parts of this stage its giver sat."""
    return [part for seat, part in answer.seats or [[0, 0]] if seat == stage]
