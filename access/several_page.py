"""The form for several roles on several targets: what is offered where, and each line's decision before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from access import together, windows
from access.capability import NAME
from access.entity_pages import several_url
from access.habits import CHOICES
from access.offers import Offer, offers_for
from access.request_page import Choice, Length
from access.windows import Held, Right
from catalog.models import Entity
from control import clock, policy, subjects
from control.capability import Draft
from control.decide import Asked, Verdict, decide_all
from control.durations import DurationError, compact_duration, format_duration, parse_duration
from control.errors import InvalidParameters
from control.models import User
from control.policy_documents import Bundle
from control.subjects import Subject

MOST_TARGETS = 6
USUAL = timedelta(hours=1)
_SIGNS = {"allow": "ok", "needs_approval": "info", "deny": "bad"}
Key = tuple[str, str]  # role and environment


@dataclass(frozen=True)
class Wish:
    """What is chosen so far: targets, roles and bundles, and what is the same for every line."""

    refs: tuple[str, ...] = ()
    what: tuple[Key, ...] = ()
    bundles: tuple[str, ...] = ()
    common: Choice = field(default_factory=Choice)


@dataclass(frozen=True)
class Option:
    """One role in one environment, and on which of the targets it is offered."""

    role: str
    environment: str
    title: str
    description: str
    where: str
    is_chosen: bool


@dataclass(frozen=True)
class Line:
    """One role on one target."""

    subject: Subject
    offer: Offer
    verdict: Verdict

    @property
    def sign(self) -> str:
        return _SIGNS[self.verdict.verdict]

    @property
    def is_sent(self) -> bool:
        return not self.verdict.is_refused


def read(data: QueryDict, common: Choice) -> Wish:
    """From what was posted or stands in the address; what makes no sense is as if it were not given."""
    whats = (one.partition("@") for one in _plain(data.getlist("what"))[: together.MOST_LINES])
    return Wish(
        refs=tuple(dict.fromkeys(ref.lower() for ref in _plain(data.getlist("entity"))[:MOST_TARGETS])),
        what=tuple((role, environment) for role, _, environment in whats),
        bundles=tuple(_plain(data.getlist("bundle"))[: together.MOST_LINES]),
        common=common,
    )


def _plain(values: Sequence[str]) -> list[str]:
    return [value for value in values if value and "\0" not in value and len(value) <= 255]


def context(user: User, wish: Wish, errors: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole page. Queries grow with the targets, of which there are few, and not with roles, lines or people."""
    targets = _targets(user, wish.refs)
    offered = [(target, offers_for(user, target)) for target in targets]
    bundles = _bundles(offered)
    wish = replace(wish, common=_with_length(wish.common))
    chosen = {*wish.what, *_of_bundles(bundles, wish.bundles, offered)}
    lines, problem = _lines(user, offered, chosen, wish.common)
    return {
        "targets": [(target, _without(targets, target)) for target in targets],
        "refs": [target.ref for target in targets],
        "may_add": len(targets) < MOST_TARGETS,
        "options": _options(offered, chosen),
        "bundles": [(bundle, bundle.name in wish.bundles) for bundle in bundles],
        "chosen": wish.common,
        "lengths": _lengths(wish.common.duration),
        "other": "" if _parsed(wish.common.duration) in CHOICES else wish.common.duration,
        "time_zone": timezone.get_current_timezone_name(),
        "lines": lines,
        "sent": [line for line in lines if line.is_sent],
        "problem": problem,
        "most": together.MOST_LINES,
        "errors": errors or {},
    }


def drafts(user: User, wish: Wish) -> list[Draft]:
    """One for each line that the rules do not refuse; those that they do are left out, as the page says.

    Raises `InvalidParameters` for what all lines have in common.
    """
    found = context(user, wish)
    if found["problem"]:
        raise InvalidParameters(found["problem"])
    unsaid = [line.verdict.message for line in found["lines"] if line.verdict.failed_about == "reason"]
    if unsaid:
        raise InvalidParameters({"reason": unsaid[0]})
    return [_draft(user, line, found["chosen"]) for line in found["sent"]]


def _draft(user: User, line: Line, common: Choice) -> Draft:
    parameters = {
        "role": line.offer.role.name,
        "duration": common.duration,
        "starts_at": common.starts_at,
    }
    return Draft(NAME, user, line.subject, line.offer.environment, parameters, common.reason)


