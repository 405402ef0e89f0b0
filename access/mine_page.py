"""My access: what holds now, what waits, what was, and what is always so. Each list is paged by itself."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict

from access import duties, standing_debt
from access.capability import NAME
from access.holdings import standing_bindings
from access.models import Grant
from control import policy
from control.decide import requester_of
from control.models import Intent, State, User

PAGE_SIZE = 20
DEBTS_SHOWN = 5


def context(user: User, query: QueryDict) -> dict[str, Any]:
    grants = Grant.objects.filter(user=user).select_related("intent", "revoked_by")
    asked = Intent.objects.filter(capability=NAME, requested_by=user)
    closed = [State.DENIED, State.REJECTED, State.EXPIRED, State.WITHDRAWN]
    return {
        "live": _page(grants.live().order_by("expires_at"), query, "live"),
        "coming": _page(grants.upcoming().order_by("starts_at"), query, "coming"),
        "waiting": _page(
            asked.filter(state=State.AWAITING_APPROVAL).order_by("-requested_at"), query, "waiting"
        ),
        "ended": _page(grants.ended().order_by("-expires_at"), query, "ended"),
        "closed": _page(asked.filter(state__in=closed).order_by("-requested_at"), query, "closed"),
        "standing": _standing(user),
        "duties": duties.of(user),
        **_on_owned(user),
    }


def _on_owned(user: User) -> dict[str, Any]:
    """Standing rights of others on what is this person's: the first few, and how many there are."""
    found = standing_debt.owner_context(user, "")
    return {"debts": found["rows"][:DEBTS_SHOWN], "debt_count": found["page"].paginator.count}


def _page(rows: QuerySet[Any], query: QueryDict, name: str) -> Page[Any]:
    return Paginator(rows, PAGE_SIZE).get_page(query.get(name))


def _standing(user: User) -> list[dict[str, str]]:
    revision = policy.in_force()
    if revision is None:
        return []
    return [
        {
            "rule": binding.name,
            "title": role.title,
            "description": role.description,
            "entities": str(binding.scope.entities) if binding.scope.entities else "everything",
            "environments": ", ".join(sorted(binding.scope.environments or ())) or "everywhere",
        }
        for binding, role in standing_bindings(policy.parsed(revision), requester_of(user))
    ]
