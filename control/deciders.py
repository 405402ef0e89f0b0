"""Who can really decide: active people whom a rule names, not the requester, a second account or an agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Q

from control.models import User
from control.people import same_person
from control.policy_documents import AccessRule, Deciders, PolicySet, Scope
from control.subjects import Subject


@dataclass(frozen=True)
class Named:
    """Whom a rule names as deciders of one subject, by reference. Nobody is nobody, never everybody.

    `roles` and `rotas` are names; who holds a role stands among `role_refs`, who is on call now among `on_call`.
    """

    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rotas: tuple[str, ...] = ()
    role_refs: tuple[tuple[str, str], ...] = ()  # role, reference
    on_call: tuple[str, ...] = ()
    accounts: tuple[int, ...] = ()  # people who are named by no rule, but by their account

    @property
    def refs(self) -> tuple[str, ...]:
        """Everybody's, once each."""
        held = (ref for _, ref in self.role_refs)
        return tuple(dict.fromkeys((*self.groups, *self.users, *held, *self.on_call)))


@dataclass(frozen=True)
class Naming:
    """What the words of a rule stand for: on one subject in one environment, at one moment."""

    found: PolicySet
    subject: Subject
    environment: str = ""
    on_call: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, deciders: Deciders) -> Named:
        return self.of_any([deciders])

    def of_any(self, several: Iterable[Deciders]) -> Named:
        every = list(several)
        owners = self.subject.owner_refs if any(one.owners for one in every) else ()
        refs = dict.fromkeys([*owners, *(who.ref for one in every for who in one.named)])
        roles = tuple(dict.fromkeys(role for one in every for role in one.roles))
        rotas = tuple(dict.fromkeys(rota for one in every for rota in one.rotas))
        return Named(
            groups=tuple(ref for ref in refs if ref.startswith("group:")),
            users=tuple(ref for ref in refs if ref.startswith("user:")),
            roles=roles,
            rotas=rotas,
            role_refs=tuple((role, ref) for role in roles for ref in self._holders(role)),
            on_call=tuple(dict.fromkeys(ref for rota in rotas for ref in self.on_call.get(rota, ()))),
        )

    def _holders(self, role: str) -> list[str]:
        """Whom standing bindings give the role here; everybody is nobody."""
        reaching = (
            binding
            for binding in self.found.bindings
            if binding.role == role and _reaches(binding.scope, self.subject, self.environment)
        )
        return list(dict.fromkeys(who.ref for binding in reaching for who in binding.subjects if who.ref))

    def by(self, rule: AccessRule) -> Named:
        """All that the rule names, sooner or later."""
        return self.of_any(tier.deciders for part in rule.approval.parts for tier in part.tiers)


def _reaches(scope: Scope, subject: Subject, environment: str) -> bool:
    if scope.entities is not None and not scope.entities.matches(subject.terms):
        return False
    return scope.environments is None or environment.lower() in scope.environments


@dataclass(frozen=True)
class People:
    """Everybody whom some rule names, read once, to be asked for one rule after the other."""

    requester: User
    members: dict[str, tuple[User, ...]] = field(default_factory=dict)  # by reference of group or person
    groups: Mapping[int, frozenset[str]] = field(default_factory=dict)  # all groups, by key of the account

    def of(self, named: Named) -> tuple[User, ...]:
        """All active people named, the requester among them."""
        found = {user.pk: user for ref in named.refs for user in self.members.get(ref, ())}
        return tuple(sorted(found.values(), key=lambda user: user.label))

    def eligible(self, named: Named) -> tuple[User, ...]:
        """Those who can decide for this requester."""
        return tuple(user for user in self.of(named) if not same_person(user, self.requester))


def read_people(requester: User, named: Iterable[Named]) -> People:
    """Two queries, however many rules and groups there are."""
    refs = {ref for one in named for ref in one.refs}
    groups = {ref for ref in refs if ref.startswith("group:")}
    members: dict[str, list[User]] = {}
    every: dict[int, frozenset[str]] = {}
    if refs:
        people = User.objects.filter(Q(groups__name__in=groups) | Q(entity_ref__in=refs - groups))
        for user in people.filter(is_active=True, acts_for=None).distinct().prefetch_related("groups"):
            every[user.pk] = frozenset(group.name for group in user.groups.all())
            for ref in (every[user.pk] | {str(user.entity_ref)}) & refs:
                members.setdefault(ref, []).append(user)
    return People(requester, {ref: tuple(found) for ref, found in members.items()}, every)