def _targets(user: User, refs: Sequence[str]) -> list[Subject]:
    seen = Entity.objects.visible_to(user).light().filter(ref__in=refs)
    urls = {entity.ref: entity.get_absolute_url() for entity in seen}
    return [replace(subjects.resolve(ref), url=urls[ref]) for ref in refs if ref in urls]


def _without(targets: Sequence[Subject], target: Subject) -> str:
    return several_url([one.ref for one in targets if one.ref != target.ref])


def _bundles(offered: Sequence[tuple[Subject, list[Offer]]]) -> list[Bundle]:
    """Those of which something is offered here."""
    revision = policy.in_force()
    if revision is None:
        return []
    here = {offer.role.name for _, offers in offered for offer in offers}
    return [one for one in policy.parsed(revision).bundles.values() if here & set(one.roles)]


def _of_bundles(
    bundles: Sequence[Bundle], names: Sequence[str], offered: Sequence[tuple[Subject, list[Offer]]]
) -> set[Key]:
    taken = [one for one in bundles if one.name in names]
    return {
        (offer.role.name, offer.environment)
        for _, offers in offered
        for offer in offers
        for one in taken
        if offer.role.name in one.roles
        and (one.environments is None or offer.environment.lower() in one.environments)
    }


def _options(offered: Sequence[tuple[Subject, list[Offer]]], chosen: set[Key]) -> list[Option]:
    places: dict[Key, list[str]] = {}
    roles: dict[Key, Offer] = {}
    for target, offers in offered:
        for offer in offers:
            key = (offer.role.name, offer.environment)
            roles.setdefault(key, offer)
            if not offer.is_forbidden:
                places.setdefault(key, []).append(target.title)
    return [
        Option(
            *key,
            title=offer.role.title,
            description=offer.role.description,
            where=_where(places.get(key, []), len(offered)),
            is_chosen=key in chosen,
        )
        for key, offer in roles.items()
    ]


def _where(titles: list[str], count: int) -> str:
    if not titles:
        return "Not for you"
    return ("everywhere" if count > 1 else titles[0]) if len(titles) == count else ", ".join(titles)


def _lines(
    user: User, offered: Sequence[tuple[Subject, list[Offer]]], chosen: set[Key], common: Choice
) -> tuple[list[Line], dict[str, str]]:
    """Each with its verdict, and what is wrong with what they have in common."""
    length = _parsed(common.duration)
    if length is None:
        return [], {"duration": f"“{common.duration}” is not a length of time. Type it like 30m, 4h or 1d."}
    lines: list[Line] = []
    wanted = _wanted(offered, chosen)
    given = windows.given_of([_right(user, target, offer) for target, offers in wanted for offer in offers])
    now = clock.now()
    for target, offers in wanted:
        try:
            rights = [_right(user, target, offer) for offer in offers]
            asked = [_asked(right, windows.held(given[right], now), common, length) for right in rights]
        except InvalidParameters as refusal:
            return lines, refusal.fields
        verdicts = decide_all(actor=user, subject=target, asked=asked)
        lines += [Line(target, offer, said) for offer, said in zip(offers, verdicts, strict=True)]
    return lines, {}


def _wanted(
    offered: Sequence[tuple[Subject, list[Offer]]], chosen: set[Key]
) -> list[tuple[Subject, list[Offer]]]:
    """What is chosen of each target, no more than may be sent at once."""
    found: list[tuple[Subject, list[Offer]]] = []
    left = together.MOST_LINES
    for target, offers in offered:
        taken = [one for one in offers if (one.role.name, one.environment) in chosen][:left]
        left -= len(taken)
        found.append((target, taken))
    return found


def _right(user: User, target: Subject, offer: Offer) -> Right:
    return Right(user, offer.role.name, target.ref, offer.environment)


def _asked(right: Right, held: Held, common: Choice, length: timedelta) -> Asked:
    start = windows.cleaned_from(common.starts_at, length, held)
    ask = windows.ask_from(right, {"duration": compact_duration(length), **start}, held)
    return Asked(replace(ask, reason=common.reason.strip() or None), right.environment)


def _with_length(common: Choice) -> Choice:
    return common if common.duration else replace(common, duration=compact_duration(USUAL))


def _lengths(duration: str) -> list[Length]:
    chosen = _parsed(duration)
    return [Length(compact_duration(one), format_duration(one), one == chosen, False) for one in CHOICES]


def _parsed(duration: str) -> timedelta | None:
    try:
        return parse_duration(duration)
    except DurationError:
        return None
