"""In which places of requests somebody sits: by name, by a group, by being on call at this moment, or in the place of
somebody who is away.

A deputy takes the places that the absent person has themselves, as they are now: never those that one has as a deputy
of somebody else, never on what the absent person asked for, and none where Portico itself is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from control import clock, policy
from control.capability import registry
from control.errors import PolicyInvalid
from control.models import Approval, Approver, Delegation, User
from control.oncall import Rota, on_call_now
from control.per_request import once
from control.standing import Standing, standing_of
from control.templatetags.times import clock_words


def on_call_seats(user: User) -> Q:
    """A filter of Approver rows, for lists: places that come by being on call. Empty for whom there are none."""
    rotas = rotas_of(user)
    return _rota_rows(rotas) if rotas else Q()


def rotas_of(user: User) -> list[str]:
    """Rotas of the rules in force on which the person is on call, for lists: without a query where the page knows them
    already. Agents never are."""
    standing = None if user.is_agent else standing_of(user)
    rotas = _rotas_known(standing)
    if standing is None or not rotas:
        return []
    mine = {standing.entity_ref, *standing.groups}
    return _on_call(rotas, mine, timezone.now())


def _rotas_known(standing: Standing | None) -> Mapping[str, Rota]:
    if standing is None or standing.policy_id is None:
        return {}
    try:
        return policy.parsed_by_key(standing.policy_id, str(standing.policy_digest)).rotas
    except PolicyInvalid:  # rules that cannot be read put nobody on call
        return {}


def is_deputy(user: User) -> bool:
    """Whether they, or the person behind an agent, may stand in for somebody at this moment, for lists: without a query
    where the page knows it already."""
    standing = standing_of(user)
    return standing is not None and standing.is_deputy


def delegations_to(user: User) -> list[Delegation]:
    """For whom they stand in at this moment, for lists; no query for whom there is nobody. With groups."""
    if not is_deputy(user):
        return []
    return once(("delegations", user.pk), lambda: list(with_people(user)))


def with_people(user: User) -> QuerySet[Delegation]:
    """Those in force under which `user` stands in, with whom they stand in for and that person's groups."""
    found = Delegation.objects.in_force().filter(deputy=user).select_related("absent", "deputy")
    return found.prefetch_related("absent__groups").order_by("expires_at", "pk")


def deputy_seats(user: User) -> Q:
    """A filter of Approver rows, for lists: places of those who are away. Empty for whom there are none."""
    return reduce(or_, _covered_by(delegations_to(user)).values(), Q())


def deputy_turns(user: User) -> Q:
    """As `deputy_seats`, without places whose person has answered, or somebody in their place."""
    return reduce(or_, deputy_places(user).values(), Q())


def deputy_places(user: User) -> dict[int, Q]:
    """The parts of `deputy_turns`, by key of the delegation."""
    delegations = delegations_to(user)
    places = _covered_by(delegations)
    return {one.pk: places[one.pk] & _unanswered(one.absent) for one in delegations}


def own_places(user: User) -> Q:
    """A filter of Approver rows, for lists: a person's own places."""
    return Q(user=user) | Q(group__in=user.groups.values("pk")) | on_call_seats(user)


def _covered_by(delegations: Sequence[Delegation]) -> dict[int, Q]:
    """By key of the delegation. No query."""
    if not delegations:
        return {}
    rotas = _rotas_known(standing_of(delegations[0].deputy))
    return {one.pk: covered(one, rotas, timezone.now()) for one in delegations}


def _unanswered(person: User) -> Q:
    return ~Q(Exists(Approval.objects.filter(intent=OuterRef("intent")).involving(person)))


def covered(delegation: Delegation, rotas: Mapping[str, Rota], at: datetime) -> Q:
    """A filter of Approver rows: the absent person's places at the moment `at` that this delegation covers."""
    person = delegation.absent
    groups = list(person.groups.all())
    if delegation.groups:
        places = Q(group__in=[group.pk for group in groups if group.name in delegation.groups])
    else:
        mine = {person.entity_ref, *(group.name for group in groups)}
        on_call = _on_call(rotas, mine, at) if rotas else []
        places = Q(user=person) | Q(group__in=[group.pk for group in groups]) | _rota_rows(on_call)
    own = Q(intent__requested_by=person) | Q(intent__requested_by__acts_for=person)
    return places & ~own & ~Q(intent__capability__in=registry.administering())


def covered_now(delegation: Delegation) -> Q:
    """As `covered`, asked anew and at the database's clock: for whoever decides under a lock."""
    return covered(delegation, _rotas_in_force(), clock.now())


def seats_now(user: User) -> Q:
    """All places of a person themselves, asked anew and at the database's clock: for whoever decides under a lock."""
    rotas = _rotas_in_force()
    mine = {user.entity_ref, *user.groups.values_list("name", flat=True)} if rotas else set()
    on_call = _on_call(rotas, mine, clock.now()) if rotas and not user.is_agent else []
    return Q(user=user) | Q(group__in=user.groups.values("pk")) | _rota_rows(on_call)


def _rota_rows(names: Iterable[str]) -> Q:
    return Q(rota__in=list(names), group=None, user=None)


def _on_call(rotas: Mapping[str, Rota], mine: Set[str | None], at: datetime) -> list[str]:
    return [name for name, refs in on_call_now(rotas.values(), at).items() if mine & set(refs)]


def _rotas_in_force() -> Mapping[str, Rota]:
    revision = policy.in_force()
    return policy.parsed(revision).rotas if revision else {}


def turn_words(rows: Iterable[Approver], now: datetime) -> str:
    """Why somebody who sits in these places cannot decide at the moment; empty when they can."""
    wanted = [row for row in rows if row.closed_at is None]
    later = [row.counts_from for row in wanted if row.counts_from]
    if not wanted:
        return "Others have agreed in your place already. It waits for somebody else."
    if not later:
        return "It is not your turn yet: others must agree before it comes to you."
    if min(later) > now:
        when = clock_words(min(later), now)
        return f"You may decide this from {when} on, if those who were asked first have not by then."
    return ""


def people_on(rows: Iterable[Approver]) -> Q:
    """A filter of users: whoever sits in one of these rows. Agents and closed accounts are left to the caller."""
    kept = list(rows)
    names = {row.rota for row in kept if row.rota}
    on_call = on_call_now(_rotas_in_force().values(), clock.now()) if names else {}
    refs = {ref for name in names for ref in on_call.get(name, ())}
    groups = {ref for ref in refs if ref.startswith("group:")}
    return (
        Q(groups__in=[row.group_id for row in kept if row.group_id])
        | Q(pk__in=[row.user_id for row in kept if row.user_id])
        | Q(groups__name__in=groups)
        | Q(entity_ref__in=refs - groups)
    )
