"""What the request page shows: options with their consequence, lengths within the limit, and the decision as one types.

Only reads; sending is `control.intents.submit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from access import windows
from access.capability import planned_changes
from access.habits import CHOICES, usual_minutes
from access.offers import SHORTEST, Offer, offers_for
from access.windows import Right
from control import clock
from control.capability import ACCESS, Ask, Change
from control.decide import Verdict, decide
from control.durations import DurationError, compact_duration, format_duration, parse_duration
from control.errors import InvalidParameters
from control.models import User
from control.policy_documents import BreakGlass
from control.stage_board import Board, forecast
from control.subjects import Subject

_HEADINGS = {
    "allow": ("ok", "Allowed at once"),
    "needs_approval": ("info", "Needs approval"),
    "deny": ("bad", "Refused"),
}
PEOPLE_SHOWN = 8


@dataclass(frozen=True)
class Choice:
    role: str = ""
    environment: str = ""
    duration: str = ""
    begin: str = "now"  # now | after (what is held ends) | at (`start`)
    start: str = ""
    reason: str = ""
    key: UUID = field(default_factory=uuid4)

    @property
    def starts_at(self) -> str:
        """As the capability reads it."""
        if self.begin == windows.UNSAID:
            return self.start or windows.UNSAID
        return windows.AFTER if self.begin == windows.AFTER else ""


@dataclass(frozen=True)
class Length:
    """One segment of the choice of lengths."""

    value: str
    words: str
    is_chosen: bool
    is_forbidden: bool


@dataclass(frozen=True)
class Asked:
    """Somebody who will be asked, and how fast they usually answer."""

    user: User
    usually: str


@dataclass(frozen=True)
class Decision:
    """The panel beside the form."""

    verdict: Verdict
    sign: str
    heading: str
    duration: str
    wait: str
    starts: datetime | None
    people: tuple[Asked, ...]
    more_people: int
    board: Board  # the stages, where there is more than one question to one set of people
    changes: tuple[Change, ...]
    emergency: BreakGlass | None = None

    @property
    def until_start(self) -> str:
        return format_duration(self.starts - timezone.now()) if self.starts else ""

    @property
    def send_label(self) -> str:
        if self.verdict.is_allowed:
            return "Get access" if self.starts else "Get access now"
        if self.verdict.is_refused:
            return "Send"
        return (
            "Send to the owners"
            if len(self.people) + self.more_people > 1
            else f"Send to {self.people[0].user.label}"
        )


def context(
    user: User, subject: Subject, chosen: Choice, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The whole page; the number of queries does not depend on how many roles or people there are."""
    offers = offers_for(user, subject)
    offer = _chosen(offers, chosen)
    if offer:
        length = chosen.duration or compact_duration(offer.usual)
        chosen = replace(chosen, role=offer.role.name, environment=offer.environment, duration=length)
        chosen = chosen if errors else _with_offered_start(offer, chosen)
    return {
        "subject": subject,
        "offers": offers,
        "offer": offer,
        "several_environments": len({one.environment for one in offers}) > 1,
        "chosen": chosen,
        "lengths": lengths(offer, chosen.duration),
        "other": "" if _is_choice(chosen.duration) else chosen.duration,
        "limit": format_duration(offer.longest) if offer and offer.longest else "",
        "farthest": _farthest(offer),
        "time_zone": timezone.get_current_timezone_name(),
        "decision": decision(user, subject, chosen, offer) if offer else None,
        "errors": errors or {},
    }


def _chosen(offers: list[Offer], chosen: Choice) -> Offer | None:
    """The option that was chosen, else the first that can be asked for."""
    for offer in offers:
        if offer.role.name == chosen.role and chosen.environment in ("", offer.environment):
            return offer
    possible = [offer for offer in offers if not offer.is_forbidden and not offer.grant]
    return next(iter(possible or offers), None)


def within_limit(user: User, subject: Subject, chosen: Choice) -> Choice:
    """After another role was chosen: length and start stay if it allows them, else they become its usual ones."""
    offer = _chosen(offers_for(user, subject), chosen)
    length = _parsed(chosen.duration)
    if offer is None:
        return chosen
    if not length or not offer.longest or length > offer.longest:
        chosen = replace(chosen, duration=compact_duration(offer.usual))
    return _with_offered_start(offer, chosen)


