"""When a wish would begin and end, and which windows of the same right it carries on. Only reads.

A window carries another on when they overlap, touch, or lie less than `GAP` apart: a pause of a minute makes no new
beginning. What the rules say to it is `control.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from access.models import Grant
from control import clock
from control.capability import ACCESS, Ask
from control.durations import parse_duration
from control.errors import InvalidParameters
from control.models import User
from control.policy_documents import GAP

AFTER = "after"  # instead of a moment: when what is held ends
UNSAID = "at"  # a moment was promised and not given
FARTHEST = timedelta(days=90)
LATE = timedelta(minutes=5)  # a start that passed so lately, while the form was filled in, means at once
WINDOWS_READ = 200  # of one right of one person
_SAY_WHEN = "Say when, like 2026-11-27T14:00, or leave it out to start at once."


@dataclass(frozen=True)
class Right:
    """What windows are counted of: a role of one person on one entity in one environment."""

    user: User
    role: str
    entity_ref: str
    environment: str


@dataclass(frozen=True)
class Held:
    """Windows of one right that have not been void from the beginning, each as start and end."""

    windows: tuple[tuple[datetime, datetime], ...]
    now: datetime

    @property
    def until(self) -> datetime | None:
        """The latest end of what holds now. Windows that are yet to begin do not count: nobody piles up time ahead."""
        ends = [ends_at for starts_at, ends_at in self.windows if starts_at <= self.now < ends_at]
        return max(ends, default=None)

    def carried_on_by(self, starts_at: datetime, ends_at: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """All windows that hang together with this one, at either side."""
        found: set[int] = set()
        first, last = starts_at, ends_at
        while True:
            near = {
                number
                for number, (begin, end) in enumerate(self.windows)
                if begin < last + GAP and end > first - GAP
            }
            if near == found:
                return tuple(self.windows[number] for number in sorted(near))
            found = near
            first = min(first, *(self.windows[number][0] for number in found))
            last = max(last, *(self.windows[number][1] for number in found))


@dataclass(frozen=True)
class Given:
    """One grant of a right, past, present or to come."""

    intent_id: UUID
    starts_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def length(self) -> timedelta:
        """As it was given, however early it was ended."""
        return self.expires_at - self.starts_at


def given_of(rights: Sequence[Right]) -> dict[Right, list[Given]]:
    """The grants of each right that were not void from the beginning, the latest end first. One query for all."""
    right = [F("user"), F("role"), F("entity_ref"), F("environment")]
    place = Window(RowNumber(), partition_by=right, order_by=F("expires_at").desc())
    grants = (
        Grant.objects.filter(
            user__in={one.user.pk for one in rights}, entity_ref__in={one.entity_ref for one in rights}
        )
        .filter(Q(revoked_at=None) | Q(revoked_at__gt=F("starts_at")))
        .annotate(place=place)
        .filter(place__lte=WINDOWS_READ)
        .order_by("place")
        .values_list(
            "user", "role", "entity_ref", "environment", "intent", "starts_at", "expires_at", "revoked_at"
        )
    )
    found: dict[tuple[int, str, str, str], list[Given]] = {}
    for user, role, ref, environment, intent, starts_at, expires_at, revoked_at in grants:
        given = Given(intent, starts_at, expires_at, revoked_at)
        found.setdefault((user, role, ref, environment), []).append(given)
    return {one: found.get((one.user.pk, one.role, one.entity_ref, one.environment), []) for one in rights}


def held(given: Iterable[Given], now: datetime, *, without: UUID | None = None) -> Held:
    """`without` is the intent whose own window does not count."""
    counted = (one for one in given if one.intent_id != without)
    return Held(tuple((one.starts_at, one.revoked_at or one.expires_at) for one in counted), now)


def held_of(right: Right, now: datetime, *, without: UUID | None = None) -> Held:
    """One query."""
    return held(given_of([right])[right], now, without=without)


def ask_of(right: Right, parameters: Mapping[str, Any], *, without: UUID | None = None) -> Ask:
    """What the rules are asked about cleaned parameters, with what is held already. Two queries."""
    return ask_from(right, parameters, held_of(right, clock.now(), without=without))


def ask_from(right: Right, parameters: Mapping[str, Any], held: Held) -> Ask:
    """As `ask_of`, without a query."""
    length, now = parse_duration(str(parameters["duration"])), held.now
    wished = start_of(parameters)
    starts_at = max(wished or now, now)
    around = held.carried_on_by(starts_at, starts_at + length)
    first = min([starts_at, *(begin for begin, _ in around)])
    last = max([starts_at + length, *(end for _, end in around)])
    return Ask(
        ACCESS,
        right.role,
        length,
        starts_at=wished,
        starts_in=timedelta(0) if held.until and starts_at <= held.until else starts_at - now,
        windows_before=len(around),
        total=last - first if around else None,
        breaks_glass=is_emergency(parameters),
    )


def is_emergency(parameters: Mapping[str, Any]) -> bool:
    """Whether the wish is to break the glass."""
    return parameters.get("break_glass") is True


def start_of(parameters: Mapping[str, Any]) -> datetime | None:
    """The wished start of cleaned parameters; None is at once."""
    text = parameters.get("starts_at")
    return datetime.fromisoformat(text) if text else None


def end_of(parameters: Mapping[str, Any]) -> datetime | None:
    """The wished end of a window with a wished start, however late or for how long it is approved."""
    text = parameters.get("ends_by")
    return datetime.fromisoformat(text) if text else None


def cleaned_start(typed: str, right: Right, length: timedelta) -> dict[str, str]:
    """`starts_at` and `ends_by` for the parameters; nothing for “at once”. Raises `InvalidParameters`."""
    if not typed:
        return {}
    now = clock.now()
    return cleaned_from(typed, length, held_of(right, now) if typed == AFTER else Held((), now))


def cleaned_from(typed: str, length: timedelta, held: Held) -> dict[str, str]:
    """As `cleaned_start`, without a query. Raises `InvalidParameters`."""
    if not typed:
        return {}
    now = held.now
    starts_at = _end_of(held) if typed == AFTER else _moment(typed)
    if starts_at > now + FARTHEST:
        raise InvalidParameters(
            {"start": f"That is more than {FARTHEST.days} days ahead. Choose a day before."}
        )
    if starts_at < now - LATE:
        raise InvalidParameters({"start": "That moment is over. Choose a later one, or start at once."})
    if starts_at <= now:
        return {}
    return {"starts_at": starts_at.isoformat(), "ends_by": (starts_at + length).isoformat()}


def _end_of(held: Held) -> datetime:
    if held.until is None:
        raise InvalidParameters(
            {"start": "You hold this no more, so it cannot be made longer. Start at once."}
        )
    return held.until


def _moment(typed: str) -> datetime:
    """A moment without a zone is in the server's."""
    if typed == UNSAID:
        raise InvalidParameters({"start": _SAY_WHEN})
    try:
        moment = datetime.fromisoformat(typed)
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidParameters({"start": f"“{typed[:40]}” is no moment. {_SAY_WHEN}"}) from None
