"""What a person holds, asked live at the database's clock: time-boxed grants, and standing bindings of the rules.

Everything that asks whether somebody may do something comes through here. A DenyRule in force takes away a grant too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Exists, OuterRef, Q, Subquery
from guardian.models import GroupObjectPermission, UserObjectPermission

from access.models import Grant
from catalog.models import Entity
from control import policy, subjects
from control.decide import is_denied, standing_of
from control.matching import Requester, among
from control.models import PolicyRevision, User, open_account
from control.policy_documents import PolicySet, Role, RoleBinding
from control.subjects import Subject


@dataclass(frozen=True)
class Holding:
    """One way in which a permission is held; `until` is None for standing rights."""

    how: str  # for people: "Production logs in production"
    environment: str  # empty: every environment
    until: datetime | None = None


@dataclass(frozen=True)
class _Person:
    requester: Requester
    found: PolicySet | None
    has_object_permission: bool


def holdings_of(user: User, entity: Entity, permission: str, environment: str = "") -> list[Holding]:
    """Every way in which `user` holds `permission` (`logs:read`) on `entity` now; at most two queries.

    Without `environment`, holding it in any environment counts: a caller that guards one environment must name it.
    """
    person = _person(user, entity, permission)
    if person is None or person.found is None:
        return []
    subject = _subject_of(entity, person.found)
    held = _by_grants(user, person, subject, permission, environment)
    held += _by_bindings(person, subject, permission, environment)
    if person.has_object_permission:
        held.append(Holding("Given to you or your group on this entity", ""))
    return held


def answer(held: Sequence[Holding], permission: str, entity: Entity) -> dict[str, Any]:
    """For tools: whether, until when (None: standing, or not at all), and why in words."""
    if not held:
        why = f"You hold no {permission} on {entity.label} now."
        return {"allowed": False, "until": None, "why": why, "environments": []}
    ends = [one.until for one in held]
    until = None if None in ends else max(end for end in ends if end)
    return {
        "allowed": True,
        "until": until.isoformat() if until else None,
        "why": "; ".join(one.how for one in held),
        "environments": sorted({one.environment for one in held if one.environment}),
    }


def _subject_of(entity: Entity, found: PolicySet) -> Subject:
    """Relations are read only if some filter speaks of them; who owns it does not matter to these checks."""
    scopes = [binding.scope for binding in found.bindings] + [denial.scope for denial in found.denials]
    if any("relations." in str(scope.entities) for scope in scopes if scope.entities):
        return subjects.resolve(entity.ref)
    return Subject(entity.ref, entity.label, terms=entity.terms)


def _person(user: User, entity: Entity, permission: str) -> _Person | None:
    """The account as it is now, its groups, the rules in force and guardian's answer, in one query; None if closed."""
    newest = PolicyRevision.objects.order_by("-id")
    row = (
        User.objects.filter(open_account(), pk=user.pk)
        .annotate(
            group_names=ArrayAgg("groups__name", filter=Q(groups__isnull=False), default=[]),
            policy_id=Subquery(newest.values("pk")[:1]),
            policy_digest=Subquery(newest.values("digest")[:1]),
            permitted=_object_permission(entity, permission),
        )
        .values("entity_ref", "group_names", "policy_id", "policy_digest", "permitted")
        .first()
    )
    if row is None:
        return None
    requester = Requester(user.label, row["entity_ref"] or "", frozenset(row["group_names"]))
    found = policy.parsed_by_key(row["policy_id"], row["policy_digest"]) if row["policy_id"] else None
    return _Person(requester, found, row["permitted"])


def _object_permission(entity: Entity, codename: str) -> Exists | Q:
    """guardian's rows for this person or a group of theirs."""
    place = {
        "permission__codename": codename,
        "permission__content_type": ContentType.objects.get_for_model(Entity),
        "object_pk": str(entity.pk),
    }
    own = UserObjectPermission.objects.filter(user=OuterRef("pk"), **place)
    shared = GroupObjectPermission.objects.filter(group__user=OuterRef("pk"), **place)
    return Exists(own) | Exists(shared)


def _by_grants(
    user: User, person: _Person, subject: Subject, permission: str, environment: str
) -> list[Holding]:
    grants = Grant.objects.live().filter(
        open_account("user__"), user=user, entity_ref=subject.ref, permissions__contains=[permission]
    )
    if environment:
        grants = grants.filter(environment=environment)
    return [
        Holding(f"{grant.role_title} in {grant.environment}", grant.environment, grant.expires_at)
        for grant in grants.order_by("-expires_at")
        if person.found
        and not is_denied(person.found, person.requester, subject, grant.role, grant.environment)
    ]


def _by_bindings(person: _Person, subject: Subject, permission: str, environment: str) -> list[Holding]:
    found = person.found
    if found is None:
        return []
    places = [environment] if environment else known_environments(found)
    return [
        Holding(f"{role.title}, standing, in {place}" if place else f"{role.title}, standing", place)
        for place in places
        for role in standing_of(found, person.requester, subject, place)
        if permission in role.permissions
    ]


def known_environments(found: PolicySet) -> list[str]:
    """Every environment that the rules name, and "" for bindings that name none."""
    scopes = [binding.scope for binding in found.bindings] + [rule.scope for rule in found.rules]
    return ["", *sorted({name for scope in scopes for name in scope.environments or ()})]


def standing_bindings(found: PolicySet, requester: Requester) -> list[tuple[RoleBinding, Role]]:
    """Standing rights of a person, wherever they hold."""
    return [(one, found.roles[one.role]) for one in found.bindings if among(one.subjects, requester)]
