"""People and teams of the organisation sources, handed to the spine: membership is the right to approve.

Only locations marked as organisation sources count here, whatever else the catalogue holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from catalog.models import Entity, Relation
from control import people


def memberships() -> dict[str, set[str]]:
    """Group reference → user references, as the organisation sources say it; groups without members are named too."""
    groups = Entity.objects.filter(kind="group", location__is_org_source=True)
    result: dict[str, set[str]] = {ref: set() for ref in groups.values_list("ref", flat=True)}
    users = Entity.objects.filter(kind="user", location__is_org_source=True).values("ref")
    members = Relation.objects.filter(
        source__kind="group", source__location__is_org_source=True, type="hasMember", target_ref__in=users
    )
    for group, user in members.values_list("source__ref", "target_ref"):
        result[group].add(user)
    return result


def sync() -> None:
    people.sync_groups(memberships())


def sync_if_concerned(refs: Iterable[str]) -> None:
    """After a change of these entities; called in its transaction."""
    if any(ref.startswith(("group:", "user:")) for ref in refs):
        sync()
