"""A rule set as objects: roles, standing bindings, rules for asking, denials, rotas, what is hidden."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from control.conditions import Condition
from control.filters import Filter
from control.oncall import Rota
from control.policy_yaml import Document

if TYPE_CHECKING:
    from control.shortlists import Shortlist

GAP = timedelta(minutes=15)  # windows that are less apart carry each other on


@dataclass(frozen=True)
class Who:
    """Whom a rule speaks of: everybody (`ref` is empty), a group or one person, by catalogue reference."""

    kind: str  # everyone | group | user
    ref: str = ""


@dataclass(frozen=True)
class Outside:
    connector: str
    target: str
    role: str


@dataclass(frozen=True)
class Role:
    name: str
    title: str
    description: str
    permissions: tuple[str, ...]  # resource:verb
    outside: tuple[Outside, ...]


@dataclass(frozen=True)
class Bundle:
    """Roles that are asked for with one press; each is decided by its own rule. No environments is all of them."""

    name: str
    title: str
    description: str
    roles: tuple[str, ...]
    environments: frozenset[str] | None = None


@dataclass(frozen=True)
class Scope:
    """Which entities and environments; `None` is all of them."""

    entities: Filter | None = None
    environments: frozenset[str] | None = None


@dataclass(frozen=True)
class RoleBinding:
    name: str
    subjects: tuple[Who, ...]
    role: str
    scope: Scope


@dataclass(frozen=True)
class Deciders:
    """Any of these: owners of the entity, groups and people, holders of standing roles there, whoever is on call."""

    owners: bool = False
    named: tuple[Who, ...] = ()
    roles: tuple[str, ...] = ()
    rotas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tier:
    """Who may decide once a request has waited for `after` (0: at once)."""

    after: timedelta
    deciders: Deciders


@dataclass(frozen=True)
class Part:
    """`count` people out of its tiers; the first is asked at once, the others are its escalation."""

    count: int
    tiers: tuple[Tier, ...]


@dataclass(frozen=True)
class Stage:
    """All parts must be satisfied, in any order."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Approval:
    """One stage after the other; none is allowed at once. `distinct`: nobody counts for two parts."""

    stages: tuple[Stage, ...] = ()
    distinct: bool = True

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for stage in self.stages for part in stage.parts)

    @cached_property
    def count(self) -> int:
        """How many people must agree in all."""
        return sum(part.count for part in self.parts)


@dataclass(frozen=True)
class ReasonRule:
    """What a reason must be. `ticket` is a pattern that must occur in it; `url` leads to what was found."""

    is_required: bool = False
    ticket: str = ""
    hint: str = ""
    url: str = ""  # https://tracker.example.org/browse/{ticket}


@dataclass(frozen=True)
class Extensions:
    """How often a window may be carried on by another that touches it, and how long they may be together."""

    count: int
    total: timedelta | None = None


@dataclass(frozen=True)
class BreakGlass:
    """At once in an emergency, for so long at most; one of the reviewers looks at it within so long after the end."""

    max_duration: timedelta
    review_within: timedelta
    owners: bool = True
    named: tuple[Who, ...] = ()


@dataclass(frozen=True)
class AccessRule:
    name: str
    title: str
    description: str
    roles: frozenset[str]
    capabilities: frozenset[str]
    subjects: tuple[Who, ...]
    scope: Scope
    max_duration: timedelta | None
    default_duration: timedelta | None
    approval: Approval
    when: tuple[Condition, ...] = ()
    reason: ReasonRule = ReasonRule()
    decide_within: timedelta | None = None  # undecided requests expire then
    start_within: timedelta = timedelta(0)  # how far ahead a window may begin; 0 is at once only
    extensions: Extensions | None = None  # None: as often as the rule's deciders agree
    break_glass: BreakGlass | None = None  # None: never without those who decide

    @property
    def in_emergency(self) -> AccessRule | None:
        """The same rule for somebody who breaks the glass: the same people and places, its own limit."""
        if self.break_glass is None:
            return None
        limit = self.break_glass.max_duration
        return replace(self, max_duration=limit, default_duration=limit, start_within=timedelta(0))


@dataclass(frozen=True)
class DenyRule:
    name: str
    roles: frozenset[str]
    capabilities: frozenset[str]
    subjects: tuple[Who, ...]
    scope: Scope
    message: str


@dataclass(frozen=True)
class VisibilityRule:
    """Entities that `entities` finds are seen by `visible_to`, their owners and administrators alone."""

    name: str
    entities: Filter
    visible_to: tuple[Who, ...]


@dataclass
class PolicySet:
    documents: list[Document]
    roles: dict[str, Role] = field(default_factory=dict)
    bindings: list[RoleBinding] = field(default_factory=list)
    rules: list[AccessRule] = field(default_factory=list)
    denials: list[DenyRule] = field(default_factory=list)
    visibility: list[VisibilityRule] = field(default_factory=list)
    rotas: dict[str, Rota] = field(default_factory=dict)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    # What `shortlists` made of the rules, by what is asked.
    shortlists: dict[tuple[str, str, bool], Shortlist] = field(
        default_factory=dict, compare=False, repr=False
    )

    @cached_property
    def _rules_by_what(self) -> dict[tuple[str, str], list[AccessRule]]:
        """Read once, after the last rule was added."""
        found: dict[tuple[str, str], list[AccessRule]] = {}
        for rule in self.rules:
            for key in [("role", name) for name in rule.roles] + [("", name) for name in rule.capabilities]:
                found.setdefault(key, []).append(rule)
        return found

    def rules_for(self, capability: str, role: str) -> list[AccessRule]:
        """Rules that offer `role`, or `capability` where no role is asked for, in the order of the documents."""
        return self._rules_by_what.get(("role", role) if role else ("", capability), [])

    def environments(self, role: str) -> list[str]:
        """Environments in which some rule offers `role`, in the order of the rules."""
        found = [
            env for rule in self.rules if role in rule.roles for env in sorted(rule.scope.environments or ())
        ]
        return list(dict.fromkeys(found))
