"""Reminders to review a broken glass: when it is over, when it is overdue, each once, and never to the holder."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from access import grants, reviews
from access.models import Grant, OwedReview
from access.review_notices import tell_due, tell_overdue
from control import intents
from control.models import Happening, Notice, User
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "glass")]
GLASS = "\n  breakGlass: {maxDuration: 1h, reviewWithin: 24h}"
RULES = room.RULES.replace("defaultDuration: 1h", f"defaultDuration: 1h{GLASS}")


@pytest.fixture
def glass(tmp_path: Path) -> None:
    room.publish(tmp_path, RULES)


@pytest.fixture
def grant(maya: User, tomas: User) -> Grant:
    """Maya broke the glass of payments, whose owners review it."""
    draft = room.draft(maya, duration="30m")
    draft = replace(draft, parameters={**draft.parameters, "break_glass": True})
    return Grant.objects.get(intent=intents.submit(draft))


def told(user: User, event: str) -> list[bool]:
    """Of each such notice, whether it is read."""
    rows = Notice.objects.filter(user=user, happening__event=event)
    return [read_at is not None for read_at in rows.values_list("read_at", flat=True)]


def test_reviewers_are_asked_when_it_is_over_and_once(
    grant: Grant, maya: User, tomas: User, ines: User
) -> None:
    assert tell_due() == 0, "it still holds"
    grants.revoke(grant.pk, by=maya)
    assert (tell_due(), tell_due()) == (1, 0)
    assert told(tomas, "access.review_due") == told(ines, "access.review_due") == [False]
    assert told(maya, "access.review_due") == []
    happening = Happening.objects.get(event="access.review_due")
    assert happening.url == f"/access/requests/{grant.intent_id}/review/"
    assert happening.groups == ["group:default/payments"], "its channel hears of it"


def overdue(user: User) -> Grant:
    """A glass that was broken two days ago, and should have been reviewed yesterday."""
    now, hour = timezone.now(), timedelta(hours=1)
    grant = room.grant_between(user, now - 48 * hour, now - 47 * hour, break_glass=True)
    OwedReview.objects.create(grant=grant, due_at=now - 23 * hour, groups=["group:default/payments"])
    return grant


def test_administrators_hear_when_it_is_overdue(
    grant: Grant, maya: User, tomas: User, root_admin: User
) -> None:
    assert tell_overdue() == 0
    overdue(maya)
    assert (tell_overdue(), tell_overdue()) == (1, 0)
    assert told(root_admin, "access.review_overdue") == told(tomas, "access.review_overdue") == [False]


def test_an_administrator_who_broke_it_is_not_asked_about_themselves(maya: User, root_admin: User) -> None:
    overdue(root_admin)
    tell_overdue()
    assert told(root_admin, "access.review_overdue") == []


def test_a_review_settles_every_reminder(maya: User, tomas: User, ines: User) -> None:
    grant = overdue(maya)
    assert (tell_due(), tell_overdue()) == (1, 1)
    reviews.give(grant.pk, by=tomas, outcome="justified", done="Read the log of the timeout.")
    for event in ("access.review_due", "access.review_overdue"):
        assert told(ines, event) == [True], event
    assert (tell_due(), tell_overdue()) == (0, 0)
