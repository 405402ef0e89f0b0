"""In which places of requests somebody sits: by name, by a group, or by being on call at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from control import clock, policy
from control.errors import PolicyInvalid
from control.models import Approver, User
from control.oncall import Rota, on_call_now
from control.standing import standing_of
from control.templatetags.times import clock_words


def on_call_seats(user: User) -> Q:
    """A filter of Approver rows, for lists: places that come by being on call. Empty for whom there are none."""
    rotas = rotas_of(user)
    return _rota_rows(rotas) if rotas else Q()


def rotas_of(user: User) -> list[str]:
    """Rotas of the rules in force on which the person is on call, for lists: without a query where the page knows them
    already. Agents never are."""
    standing = None if user.is_agent else standing_of(user)
    if standing is None or standing.policy_id is None:
        return []
    try:
        rotas = policy.parsed_by_key(standing.policy_id, str(standing.policy_digest)).rotas
    except PolicyInvalid:  # rules that cannot be read put nobody on call
        return []
    mine = {standing.entity_ref, *standing.groups}
    return _on_call(rotas, mine, timezone.now()) if rotas else []


def seats_now(user: User) -> Q:
    """All places of a person, asked anew and at the database's clock: for whoever decides under a lock."""
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
