"""Who would decide one request, stage by stage: whom the rule names, who of them can, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from control import quorum
from control.capability import ACCESS, Ask
from control.deciders import Named, Naming, People
from control.durations import compact_duration
from control.matching import Question, Requester, denial_of
from control.models import User
from control.people import same_person
from control.policy_documents import Approval, Deciders, Part

_AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Voice:
    """Whose places an answer takes; with `groups` (references) only those that these have, of a deputy for some."""

    person: User
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class TierAsked:
    """`after` is what the rule says, `counts_after` when it really counts: sooner where those before are too few."""

    after: timedelta
    counts_after: timedelta
    deciders: Deciders
    named: Named
    people: tuple[User, ...]

    def seats(self, voice: Voice) -> bool:
        named = (*self.named.groups, *(ref for _, ref in self.named.role_refs))
        covered = not voice.groups or any(ref in voice.groups for ref in named)
        return covered and voice.person.pk in self.keys

    @cached_property
    def keys(self) -> frozenset[int]:
        return frozenset(user.pk for user in self.people)


@dataclass(frozen=True)
class PartAsked:
    count: int
    tiers: tuple[TierAsked, ...]

    def people_after(self, waited: timedelta) -> tuple[User, ...]:
        """Who can decide when the stage has waited that long, by name."""
        found = {user.pk: user for tier in self.tiers if tier.counts_after <= waited for user in tier.people}
        return tuple(sorted(found.values(), key=lambda user: user.label))

    @property
    def everyone(self) -> tuple[User, ...]:
        return self.people_after(timedelta.max)

    def seats_after(self, waited: timedelta, voice: Voice) -> bool:
        """Whether this voice counts for it when the stage has waited that long."""
        return any(tier.counts_after <= waited and tier.seats(voice) for tier in self.tiers)


@dataclass(frozen=True)
class StageAsked:
    name: str
    parts: tuple[PartAsked, ...]


@dataclass(frozen=True)
class Panel:
    stages: tuple[StageAsked, ...] = ()
    distinct: bool = True

    @property
    def parts(self) -> list[PartAsked]:
        return [part for stage in self.stages for part in stage.parts]

    @property
    def at_first(self) -> tuple[User, ...]:
        """Who can decide the moment it is asked."""
        first = self.stages[0].parts if self.stages else ()
        found = {user.pk: user for part in first for user in part.people_after(_AT_ONCE)}
        return tuple(sorted(found.values(), key=lambda user: user.label))

    def able_after(self, waited: timedelta) -> set[int]:
        """Keys of all who can decide something of it when a stage has waited that long."""
        return {user.pk for part in self.parts for user in part.people_after(waited)}

    def is_open_to(self, voice: Voice, waited: timedelta) -> bool:
        """Whether this voice can decide something of it when a stage has waited that long."""
        return any(part.seats_after(waited, voice) for part in self.parts)

    def fits(self, voices: Iterable[Voice]) -> list[tuple[int, ...]]:
        """For each voice the parts it can sit in, counted through all stages."""
        parts = list(enumerate(self.parts))
        return [
            tuple(index for index, part in parts if part.seats_after(timedelta.max, voice))
            for voice in voices
        ]

    def is_satisfied_by(self, voices: Iterable[Voice]) -> bool:
        """Whether these voices' agreement is all that it asks for; they are of different people."""
        places, fits = [part.count for part in self.parts], self.fits(voices)
        if self.distinct:
            return quorum.is_complete(places, fits)
        return all(sum(part in one for one in fits) >= count for part, count in enumerate(places))

    def is_as_kept(self, kept: Mapping[str, Any]) -> bool:
        """Whether it asks the same people in the same way as the panel whose `shape` and `distinct` a decision kept."""
        return kept.get("distinct") == self.distinct and _parts(kept.get("stages") or ()) == _parts(
            self.shape()
        )

    def shape(self) -> list[dict[str, Any]]:
        """Whom it asks for, as plain data: what a request keeps, and compares with later."""
        return [
            {
                "name": stage.name,
                "parts": [
                    {
                        "count": part.count,
                        "tiers": [
                            {
                                "after": compact_duration(tier.after),
                                "groups": list(tier.named.groups),
                                "users": list(tier.named.users),
                                "roles": list(tier.named.roles),
                                "rotas": list(tier.named.rotas),
                            }
                            for tier in part.tiers
                        ],
                    }
                    for part in stage.parts
                ],
            }
            for stage in self.stages
        ]


def _parts(shape: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Without what stages are called."""
    return [stage["parts"] for stage in shape]


def panel_of_accounts(people: tuple[User, ...]) -> Panel:
    """One of these, whom no rule names."""
    named = Named(accounts=tuple(user.pk for user in people))
    return Panel(
        (StageAsked("", (PartAsked(1, (TierAsked(_AT_ONCE, _AT_ONCE, Deciders(), named, people),)),)),)
    )


def panel_of(approval: Approval, question: Question, naming: Naming, people: People) -> Panel:
    """Pure: everybody who could be named is in `people`."""
    seater = _Seater(question, naming, people)
    stages = (
        StageAsked(stage.name, tuple(seater.part(part) for part in stage.parts)) for stage in approval.stages
    )
    return Panel(tuple(stages), approval.distinct)


def too_small(panel: Panel) -> PartAsked | None:
    """The first part that can never be satisfied."""
    return next((part for part in panel.parts if len(_distinct(part.everyone)) < part.count), None)


def lacks_people(panel: Panel) -> bool:
    """Whether there are too few different people, though each part alone has enough."""
    if not panel.distinct or len(panel.parts) < 2:
        return False
    everybody = {user.pk: user for part in panel.parts for user in part.everyone}
    return not panel.is_satisfied_by(map(Voice, _distinct(everybody.values())))


def _distinct(people: Iterable[User]) -> list[User]:
    """One account of each person: two with one address are one human."""
    return list({user.email.casefold() or str(user.pk): user for user in people}.values())


@dataclass(frozen=True)
class _Seater:
    question: Question
    naming: Naming
    people: People

    def part(self, part: Part) -> PartAsked:
        """A tier counts as soon as those before it when they are too few."""
        tiers: list[TierAsked] = []
        before: dict[int, User] = {}
        for tier in part.tiers:
            named = self.naming.of(tier.deciders)
            people = tuple(self._able(named))
            is_needed = bool(tiers) and len(_distinct(before.values())) < part.count
            counts_after = tiers[-1].counts_after if is_needed else tier.after
            tiers.append(TierAsked(tier.after, counts_after, tier.deciders, named, people))
            before |= {user.pk: user for user in people}
        return PartAsked(part.count, tuple(tiers))

    def _able(self, named: Named) -> Iterator[User]:
        found = {user.pk: user for user in self._found(named)}
        for user in sorted(found.values(), key=lambda user: user.label):
            if not same_person(user, self.people.requester):
                yield user

    def _found(self, named: Named) -> Iterator[User]:
        for ref in (*named.groups, *named.users, *named.on_call):
            yield from self.people.members.get(ref, ())
        for role, ref in named.role_refs:
            yield from (user for user in self.people.members.get(ref, ()) if self._holds(user, role))

    def _holds(self, user: User, role: str) -> bool:
        """A DenyRule takes a standing role away, and with it the say that it gives."""
        holder = Requester(user.label, user.entity_ref or "", self.people.groups.get(user.pk, frozenset()))
        asked = Question(holder, self.question.subject, Ask(ACCESS, role), self.question.environment)
        return denial_of(self.naming.found, asked) is None
