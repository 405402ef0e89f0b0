"""Who can do what on an entity, and why: each role with the rules that offer it, who holds it now, and who never may.

Only reads, for a page. Whether one person may is `control.decide`'s to say; here the rules themselves are laid open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, Window
from django.db.models.functions import RowNumber

from access.models import Grant
from control import clock
from control.decide import is_denied
from control.deciders import Naming, People, read_people
from control.durations import format_duration
from control.matching import Requester
from control.models import User
from control.oncall import on_call_now
from control.policy_documents import (
    AccessRule,
    Approval,
    DenyRule,
    Part,
    PolicySet,
    Role,
    RoleBinding,
    Scope,
    Who,
)
from control.policy_schema import EVERY
from control.rule_changes import kind_of, name_of, place_of
from control.subjects import Subject
from control.verdict_words import names_of, short_ref

PEOPLE_SHOWN = 6
HOLDERS_SHOWN = 6


@dataclass(frozen=True)
class Names:
    """The first few of some people, and how many there are besides."""

    people: tuple[User, ...]
    more: int = 0


@dataclass(frozen=True)
class Way:
    """One rule by which the role can be asked for."""

    rule: str
    place: str
    who: str
    environments: tuple[str, ...]
    longest: timedelta | None
    needed: int
    decision: str  # “one of payments must agree, then one of security”; whose names follow it can do so today
    deciders: Names
    conditions: tuple[str, ...] = ()  # what must hold besides, as its author calls it
    in_emergency: timedelta | None = None  # how long somebody who breaks the glass has it


@dataclass(frozen=True)
class Always:
    """A binding that gives the role without asking, or a denial that nobody gets past."""

    rule: str
    place: str
    who: str
    environments: tuple[str, ...]
    message: str = ""


@dataclass(frozen=True)
class Holder:
    """Somebody who holds the role by a grant; `denied` when a denial in force takes it away meanwhile."""

    grant: Grant
    denied: bool


@dataclass(frozen=True)
class RoleExplained:
    role: Role
    ways: tuple[Way, ...]
    standing: tuple[Always, ...]
    denials: tuple[Always, ...]
    holders: tuple[Holder, ...]
    more_holders: int

    @property
    def is_nobodys(self) -> bool:
        return not (self.ways or self.standing or self.holders)


def explained(found: PolicySet, subject: Subject, user: User, environment: str = "") -> list[RoleExplained]:
    """Every role that can be held here, in the order of the documents; `environment` empty is all of them.

    Few queries, however many rules, roles and holders there are. `user` only reads.
    """
    rules = [rule for rule in found.rules if rule.roles and _reaches(rule.scope, subject, environment)]
    naming = Naming(found, subject, environment, on_call_now(found.rotas.values(), clock.now()))
    people = read_people(user, [naming.by(rule) for rule in rules])
    holders, counts = _holders(found, subject, environment)
    places = {(kind_of(doc), name_of(doc)): place_of(doc) for doc in found.documents}
    reader = _Reader(found, subject, environment, rules, naming, people, places)
    roles = [
        reader.role(role, holders.get(role.name, ()), counts.get(role.name, 0))
        for role in found.roles.values()
    ]
    return [one for one in roles if not one.is_nobodys]


def environments_of(found: PolicySet, subject: Subject) -> list[str]:
    """Those that some rule or binding names for this entity."""
    scopes = [rule.scope for rule in found.rules if rule.roles] + [one.scope for one in found.bindings]
    named = {name for scope in scopes if _reaches(scope, subject, "") for name in scope.environments or ()}
    return sorted(named)


@dataclass(frozen=True)
class _Reader:
    found: PolicySet
    subject: Subject
    environment: str
    rules: Sequence[AccessRule]
    naming: Naming
    people: People
    places: Mapping[tuple[str, str], str]

    def role(self, role: Role, holders: Sequence[Holder], count: int) -> RoleExplained:
        return RoleExplained(
            role=role,
            ways=tuple(self.way(rule) for rule in self.rules if role.name in rule.roles),
            standing=tuple(
                self.always("RoleBinding", one)
                for one in self.found.bindings
                if one.role == role.name and _reaches(one.scope, self.subject, self.environment)
            ),
            denials=tuple(
                self.always("DenyRule", one, one.message)
                for one in self.found.denials
                if one.roles & {EVERY, role.name} and _reaches(one.scope, self.subject, self.environment)
            ),
            holders=tuple(holders),
            more_holders=count - len(holders),
        )

    def way(self, rule: AccessRule) -> Way:
        named = self.naming.by(rule)
        members = self.people.of(named)
        return Way(
            rule=rule.name,
            place=self.places.get(("AccessRule", rule.name), ""),
            who=who_words(rule.subjects),
            environments=_environments(rule.scope),
            longest=rule.max_duration,
            conditions=self.conditions.get(rule.name, ()),
            in_emergency=rule.break_glass.max_duration if rule.break_glass else None,
            needed=rule.approval.count,
            decision=self.decision(rule.approval),
            deciders=Names(members[:PEOPLE_SHOWN], max(len(members) - PEOPLE_SHOWN, 0)),
        )

    def always(self, kind: str, one: RoleBinding | DenyRule, message: str = "") -> Always:
        place = self.places.get((kind, one.name), "")
        return Always(one.name, place, who_words(one.subjects), _environments(one.scope), message)

    def decision(self, approval: Approval) -> str:
        stages = [" and ".join(self.part(part) for part in stage.parts) for stage in approval.stages]
        if not stages:
            return "allowed at once"
        return f"{stages[0]} must agree{''.join(f', then {words}' for words in stages[1:])}"

    def part(self, part: Part) -> str:
        """“one of payments (platform too after 4 h)”."""
        names = [names_of(self.naming.of(tier.deciders)) for tier in part.tiers]
        at_once, *later = (
            (" or ".join(who) or "nobody", tier.after) for who, tier in zip(names, part.tiers, strict=True)
        )
        is_one = part.count == 1 and [who.kind for who in part.tiers[0].deciders.named] == ["user"]
        escalation = "; ".join(f"{names} too after {format_duration(after)}" for names, after in later)
        number = "" if is_one and len(names[0]) == 1 else f"{'one' if part.count == 1 else part.count} of "
        return f"{number}{at_once[0]}" + (f" ({escalation})" if escalation else "")

    @cached_property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        rules = (doc for doc in self.found.documents if kind_of(doc) == "AccessRule")
        return {name_of(doc): tuple(_asked_besides(doc.data.get("spec", {}))) for doc in rules}


def _asked_besides(spec: Mapping[str, Any]) -> Iterator[str]:
    """The titles of conditions, else what they say; and that a reason is needed."""
    when = spec.get("when", [])
    for one in when if isinstance(when, list) else [when]:
        yield str(one.get("title") or one.get("expression")) if isinstance(one, dict) else str(one)
    reason = spec.get("reason", {})
    if reason.get("ticket"):
        yield str(reason.get("hint") or f"a ticket like {reason['ticket']} in the reason")
    elif reason.get("required"):
        yield "a reason"


def who_words(subjects: Iterable[Who]) -> str:
    """“Everybody”, “support, platform or maya.okafor”."""
    names = ["Everybody" if who.kind == "everyone" else short_ref(who.ref) for who in subjects]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "Nobody"


def _environments(scope: Scope) -> tuple[str, ...]:
    return tuple(sorted(scope.environments or ()))


def _reaches(scope: Scope, subject: Subject, environment: str) -> bool:
    if scope.entities is not None and not scope.entities.matches(subject.terms):
        return False
    return not environment or scope.environments is None or environment in scope.environments


def _holders(
    found: PolicySet, subject: Subject, environment: str
) -> tuple[dict[str, list[Holder]], dict[str, int]]:
    """By role: those whose grant ends first, and how many there are. Three queries."""
    live = Grant.objects.live().filter(entity_ref=subject.ref)
    live = live.filter(environment=environment) if environment else live
    counts = dict(live.order_by().values_list("role").annotate(number=Count("pk")))
    rank = Window(RowNumber(), partition_by="role", order_by=["expires_at", "pk"])
    first = live.annotate(rank=rank).filter(rank__lte=HOLDERS_SHOWN).order_by("expires_at", "pk")
    holders: dict[str, list[Holder]] = {}
    for grant in first.select_related("user", "user__acts_for").prefetch_related("user__groups"):
        holders.setdefault(grant.role, []).append(Holder(grant, _is_denied(found, subject, grant)))
    return holders, counts


def _is_denied(found: PolicySet, subject: Subject, grant: Grant) -> bool:
    holder = grant.user
    groups = frozenset(group.name for group in holder.groups.all())
    requester = Requester(holder.label, holder.entity_ref or "", groups)
    return not holder.is_active or is_denied(found, requester, subject, grant.role, grant.environment)
