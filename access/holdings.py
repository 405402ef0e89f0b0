"""What a person holds, asked live at the database's clock: time-boxed grants, and standing bindings of the rules.

Everything that asks whether somebody may do something comes through here. A DenyRule in force takes away a grant too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType

from catalog.models import Entity
from control import policy, prepared, subjects
from control.decide import is_denied, standing_of
from control.matching import Requester, among
from control.models import User
from control.policy_documents import PolicySet, Role, RoleBinding
from control.subjects import Subject


@dataclass(frozen=True)
class Holding:
    """One way in which a permission is held; `until` is None for standing rights."""

    how: str  # for people: "Production logs in production"
    environment: str  # empty: every environment
    until: datetime | None = None


@dataclass(frozen=True)
class _Held:
    """One time-boxed grant that holds now."""

    role: str
    role_title: str
    environment: str
    until: datetime


@dataclass(frozen=True)
class _Person:
    requester: Requester
    found: PolicySet | None
    has_object_permission: bool
    grants: tuple[_Held, ...]


# The account as it is now with its groups, the rules in force, guardian's answer, and the grants that hold now. One
# statement that the server keeps planned: making and planning several took longer than answering them.
_STATEMENT = """
SELECT u.entity_ref,
    ARRAY(SELECT g.name FROM control_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = u.id),
    newest.id, newest.digest,
    EXISTS (SELECT FROM guardian_userobjectpermission o JOIN auth_permission p ON p.id = o.permission_id
        WHERE o.user_id = u.id AND o.object_pk = %(entity)s::text
        AND p.codename = %(permission)s::text AND p.content_type_id = %(type)s::int)
    OR EXISTS (SELECT FROM guardian_groupobjectpermission o JOIN auth_permission p ON p.id = o.permission_id
        JOIN control_user_groups m ON m.group_id = o.group_id
        WHERE m.user_id = u.id AND o.object_pk = %(entity)s::text
        AND p.codename = %(permission)s::text AND p.content_type_id = %(type)s::int),
    ARRAY(SELECT json_build_array(h.role, h.role_title, h.environment, h.expires_at)::text FROM access_grant h
        WHERE h.user_id = u.id AND h.entity_ref = %(ref)s::text AND h.revoked_at IS NULL
        AND h.starts_at <= statement_timestamp() AND h.expires_at > statement_timestamp()
        AND h.permissions @> to_jsonb(%(permission)s::text)
        AND (%(environment)s::text = '' OR h.environment = %(environment)s::text)
        ORDER BY h.expires_at DESC)
FROM control_user u LEFT JOIN control_user owner ON owner.id = u.acts_for_id
    LEFT JOIN LATERAL (SELECT id, digest FROM control_policyrevision ORDER BY id DESC LIMIT 1) newest ON true
WHERE u.id = %(user)s::bigint AND u.is_active AND (u.acts_for_id IS NULL OR owner.is_active)
"""


def holdings_of(user: User, entity: Entity, permission: str, environment: str = "") -> list[Holding]:
    """Every way in which `user` holds `permission` (`logs:read`) on `entity` now; one query.

    Without `environment`, holding it in any environment counts: a caller that guards one environment must name it.
    """
    person = _person(user, entity, permission, environment)
    if person is None or person.found is None:
        return []
    subject = _subject_of(entity, person.found)
    held = _by_grants(person, person.found, subject)
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


def _person(user: User, entity: Entity, permission: str, environment: str) -> _Person | None:
    """None for a closed account, or an agent whose owner's is closed."""
    asked = {
        "user": user.pk,
        "entity": str(entity.pk),
        "ref": entity.ref,
        "permission": permission,
        "environment": environment,
        "type": ContentType.objects.get_for_model(Entity).pk,
    }
    found = prepared.rows(_STATEMENT, asked)
    if not found:
        return None
    ref, groups, policy_id, digest, is_permitted, held = found[0]
    return _Person(
        Requester(user.label, ref or "", frozenset(groups)),
        policy.parsed_by_key(policy_id, digest) if policy_id else None,
        is_permitted,
        tuple(_held(text) for text in held),
    )


def _held(text: str) -> _Held:
    role, title, environment, until = json.loads(text)
    return _Held(role, title, environment, datetime.fromisoformat(until))


def _by_grants(person: _Person, found: PolicySet, subject: Subject) -> list[Holding]:
    return [
        Holding(f"{held.role_title} in {held.environment}", held.environment, held.until)
        for held in person.grants
        if not is_denied(found, person.requester, subject, held.role, held.environment)
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
