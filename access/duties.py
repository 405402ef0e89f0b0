"""Reviews of broken glasses, as inbox and home show what waits for a person."""

from __future__ import annotations

from django.urls import reverse

from access import reviews
from access.models import OwedReview
from control import clock
from control.duties import Duty
from control.models import User


def of(user: User) -> list[Duty]:
    """One query, and one for the clock if there are any."""
    owed = list(reviews.waiting_for(user)[: reviews.SHOWN])
    return as_duties(owed)


def of_entity(user: User, entity_ref: str) -> list[Duty]:
    """Those of `of` on one entity, for its own page."""
    return as_duties(list(reviews.waiting_for(user).filter(grant__entity_ref=entity_ref)[: reviews.SHOWN]))


def as_duties(owed: list[OwedReview]) -> list[Duty]:
    now = clock.now() if owed else None
    return [
        Duty(
            title=f"Review: {one.grant.intent.title}",
            who=one.grant.user,
            url=reverse("access:review", args=[one.grant.intent_id]),
            due_at=one.due_at,
            is_overdue=now is not None and one.due_at <= now,
        )
        for one in owed
    ]
