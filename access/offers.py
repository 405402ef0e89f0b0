"""What is offered on an entity: each role with what would become of asking for it, in a few words.

Only reads. The verdict on a complete wish is `control.decide`'s; here it is asked for every role at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from access.capability import NAME
from access.habits import CHOICES
from access.models import Grant
from control import clock, policy
from control.capability import Ask
from control.decide import Asked, Verdict, decide_all
from control.models import User
from control.panels import PartAsked
from control.policy_documents import AccessRule, PolicySet, Role
from control.subjects import Subject
from control.templatetags.times import clock_words
from control.verdict_words import names_of

SHORTEST = timedelta(minutes=1)  # what a role is tried with, so that only its length can still be too long


@dataclass(frozen=True)
class Offer:
    """One role in one environment. `grant` is what the person holds of it now."""

    role: Role
    environment: str
    verdict: Verdict
    grant: Grant | None = None
    until: str = ""

    @property
    def is_forbidden(self) -> bool:
        return self.verdict.is_refused

    @property
    def longest(self) -> timedelta | None:
        return self.verdict.max_duration

    @property
    def usual(self) -> timedelta:
        """What the form starts with: the rule's default, else the longest choice of up to an hour within the limit."""
        limit = self.longest or CHOICES[0]
        return self.verdict.default_duration or min(timedelta(hours=1), limit)

    @property
    def words(self) -> str:
        """The consequence, for the right end of a row."""
        if self.grant:
            return f"You hold this until {self.until}"
        if self.verdict.standing:
            return "You hold this already, standing"
        if self.is_forbidden:
            return self.verdict.message
        if self.verdict.is_allowed:
            return "Allowed at once"
        return decided_by(self.verdict)

    @property
    def is_out_of_reach(self) -> bool:
        """Refused, and not because it is held already."""
        return self.is_forbidden and not self.verdict.standing and self.grant is None

    @property
    def second_line(self) -> str:
        """What the role gives; for a role out of reach why it is."""
        return self.verdict.message if self.is_out_of_reach else self.role.description

    @property
    def consequence(self) -> str:
        return "Not for you" if self.is_out_of_reach else self.words


def decided_by(verdict: Verdict) -> str:
    """“payments decides”, “2 of payments or platform decide”, “chloe.marsh, then storefront decide”: who is asked at
    first, in the order of the stages."""
    parts = verdict.panel.parts
    named = [names_of(part.tiers[0].named) for part in parts]
    is_one = len(parts) == 1 and parts[0].count == 1 and len(named[0]) == 1
    stages = (" and ".join(map(_first_of, stage.parts)) for stage in verdict.panel.stages)
    return f"{', then '.join(stages)} decide{'s' if is_one else ''}"


def _first_of(part: PartAsked) -> str:
    number = "" if part.count == 1 else f"{part.count} of "
    return f"{number}{' or '.join(names_of(part.tiers[0].named)) or 'nobody'}"


def offers_for(user: User, subject: Subject) -> list[Offer]:
    """Every role that some rule offers on this entity, in every environment it is offered in; few queries."""
    revision = policy.in_force()
    if revision is None:
        return []
    found = policy.parsed(revision)
    places = [
        (role, env) for role in offered_roles(found, subject) for env in environments_on(found, role, subject)
    ]
    asked = [Asked(Ask(NAME, role.name, SHORTEST), env) for role, env in places]
    verdicts = decide_all(actor=user, subject=subject, asked=asked, policy=revision)
    held = _held(user, subject)
    now = clock.now()
    return [
        _offer(role, env, verdict, held.get((role.name, env)), now)
        for (role, env), verdict in zip(places, verdicts, strict=True)
    ]


def _offer(role: Role, environment: str, verdict: Verdict, grant: Grant | None, now: datetime) -> Offer:
    return Offer(role, environment, verdict, grant, clock_words(grant.expires_at, now) if grant else "")


def _held(user: User, subject: Subject) -> dict[tuple[str, str], Grant]:
    """The longest of each, however often it was asked for."""
    live = Grant.objects.live().filter(user=user, entity_ref=subject.ref)
    longest = live.order_by("role", "environment", "-expires_at").distinct("role", "environment")
    return {(grant.role, grant.environment): grant for grant in longest}


def offered_roles(found: PolicySet, subject: Subject) -> list[Role]:
    """Roles that a rule or a standing binding speaks of on this entity, in the order of the documents."""
    named = {role for rule in _rules_on(found, subject) for role in rule.roles}
    return [role for role in found.roles.values() if role.name in named]


def environments_on(found: PolicySet, role: Role, subject: Subject) -> list[str]:
    """Where a role is offered on this entity; [""] when its rules name no environment."""
    rules = [rule for rule in _rules_on(found, subject) if role.name in rule.roles]
    names = dict.fromkeys(env for rule in rules for env in sorted(rule.scope.environments or ()))
    return list(names) or [""]


def _rules_on(found: PolicySet, subject: Subject) -> Sequence[AccessRule]:
    return [
        rule
        for rule in found.rules
        if rule.roles and (rule.scope.entities is None or rule.scope.entities.matches(subject.terms))
    ]


def takes_requests(found: PolicySet, subject: Subject) -> bool:
    """Whether any role is offered on this entity to anybody."""
    return bool(_rules_on(found, subject))
