"""Who can really decide: active people whom a rule names, not the requester, a second account or an agent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from control.models import User
from control.people import same_person
from control.policy_documents import AccessRule
from control.subjects import Subject


@dataclass(frozen=True)
class Named:
    """Whom a rule names as deciders of one subject, by reference. Nobody is nobody, never everybody."""

    groups: tuple[str, ...]
    users: tuple[str, ...]

    @property
    def refs(self) -> tuple[str, ...]:
        return (*self.groups, *self.users)


def named_by(rule: AccessRule, subject: Subject) -> Named:
    refs = [*(subject.owner_refs if rule.approval.owners else ()), *(who.ref for who in rule.approval.named)]
    distinct = tuple(dict.fromkeys(refs))
    return Named(
        groups=tuple(ref for ref in distinct if ref.startswith("group:")),
        users=tuple(ref for ref in distinct if ref.startswith("user:")),
    )


@dataclass(frozen=True)
class People:
    """Everybody whom some rule names, read once, to be asked for one rule after the other."""

    requester: User
    members: dict[str, tuple[User, ...]] = field(default_factory=dict)  # by reference of group or person

    def of(self, named: Named) -> tuple[User, ...]:
        """All active people named, the requester among them."""
        found = {user.pk: user for ref in named.refs for user in self.members.get(ref, ())}
        return tuple(sorted(found.values(), key=lambda user: user.label))

    def eligible(self, named: Named) -> tuple[User, ...]:
        """Those who can decide for this requester."""
        return tuple(user for user in self.of(named) if not same_person(user, self.requester))


def read_people(requester: User, named: Iterable[Named]) -> People:
    """Two queries, however many rules and groups there are."""
    every = list(named)
    groups = {ref for one in every for ref in one.groups}
    users = {ref for one in every for ref in one.users}
    members: dict[str, list[User]] = {}
    if groups or users:
        people = User.objects.filter(Q(groups__name__in=groups) | Q(entity_ref__in=users))
        for user in people.filter(is_active=True, acts_for=None).distinct().prefetch_related("groups"):
            refs = {group.name for group in user.groups.all()} & groups | {str(user.entity_ref)} & users
            for ref in refs:
                members.setdefault(ref, []).append(user)
    return People(requester, {ref: tuple(found) for ref, found in members.items()})
