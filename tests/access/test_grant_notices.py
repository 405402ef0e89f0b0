"""What holders hear: that access ends soon, ended, or was ended; each once, and nothing that is no news."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from access import grants
from access.grant_notices import tell_ending, tell_started
from access.models import Grant
from access.sweep import record_ends
from control.models import Happening, Intent, Notice, User
from tests.access import room

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def held(user: User, *, ends_in: float, length: float = 120) -> Grant:
    ends = timezone.now() + ends_in * MINUTE
    return room.grant_between(user, ends - length * MINUTE, ends)


def told(user: User) -> list[str]:
    """Keys without the grant's id: `access.ending:30`."""
    keys = Notice.objects.filter(user=user).order_by("id").values_list("happening__key", flat=True)
    return [":".join([key.split(":")[0], *key.split(":")[2:]]) for key in keys]


def test_the_end_is_announced_30_and_5_minutes_before_and_each_time_once(maya: User) -> None:
    grant = held(maya, ends_in=29)
    assert (tell_ending(), tell_ending()) == (1, 0)
    assert told(maya) == ["access.ending:30"]
    happening = Happening.objects.get(key=f"access.ending:{grant.pk}:30")
    assert happening.action == "Ask for more time"
    assert parse_qs(urlsplit(happening.action_url).query)["role"] == ["production-logs"]
    assert happening.useful_until == grant.expires_at


@pytest.mark.parametrize(
    ("ends_in", "length", "heard"),
    [
        (31, 120, []),
        (29, 120, ["access.ending:30"]),
        (29, 45, []),  # short windows are not announced half an hour before
        (4, 120, ["access.ending:5"]),  # a sweep that comes late says the nearer one alone
        (4, 30, ["access.ending:5"]),
        (4, 10, []),
        (-1, 120, []),
    ],
)
def test_what_is_announced_when(ends_in: float, length: float, heard: list[str], maya: User) -> None:
    held(maya, ends_in=ends_in, length=length)
    tell_ending()
    assert told(maya) == heard


def test_an_end_that_another_window_continues_is_no_news(maya: User, tomas: User) -> None:
    first = held(maya, ends_in=20)
    later = room.grant_between(maya, first.starts_at, first.expires_at + 60 * MINUTE)
    held(tomas, ends_in=20)
    tell_ending()
    assert told(maya) == []
    assert told(tomas) == ["access.ending:30"], "somebody else's window continues nothing"
    grants.revoke(later.pk, by=maya)
    tell_ending()
    assert told(maya) == ["access.ending:30"]


def test_a_revoked_window_is_not_announced(maya: User, service: object, rules: object) -> None:
    grants.revoke(held(maya, ends_in=20).pk, by=maya)
    tell_ending()
    assert told(maya) == []


def test_an_end_is_told_with_the_way_to_ask_again_and_settles_what_was_announced(maya: User) -> None:
    grant = held(maya, ends_in=-1)
    said = {"event": "access.ending", "topic": "ending", "thread": f"intent:{grant.intent_id}"}
    Happening.objects.create(key="k", sign="warn", title="t", url="/", **said).notices.create(user=maya)
    assert record_ends() == 1
    ended = Happening.objects.get(event="access.ended")
    assert (ended.title, ended.action) == ("Ended: Production logs of payments", "Ask again")
    assert Notice.objects.get(happening__key="k").read_at is not None
    assert record_ends() == 0


def test_an_end_by_somebody_else_is_told_with_their_reason_and_ones_own_is_not(
    maya: User, tomas: User, service: object
) -> None:
    grants.revoke(held(maya, ends_in=60).pk, by=tomas, reason="The incident is over.")
    happening = Happening.objects.get()
    assert happening.title == "Ended early: Production logs of payments"
    assert happening.detail == "By Tomas Lind. “The incident is over.”"
    grants.revoke(held(maya, ends_in=60).pk, by=maya)
    assert Happening.objects.count() == 1


def test_a_start_that_was_later_than_the_approval_is_told_once(maya: User) -> None:
    now = timezone.now()
    later = room.grant_between(maya, now - 2 * MINUTE, now + 60 * MINUTE)  # decided two days ago
    room.grant_between(maya, now + 2 * MINUTE, now + 60 * MINUTE)  # not begun
    room.grant_between(maya, now - 90 * MINUTE, now + 60 * MINUTE)  # begun long ago
    at_once = room.grant_between(maya, now - 2 * MINUTE, now + 60 * MINUTE)
    Intent.objects.filter(pk=at_once.intent_id).update(decided_at=at_once.starts_at)
    assert (tell_started(), tell_started()) == (1, 0)
    happening = Happening.objects.get()
    assert (happening.key, happening.title) == (
        f"access.started:{later.pk}",
        "Started: Production logs of payments",
    )


def test_a_window_that_is_called_off_before_its_start_never_ended(
    maya: User, tomas: User, service: object
) -> None:
    now = timezone.now()
    grants.revoke(room.grant_between(maya, now + MINUTE, now + 60 * MINUTE).pk, by=tomas)
    assert Happening.objects.get().title == "Called off: Production logs of payments"


def test_the_teams_that_own_it_are_named_so_that_their_channels_hear_of_it(
    maya: User, service: object
) -> None:
    held(maya, ends_in=20)
    tell_ending()
    assert Happening.objects.get().groups == ["group:default/payments"]
