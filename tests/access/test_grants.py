"""Grants: opened by an approval alone, live within their window alone, ended early by those who may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction
from django.utils import timezone

from access import grants
from access.errors import AlreadyEnded, NotYours
from access.models import Grant
from control import approvals
from control.models import AuditEvent, State, User
from control.templatetags.times import clock_words
from tests import factories
from tests.access import room
from tests.locks import wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
REFUSED = (InternalError, ProgrammingError)


def test_an_approval_opens_the_grant_from_that_moment_for_the_time_asked(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas, duration="2h")
    grant.intent.refresh_from_db()
    assert grant.starts_at == grant.intent.decided_at
    assert grant.expires_at - grant.starts_at == timedelta(hours=2)
    assert grant.permissions == ["logs:read"]
    assert Grant.objects.live().get() == grant


def test_a_request_that_waits_gives_nothing(maya: User, tomas: User) -> None:
    intent = room.ask(maya)
    assert intent.state == State.AWAITING_APPROVAL
    assert not Grant.objects.exists()


def test_an_approver_gives_less_and_the_grant_is_that_short(maya: User, tomas: User) -> None:
    intent = room.ask(maya, duration="4h")
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest, narrowed={"duration": "30m"})
    grant = Grant.objects.get()
    assert grant.expires_at - grant.starts_at == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("seconds", "holds"), [(-1, False), (0, True), (3599, True), (3600, False), (3601, False)]
)
def test_the_start_is_inside_the_window_and_the_end_outside(maya: User, seconds: int, holds: bool) -> None:
    begin = datetime(2026, 11, 23, 14, 4, tzinfo=timezone.get_current_timezone())
    grant = room.grant_between(maya, begin, begin + timedelta(hours=1))
    at = begin + timedelta(seconds=seconds)
    assert Grant.objects.live(at).exists() is holds
    assert grant.is_live(at) is holds


def test_the_last_microsecond_counts(maya: User) -> None:
    begin = timezone.now()
    room.grant_between(maya, begin, begin + timedelta(hours=1))
    end = begin + timedelta(hours=1)
    assert Grant.objects.live(end - timedelta(microseconds=1)).exists()
    assert not Grant.objects.live(end).exists()


# Who may end it


def test_the_holder_ends_it(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    grants.revoke(grant.pk, by=maya)
    grant.refresh_from_db()
    assert grant.revoked_by == maya
    assert not Grant.objects.live().exists()
    assert AuditEvent.objects.filter(intent=grant.intent, summary="Ended early by Maya Okafor").exists()


def test_an_owner_who_did_not_approve_ends_it(maya: User, tomas: User, ines: User) -> None:
    grant = room.granted(maya, by=tomas)
    assert grants.revoke(grant.pk, by=ines, reason="The incident is over.").revoked_by == ines


def test_an_administrator_ends_it(maya: User, tomas: User, root_admin: User) -> None:
    grant = room.granted(maya, by=tomas)
    assert grants.revoke(grant.pk, by=root_admin).revoked_by == root_admin


def test_who_approved_it_ends_it_though_no_owner_any_more(maya: User, tomas: User, ines: User) -> None:
    grant = room.granted(maya, by=tomas)
    tomas.groups.clear()
    assert grants.revoke(grant.pk, by=tomas).revoked_by == tomas


def test_a_stranger_cannot_end_it(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    stranger = factories.user("freya.nilsen", groups=["group:default/storefront"])
    with pytest.raises(NotYours):
        grants.revoke(grant.pk, by=stranger)
    assert Grant.objects.live().exists()


def test_a_colleague_of_the_holder_cannot_end_it(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    with pytest.raises(NotYours):
        grants.revoke(grant.pk, by=factories.user("chloe.marsh", groups=["group:default/support"]))


def test_a_closed_account_ends_nothing(maya: User, tomas: User, ines: User) -> None:
    grant = room.granted(maya, by=tomas)
    User.objects.filter(pk=ines.pk).update(is_active=False)
    with pytest.raises(NotYours):
        grants.revoke(grant.pk, by=ines)


def test_an_owners_agent_ends_nothing(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    agent = factories.user("release-agent", acts_for=tomas, groups=["group:default/payments"])
    User.objects.filter(pk=agent.pk).update(email="agent@example.org")
    agent.refresh_from_db()
    with pytest.raises(NotYours):
        grants.revoke(grant.pk, by=agent)


def test_a_second_end_is_told_that_it_came_too_late(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    grants.revoke(grant.pk, by=maya)
    with pytest.raises(AlreadyEnded, match="ended already at"):
        grants.revoke(grant.pk, by=tomas)
    grant.refresh_from_db()
    assert grant.revoked_by == maya


def test_an_end_on_another_day_is_told_with_its_day(maya: User, tomas: User, tmp_path: Path) -> None:
    room.publish(tmp_path, room.RULES.replace("maxDuration: 4h", "maxDuration: 3d"))
    grant = room.granted(maya, by=tomas, duration="3d")
    event = AuditEvent.objects.get(action="grant.opened")
    assert event.summary == f"Production logs until {clock_words(grant.expires_at, grant.starts_at)}"
    assert f"{timezone.localtime(grant.expires_at):%a}" in event.summary


def test_what_ran_out_cannot_be_ended(maya: User) -> None:
    now = timezone.now()
    grant = room.grant_between(maya, now - timedelta(hours=2), now - timedelta(hours=1))
    with pytest.raises(AlreadyEnded):
        grants.revoke(grant.pk, by=maya)


@pytest.mark.django_db(transaction=True)
def test_of_two_ends_at_once_one_is_recorded_and_one_refused(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        grants.revoke(grant.pk, by=maya)
        second = pool.submit(_revoke_elsewhere, grant.pk, tomas)
        wait_until_somebody_waits_for_a_lock()
    assert isinstance(second.exception(), AlreadyEnded)
    assert AuditEvent.objects.filter(action="grant.revoked").count() == 1


def _revoke_elsewhere(grant_id: UUID, by: User) -> None:
    try:
        grants.revoke(grant_id, by=by)
    finally:
        connection.close()


# The database has the last word


def test_the_database_refuses_a_later_end(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    with pytest.raises(REFUSED, match="only ended"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk).update(expires_at=grant.expires_at + timedelta(minutes=1))


@pytest.mark.parametrize(
    "change",
    [
        {"role": "production-shell"},
        {"entity_ref": "component:default/ledger"},
        {"environment": "staging"},
        {"permissions": ["logs:write"]},
        {"starts_at": timezone.now() - timedelta(days=1)},
    ],
)
def test_the_database_refuses_to_change_what_was_granted(maya: User, change: dict[str, object]) -> None:
    now = timezone.now()
    room.grant_between(maya, now, now + timedelta(hours=1))
    with pytest.raises(REFUSED, match="only ended"), transaction.atomic():
        Grant.objects.update(**change)


def test_the_database_refuses_to_hand_a_grant_to_somebody_else(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    with pytest.raises(REFUSED, match="only ended"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk).update(user=tomas)


def test_the_database_refuses_to_bring_an_ended_grant_back(maya: User, tomas: User) -> None:
    grant = room.granted(maya, by=tomas)
    grants.revoke(grant.pk, by=maya)
    with pytest.raises(REFUSED, match="does not come back"), transaction.atomic():
        Grant.objects.filter(pk=grant.pk).update(revoked_at=None, revoked_by=None)


def test_the_database_refuses_to_delete_a_grant(maya: User, tomas: User) -> None:
    room.granted(maya, by=tomas)
    with pytest.raises(REFUSED, match="never deleted"), transaction.atomic():
        Grant.objects.all()._raw_delete("default")


@pytest.mark.parametrize("state", [State.AWAITING_APPROVAL, State.REJECTED, State.DENIED, State.WITHDRAWN])
def test_the_database_refuses_a_grant_without_an_approval(maya: User, state: State) -> None:
    intent = room.ended_request(maya, state=state, decided_at=None)
    intent.save(force_insert=True)
    window = room._window(maya, intent.pk, timezone.now(), timezone.now() + timedelta(hours=1), {})
    with pytest.raises(REFUSED, match="approved request"), transaction.atomic():
        Grant.objects.create(**window)


def test_the_database_refuses_a_grant_for_somebody_else_than_who_asked(maya: User, tomas: User) -> None:
    intent = room.ended_request(maya)
    intent.save(force_insert=True)
    window = room._window(tomas, intent.pk, timezone.now(), timezone.now() + timedelta(hours=1), {})
    with pytest.raises(REFUSED, match="same person"), transaction.atomic():
        Grant.objects.create(**window)
