"""`/api/access/deputies`: who decides in whose place, through the same functions as the page.

Nobody is declared away by somebody else: whoever calls is who is away, or one of the two whom it concerns.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from catalog.api.asked import body_of
from control import away, clock, deputies, inbox
from control.api import ApiError, answer_data
from control.deputies import Wish
from control.models import Delegation, Intent, State, User
from control.people import called, person_of

MOST = 200  # of one answer, the newest
_TEXT = {"type": "string", "maxLength": 1_000}
_NAMED = {
    "type": "object",
    "properties": {
        "deputy": _TEXT,
        "startsAt": _TEXT,
        "expiresAt": _TEXT,
        "reason": _TEXT,
        "groups": {"type": "array", "items": _TEXT, "maxItems": 200},
    },
    "required": ["deputy", "expiresAt", "reason"],
    "additionalProperties": False,
}


def listed(_request: HttpRequest, user: User) -> HttpResponse:
    """Those that concern this person, of either side; what is over too."""
    found = Delegation.objects.filter(Q(absent=user) | Q(deputy=user)).select_related(
        "absent", "deputy", "ended_by"
    )
    now = clock.now()
    return answer_data(
        {"deputies": [_as_data(one, user, now) for one in found.order_by("-expires_at", "-pk")[:MOST]]}
    )


def name(request: HttpRequest, user: User) -> HttpResponse:
    """`deputy` is a reference or a user name, moments have their zone."""
    body = body_of(request, _NAMED)
    wish = Wish(
        deputy=_person(body["deputy"]),
        starts_at=_moment("startsAt", body["startsAt"]) if "startsAt" in body else None,
        expires_at=_moment("expiresAt", body["expiresAt"]),
        reason=body["reason"],
        groups=body.get("groups", ()),
    )
    return answer_data(_as_data(deputies.name(wish, by=user), user, clock.now()), 201)


def end(_request: HttpRequest, user: User, number: int) -> HttpResponse:
    found = Delegation.objects.filter(pk=number)
    if not user.is_staff:
        found = found.filter(Q(absent=user) | Q(deputy=user))
    if not found.exists():
        raise ApiError(404, "There is no such deputy, or it does not concern you.")
    return answer_data(_as_data(deputies.end(number, by=user), user, clock.now()))


def place_of(ref: str | None) -> int | None:
    """Whose places an answer takes, of who may choose; left out, their own where they have one."""
    if ref is None:
        return None
    person = person_of(ref)
    if person is None:
        raise ApiError(400, "inPlaceOf is the reference of a person, like user:default/dana.fox.")
    return person.pk


def stand_ins_of(intent: Intent) -> list[dict[str, Any]]:
    """Who decides in whose place on a request that waits."""
    if intent.state != State.AWAITING_APPROVAL:
        return []
    return [
        {
            "absent": one.absent.entity_ref,
            "deputy": one.deputy.entity_ref,
            "until": one.expires_at.isoformat(),
        }
        for one in away.stand_ins(intent, inbox.eligible(intent))
    ]


def _person(typed: str) -> User:
    found = called(typed)
    if len(found) != 1:
        raise ApiError(400, f"deputy: {len(found) or 'nobody'} is called {typed[:60]}. Send one user name.")
    return found[0]


def _moment(field: str, typed: str) -> datetime:
    try:
        moment = datetime.fromisoformat(typed)
        if timezone.is_naive(moment):
            raise ValueError
        return moment.astimezone(timezone.get_default_timezone())
    except (ValueError, OverflowError):
        words = f"{field} is a moment with its zone, like 2026-11-27T14:00+01:00."
        raise ApiError(400, words) from None


def _as_data(one: Delegation, reader: User, now: datetime) -> dict[str, Any]:
    """Why is for the two alone."""
    is_theirs = reader.pk in (one.absent_id, one.deputy_id)
    is_now = not one.is_over(now) and not one.is_coming(now)
    return {
        "id": one.pk,
        "absent": one.absent.entity_ref or one.absent.username,
        "deputy": one.deputy.entity_ref or one.deputy.username,
        "startsAt": one.starts_at.isoformat(),
        "expiresAt": one.expires_at.isoformat(),
        "groups": one.groups,
        "reason": one.reason if is_theirs else None,
        "endedAt": one.ended_at.isoformat() if one.ended_at else None,
        "isInForce": is_now,
    }
