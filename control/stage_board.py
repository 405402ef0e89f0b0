"""How far a request has come, for pages: its stages, who has agreed, whose turn it is, and when others are let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from control import clock
from control.agenda import Agenda, Part, Stage, Tier, progress_of
from control.durations import format_duration
from control.models import Approval, Approver, Decision, Intent, State
from control.panels import Panel, PartAsked, StageAsked
from control.templatetags.times import clock_words
from control.verdict_words import short_ref

_SIGNS = {"done": "ok", "open": "info", "ahead": "unknown"}
PEOPLE_NAMED = 6  # of one part that is not asked yet


@dataclass(frozen=True)
class PartShown:
    """`who` is whom it asks for; `later` when others are let in, in words; `people` who can decide, in a forecast."""

    who: str
    count: int
    answers: tuple[Approval, ...]
    later: tuple[str, ...]
    people: tuple[str, ...] = ()
    more_people: int = 0
    is_one: bool = False  # one person, or whoever is on call

    @property
    def is_full(self) -> bool:
        return len(self.answers) >= self.count

    @property
    def words(self) -> str:
        """“1 of payments must agree”, “1 more of payments must agree”, “Chloe Marsh must agree”."""
        if self.is_one:
            return f"{self.who[:1].upper()}{self.who[1:]} must agree"
        missing = self.count - len(self.answers)
        return f"{missing} {'more of' if self.answers else 'of'} {self.who} must agree"


@dataclass(frozen=True)
class StageShown:
    """`state` is done, open or ahead; `since` when it came to it."""

    title: str
    state: str
    since: datetime | None
    parts: tuple[PartShown, ...]

    @property
    def sign(self) -> str:
        return _SIGNS[self.state]


@dataclass(frozen=True)
class Board:
    """Empty for what one set of people decides at once: that needs no plan."""

    stages: tuple[StageShown, ...] = ()

    @property
    def open(self) -> StageShown | None:
        return next((stage for stage in self.stages if stage.state == "open"), None)


def board_of(intent: Intent, decision: Decision, answers: Sequence[Approval]) -> Board:
    """At most two queries."""
    agenda = Agenda.of(decision)
    if decision.verdict != Decision.Verdict.NEEDS_APPROVAL or agenda.is_simple:
        return Board()
    progress = progress_of(agenda, answers)
    rows = list(intent.approvers.select_related("user"))
    is_waiting = intent.state == State.AWAITING_APPROVAL
    painter = _Painter(rows, clock.now(), is_waiting, len(agenda.stages) == 1)
    shown = [
        painter.stage(number, stage, progress.stage, progress.taken[number])
        for number, stage in enumerate(agenda.stages)
    ]
    return Board(tuple(shown))


def forecast(panel: Panel) -> Board:
    """The way that a request which is not sent yet would go, with who can decide today. No query."""
    agenda = Agenda.of_shape(panel.shape(), panel.distinct)
    if agenda.is_simple:
        return Board()
    stages = zip(agenda.stages, panel.stages, strict=True)
    is_one = len(agenda.stages) == 1
    return Board(
        tuple(_foreseen(number, stage, asked, is_one) for number, (stage, asked) in enumerate(stages))
    )


def _foreseen(number: int, stage: Stage, asked: StageAsked, is_one_stage: bool) -> StageShown:
    parts = zip(stage.parts, asked.parts, strict=True)
    return StageShown(
        stage.name or _title(number, stage, is_one_stage),
        "ahead" if number else "open",
        None,
        tuple(_foreseen_part(part, people) for part, people in parts),
    )


def _foreseen_part(part: Part, asked: PartAsked) -> PartShown:
    first = asked.tiers[0].counts_after
    tiers = list(zip(part.tiers, asked.tiers, strict=True))
    at_once = [tier for tier, who in tiers if who.counts_after <= first]
    names = {str(user.entity_ref): user.label for tier in asked.tiers for user in tier.people}
    later = [
        f"after {format_duration(who.counts_after)}, {_who([tier], names)} too"
        for tier, who in tiers
        if who.counts_after > first
    ]
    people = () if _is_one_person(at_once) else asked.people_after(first)
    return PartShown(
        who=_who(at_once, names),
        count=part.count,
        answers=(),
        later=tuple(later),
        people=tuple(user.label for user in people[:PEOPLE_NAMED]),
        more_people=max(len(people) - PEOPLE_NAMED, 0),
        is_one=_is_one(at_once),
    )


def _title(number: int, stage: Stage, is_one_stage: bool) -> str:
    if is_one_stage:
        return "All of these" if len(stage.parts) > 1 else ""
    return f"Stage {number + 1}"


@dataclass(frozen=True)
class _Painter:
    rows: Sequence[Approver]
    now: datetime
    is_waiting: bool
    is_one_stage: bool

    @cached_property
    def names(self) -> dict[str, str]:
        return {str(row.user.entity_ref): row.user.label for row in self.rows if row.user}

    def stage(
        self, number: int, stage: Stage, current: int, taken: Sequence[Sequence[Approval]]
    ) -> StageShown:
        state = "done" if number < current else "open" if number == current and self.is_waiting else "ahead"
        parts = tuple(
            self._part(number, index, part, taken[index], state) for index, part in enumerate(stage.parts)
        )
        since = self._since(number) if state == "open" else None
        title = stage.name or _title(number, stage, self.is_one_stage)
        return StageShown(title, state, since, parts)

    def _since(self, stage: int) -> datetime | None:
        return min(
            (row.counts_from for row in self.rows if row.stage == stage and row.counts_from), default=None
        )

    def _part(self, stage: int, number: int, part: Part, taken: Sequence[Approval], state: str) -> PartShown:
        rows = [row for row in self.rows if (row.stage, row.part) == (stage, number)]
        is_full = len(taken) >= part.count
        now_asked = [tier for index, tier in enumerate(part.tiers) if index == 0 or self._counts(rows, index)]
        later = [
            self._later_words(rows, index, tier)
            for index, tier in enumerate(part.tiers)
            if index and not is_full and state != "done" and not self._counts(rows, index)
        ]
        who = _who(now_asked, self.names)
        return PartShown(who, part.count, tuple(taken), tuple(later), is_one=_is_one(now_asked))

    def _counts(self, rows: Sequence[Approver], tier: int) -> bool:
        return any(row.tier == tier and row.counts_from and row.counts_from <= self.now for row in rows)

    def _later_words(self, rows: Sequence[Approver], index: int, tier: Tier) -> str:
        """“from 18:20 on, platform too”; of a stage that is ahead after how long."""
        starts = [row.counts_from for row in rows if row.tier == index and row.counts_from]
        when = (
            f"from {clock_words(min(starts), self.now)} on"
            if starts
            else f"after {format_duration(tier.after)}"
        )
        return f"{when}, {_who([tier], self.names)} too"


def _is_one(tiers: Sequence[Tier]) -> bool:
    return len(_named(tiers)) == 1 and all(not (tier.groups or tier.roles) for tier in tiers)


def _is_one_person(tiers: Sequence[Tier]) -> bool:
    return _is_one(tiers) and not any(tier.rotas for tier in tiers)


def _named(tiers: Sequence[Tier]) -> set[str]:
    return {name for tier in tiers for name in (*tier.groups, *tier.users, *tier.roles, *tier.rotas)}


def _who(tiers: Sequence[Tier], labels: Mapping[str, str]) -> str:
    """`labels` are names of people by reference, where they are known."""
    names = [short_ref(ref) for tier in tiers for ref in tier.groups]
    names += [labels.get(ref, short_ref(ref)) for tier in tiers for ref in tier.users]
    names += [f"holders of {role}" for tier in tiers for role in tier.roles]
    names += [f"whoever is on call for {rota}" for tier in tiers for rota in tier.rotas]
    return " or ".join(dict.fromkeys(names)) or "whoever the rule named"
