"""Who is away, for pages and notices: in whose place somebody reads a request, and who stands in for whom on it. Only
reads; who may decide is asked again when they do (`chairs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from control import people
from control.capability import registry
from control.models import Approver, Delegation, Intent, User
from control.seats import delegations_to, deputy_places, own_places


@dataclass(frozen=True)
class Turn:
    """Places that somebody may take on a request now: their own, or under a delegation those of who is away."""

    person: User
    delegation: Delegation | None = None


def turns_of(intents: Iterable[UUID], user: User) -> Mapping[UUID, list[Turn]]:
    """In whose places `user` may decide each of these requests, their own first. Nothing, and no query, for whoever
    stands in for nobody; else one query."""
    delegations = {f"of_{one.pk}": one for one in delegations_to(user)}
    if not delegations:
        return {}
    covers = {f"of_{pk}": _truth(places) for pk, places in deputy_places(user).items()}
    rows = (
        Approver.objects.open()
        .filter(intent__in=list(intents))
        .annotate(own=_truth(own_places(user)), **covers)
        .values("intent", "own", *covers)
    )
    found: dict[UUID, dict[str, Turn]] = {}
    for row in rows:
        turns = found.setdefault(row["intent"], {})
        if row["own"]:
            turns["own"] = Turn(user)
        for name, one in delegations.items():
            if row[name]:
                turns[name] = Turn(one.absent, one)
    order = ["own", *delegations]
    return {pk: [turns[name] for name in order if name in turns] for pk, turns in found.items()}


def _truth(places: Q) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(places, output_field=BooleanField())


def in_place_of(intents: Iterable[Intent], user: User) -> list[tuple[Intent, Delegation | None]]:
    """Each of these requests with why it waits for `user`, where that is only because somebody is away."""
    shown = list(intents)
    turns = turns_of([intent.pk for intent in shown], user)
    first = {pk: found[0].delegation for pk, found in turns.items() if found}
    return [(intent, first.get(intent.pk)) for intent in shown]


def named_by(user: User) -> list[Delegation]:
    """Who decides in their place at this moment. One query."""
    return list(
        Delegation.objects.in_force().filter(absent=user).select_related("deputy").order_by("expires_at")
    )


def stand_ins(intent: Intent, asked: QuerySet[User]) -> list[Delegation]:
    """Who stands in for those of `asked` who are away, on this request, whoever is back first coming first. Those who
    are asked themselves are left out.

    `asked` are people whose turn it is and who have not answered, nor has anybody in their place. One query where
    nobody is away, else three.
    """
    if registry.administers(intent.capability):
        return []
    answers = intent.approvals.all()
    found = list(
        Delegation.objects.in_force()
        .filter(absent__in=asked.order_by().values("pk"))
        .exclude(deputy__in=asked.order_by().values("pk"))
        .exclude(deputy__in=answers.values("by"))
        .exclude(deputy__in=answers.exclude(deputy_of=None).values("deputy_of"))
        .select_related("absent", "deputy")
        .prefetch_related("absent__groups")
        .order_by("expires_at", "pk")
    )
    rows = intent.approvers.open().filter(group__isnull=False)
    named = set(rows.values_list("group__name", flat=True)) if found else set()
    return [
        one
        for one in found
        if _covers(one, named) and not people.same_person(one.deputy, intent.requested_by)
    ]


def _covers(delegation: Delegation, named: set[str]) -> bool:
    """With groups, one of them must be asked, and the absent person still be in it."""
    if not delegation.groups:
        return True
    mine = {group.name for group in delegation.absent.groups.all()}
    return bool(mine & named & set(delegation.groups))
