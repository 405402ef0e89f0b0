"""Who somebody is at this moment, in one statement: the account behind them, its groups, and the rules in force."""

from __future__ import annotations

from dataclasses import dataclass

from control import prepared
from control.models import User
from control.per_request import once

# For `u`, the account behind somebody: what `Standing` holds, in its order.
COLUMNS = """
u.entity_ref, u.is_staff,
ARRAY(SELECT g.name FROM control_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = u.id),
newest.id, newest.digest,
EXISTS (
    SELECT FROM control_delegation d WHERE d.deputy_id = u.id AND d.ended_at IS NULL
    AND d.starts_at <= statement_timestamp() AND d.expires_at > statement_timestamp())"""
NEWEST_RULES = """
LEFT JOIN LATERAL (SELECT id, digest FROM control_policyrevision ORDER BY id DESC LIMIT 1) newest ON true"""
_STATEMENT = f"SELECT {COLUMNS} FROM control_user u {NEWEST_RULES} WHERE u.id = %s::bigint AND u.is_active"  # noqa: S608


@dataclass(frozen=True)
class Standing:
    entity_ref: str | None
    is_staff: bool
    groups: list[str]
    policy_id: int | None  # of the revision in force
    policy_digest: str | None
    is_deputy: bool  # stands in for somebody at this moment, if that one has not left


def standing_of(user: User) -> Standing | None:
    """Of the person behind `user`, once per request; None when their account is closed."""
    return once(key_of(user.principal_id), lambda: _read(user.principal_id))


def key_of(principal_id: int) -> tuple[str, int]:
    """Where a standing that was read along with something else is kept (`per_request.keep`)."""
    return ("standing", principal_id)


def _read(principal_id: int) -> Standing | None:
    found = prepared.rows(_STATEMENT, [principal_id])
    return Standing(*found[0]) if found else None