def _with_offered_start(offer: Offer, chosen: Choice) -> Choice:
    """A start that this role does not offer, as in a link that came late, is as if none was chosen."""
    is_offered = {
        "now": True,
        windows.AFTER: offer.grant is not None,
        windows.UNSAID: bool(offer.verdict.start_within),
    }
    return chosen if is_offered.get(chosen.begin) else replace(chosen, begin="now", start="")


def _farthest(offer: Offer | None) -> datetime | None:
    """Until when a window may begin; None where it is at once only."""
    ahead = offer.verdict.start_within if offer else None
    return clock.now() + ahead if ahead else None


def _parsed(duration: str) -> timedelta | None:
    try:
        return parse_duration(duration)
    except DurationError:
        return None


def _is_choice(duration: str) -> bool:
    return not duration or _parsed(duration) in CHOICES


def lengths(offer: Offer | None, duration: str) -> list[Length]:
    limit, chosen = offer.longest if offer else None, _parsed(duration)
    return [
        Length(compact_duration(one), format_duration(one), one == chosen, limit is not None and one > limit)
        for one in CHOICES
    ]


def decision(user: User, subject: Subject, chosen: Choice, offer: Offer) -> Decision:
    """What would become of the wish as it stands; a length that cannot be read is refused in words."""
    length = _parsed(chosen.duration)
    if length is None:
        words = f"“{chosen.duration}” is not a length of time. Type it like 30m, 4h or 1d."
        return _panel(replace(offer.verdict, verdict="deny", message=words, checks=()), offer, None, user)
    right = Right(user, offer.role.name, subject.ref, offer.environment)
    try:
        start = windows.cleaned_start(chosen.starts_at, right, length)
    except InvalidParameters as refusal:
        unclear = replace(offer.verdict, verdict="deny", message=str(refusal), checks=())
        return _panel(unclear, offer, None, user)
    asked = windows.ask_of(right, {"duration": chosen.duration, **start})
    ask = replace(asked, reason=chosen.reason.strip() or None)
    verdict = decide(actor=user, subject=subject, ask=ask, environment=offer.environment)
    if verdict.is_refused and verdict.failed_about == "reason":
        # still being written: the field says what it lacks
        unwritten = replace(ask, reason=None)
        verdict = decide(actor=user, subject=subject, ask=unwritten, environment=offer.environment)
    panel = _panel(verdict, offer, length, user, ask.starts_at)
    return replace(panel, emergency=_emergency(user, subject, offer, verdict))


def _emergency(user: User, subject: Subject, offer: Offer, verdict: Verdict) -> BreakGlass | None:
    """What breaking the glass would give, where the usual way does not give it at once."""
    if offer.verdict.break_glass is None or verdict.is_allowed or verdict.standing or user.is_agent:
        return None
    ask = Ask(ACCESS, offer.role.name, SHORTEST, breaks_glass=True)
    at_once = decide(actor=user, subject=subject, ask=ask, environment=offer.environment)
    return at_once.break_glass if at_once.is_allowed else None


def _panel(
    verdict: Verdict, offer: Offer, length: timedelta | None, user: User, starts: datetime | None = None
) -> Decision:
    sign, heading = _HEADINGS[verdict.verdict]
    people = verdict.approvers[:PEOPLE_SHOWN]
    usual = usual_minutes(people) if people else {}
    words = format_duration(length) if length else ""
    board = forecast(verdict.panel)
    return Decision(
        verdict=verdict,
        sign=sign,
        heading="You hold this already" if verdict.standing else heading,
        duration=words,
        wait=_stages_words(board) or _wait_words(usual),
        starts=starts,
        people=tuple(Asked(who, usually(usual.get(who.pk))) for who in people),
        more_people=len(verdict.approvers) - len(people),
        board=board,
        changes=() if verdict.is_refused else planned_changes(offer.role, user, words),
    )


def usually(minutes: int | None) -> str:
    return f"usually {format_duration(timedelta(minutes=minutes))}" if minutes else ""


def _stages_words(board: Board) -> str:
    """“2 stages”: how long those of the first usually take says little about all of them."""
    return f"{len(board.stages)}\u00a0stages" if len(board.stages) > 1 else ""


def _wait_words(usual: Mapping[int, int]) -> str:
    """“6–14 min”: from the fastest to the slowest of those who are asked."""
    if not usual:
        return ""
    first, last = min(usual.values()), max(usual.values())
    if last >= 60:
        return format_duration(timedelta(minutes=first))
    return f"{first}–{last}\u00a0min" if first != last else f"{first}\u00a0min"
