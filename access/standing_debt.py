"""Standing rights, as what they are: access that nobody asks for and that never ends. Only reads.

Administrators see those that reach production anywhere, owners those that reach what they own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from access.habits import is_production
from catalog.filter_sql import as_q
from catalog.models import Entity, EntityQuerySet
from control import policy
from control.filters import EVERYTHING
from control.models import PolicyRevision, User, open_account
from control.policy_documents import PolicySet, RoleBinding
from control.rule_changes import kind_of, name_of
from control.subjects import Subject

PAGE_SIZE = 20
BINDINGS_TRIED = 200  # on what somebody owns; each is one count in one statement
REVISIONS_READ = 200
_EVERYBODY = "everyone"


@dataclass(frozen=True)
class Debt:
    """One binding: `people` and `entities` are how many it reaches now; `since` is None when older than is read."""

    binding: RoleBinding
    role_title: str
    who: str
    entities_filter: str
    environments: str
    people: int
    entities: int
    since: datetime | None


def context(page_number: str) -> dict[str, Any]:
    """Those on production, one page; four queries, however many there are."""
    found = _in_force()
    page = Paginator(_on_production(found), PAGE_SIZE).get_page(page_number)
    shown = list(page)
    return {"page": page, "rows": _debts(found, shown, _entities(shown, Entity.objects.all()))}


def owner_context(user: User, page_number: str) -> dict[str, Any]:
    """Those on production that reach what `user` owns, with how much of it; of the first `BINDINGS_TRIED`."""
    found, owned = _in_force(), owned_by(user)
    bindings = _on_production(found)[:BINDINGS_TRIED]
    counts = _entities(bindings, owned)
    reaching = [(one, count) for one, count in zip(bindings, counts, strict=True) if count]
    page = Paginator(reaching, PAGE_SIZE).get_page(page_number)
    rows = _debts(found, [one for one, _ in page], [count for _, count in page])
    return {"page": page, "rows": rows, "of_owner": True}


def on_entity(subject: Subject) -> list[Debt]:
    """All that reach one entity, in whatever environment; at most `PAGE_SIZE`."""
    found = _in_force()
    reaching = [
        one
        for one in found.bindings
        if one.scope.entities is None or one.scope.entities.matches(subject.terms)
    ][:PAGE_SIZE]
    return _debts(found, reaching, [1] * len(reaching))


def owned_by(user: User) -> EntityQuerySet:
    """What is theirs or their teams'; nothing for agents, who own nothing."""
    if user.is_agent:
        return Entity.objects.none()
    return Entity.objects.owned_by(
        *filter(None, (user.entity_ref, *user.groups.values_list("name", flat=True)))
    )


def _in_force() -> PolicySet:
    revision = policy.in_force()
    return policy.parsed(revision) if revision else PolicySet([])


def _on_production(found: PolicySet) -> list[RoleBinding]:
    return [one for one in found.bindings if _reaches_production(one)]


def _debts(found: PolicySet, bindings: Sequence[RoleBinding], entities: Sequence[int]) -> list[Debt]:
    if not bindings:
        return []
    people, since = _people(bindings), _since(bindings, found)
    return [
        Debt(
            binding=one,
            role_title=found.roles[one.role].title,
            who=", ".join(who.ref or "everybody" for who in one.subjects),
            entities_filter=str(one.scope.entities) if one.scope.entities else "everything",
            environments=", ".join(sorted(one.scope.environments or ())) or "everywhere",
            people=people[number],
            entities=entities[number],
            since=since[number],
        )
        for number, one in enumerate(bindings)
    ]


def _reaches_production(binding: RoleBinding) -> bool:
    environments = binding.scope.environments
    return environments is None or any(is_production(name) for name in environments)


def _people(bindings: Sequence[RoleBinding]) -> list[int]:
    """Active people behind each, once each, agents left out."""
    refs = {who.ref for one in bindings for who in one.subjects if who.ref}
    members: dict[str, set[int]] = {}
    active = User.objects.filter(open_account(), acts_for=None)
    for pk, ref, group in active.filter(Q(entity_ref__in=refs) | Q(groups__name__in=refs)).values_list(
        "pk", "entity_ref", "groups__name"
    ):
        for name in refs.intersection(filter(None, (ref, group))):
            members.setdefault(name, set()).add(pk)
    everybody = active.count()
    return [
        everybody
        if any(who.kind == _EVERYBODY for who in one.subjects)
        else len(set().union(*(members.get(who.ref, set()) for who in one.subjects)))
        for one in bindings
    ]


def _entities(bindings: Sequence[RoleBinding], entities: EntityQuerySet) -> list[int]:
    if not bindings:
        return []
    counts = entities.aggregate(
        **{
            f"of_{number}": Count("pk", filter=as_q(one.scope.entities or EVERYTHING))
            for number, one in enumerate(bindings)
        }
    )
    return [counts[f"of_{number}"] for number in range(len(bindings))]


def _since(bindings: Sequence[RoleBinding], found: PolicySet) -> list[datetime | None]:
    """When the oldest revision was published from which on each has reached at least this far without a gap."""
    texts = {name_of(one): one.data for one in found.documents if kind_of(one) == "RoleBinding"}
    held = {
        f"has_{number}": ExpressionWrapper(
            Q(documents__contains=[{"document": texts[one.name]}]), output_field=BooleanField()
        )
        for number, one in enumerate(bindings)
    }
    revisions = list(
        PolicyRevision.objects.order_by("-id")
        .annotate(**held)
        .values("published_at", *held)[: REVISIONS_READ + 1]
    )
    return [_oldest([(one["published_at"], one[name]) for one in revisions]) for name in held]


def _oldest(revisions: Sequence[tuple[datetime, bool]]) -> datetime | None:
    for number, (_, has_it) in enumerate(revisions):
        if not has_it:
            return revisions[number - 1][0] if number else None
    return revisions[-1][0] if 0 < len(revisions) <= REVISIONS_READ else None
