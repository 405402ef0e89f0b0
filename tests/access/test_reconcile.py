"""Outside rights follow the grants: counted per person, every effect once, failures visible and tried again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access import grants
from access import reconcile as reconciling
from access.connectors.base import Membership, Observed, SignIn
from access.errors import ConnectorError
from access.models import Grant, Need, OutsideRight
from access.reconcile import reconcile
from access.sweep import FAILURES_OF_A_TARGET, SWEEP_LOCK, owed_rights, record_ends, sweep
from control import approvals, clock, execution
from control.capability import Change
from control.models import AuditEvent, Intent, State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]


class Remembering:
    """A connector whose outside system is a set; `fail` makes every call fail, `crash` dies after the effect."""

    type = "postgresql"
    target = room.TARGET
    label = "PostgreSQL payments-logs"
    ends_natively = True

    def __init__(self) -> None:
        self.members: set[tuple[int, str]] = set()
        self.changes: list[str] = []
        self.fail = ""
        self.crash = False

    def plan(self, user: User, right: str) -> tuple[Change, ...]:
        return ()

    def new_sign_in(self, membership: Membership, until: datetime) -> SignIn:
        return SignIn((), "", "")

    def observe(self, membership: Membership) -> Observed:
        if self.fail:
            raise ConnectorError(self.fail)
        return Observed(
            (membership.user.pk, membership.right) in self.members, f"portico_{membership.user.pk}"
        )

    def ensure_present(self, membership: Membership, until: datetime) -> str:
        if (membership.user.pk, membership.right) not in self.members:
            self.changes.append(f"+{membership.right}")
        self.members.add((membership.user.pk, membership.right))
        if self.crash:
            raise KeyboardInterrupt
        return f"portico_{membership.user.pk}"

    def ensure_absent(self, membership: Membership, until: datetime | None) -> None:
        if (membership.user.pk, membership.right) in self.members:
            self.changes.append(f"-{membership.right}")
        self.members.discard((membership.user.pk, membership.right))


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    connector = Remembering()
    monkeypatch.setattr(reconciling, "connector_for", lambda type_name, target: connector)
    return connector


def story(intent: Intent) -> list[str]:
    return list(
        AuditEvent.objects.filter(intent=intent, action__startswith="outside").values_list(
            "summary", flat=True
        )
    )


def over(grant: Grant) -> None:
    """As if its window were over; only a superuser can pretend that, for the guard refuses everybody else."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE access_grant SET starts_at = now() - interval '2 hours', expires_at = clock_timestamp()"
            " WHERE id = %s",
            [grant.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_an_approved_grant_is_brought_about_and_the_record_tells_it(
    maya: User, tomas: User, outside: Remembering
) -> None:
    grant = room.granted(maya, by=tomas)
    execution.run(grant.intent_id)
    assert outside.members == {(maya.pk, room.RIGHT)}
    assert story(grant.intent) == [f"Joined {room.RIGHT}", "Observed in place"]
    grant.intent.refresh_from_db()
    assert grant.intent.state == State.SUCCEEDED
    right = OutsideRight.objects.get()
    assert right.observed == "present"
    assert right.native_expiry == grant.expires_at


def test_reconciling_again_changes_and_tells_nothing(maya: User, tomas: User, outside: Remembering) -> None:
    grant = room.granted(maya, by=tomas)
    for _ in range(3):
        reconcile(OutsideRight.objects.get().pk)
    assert outside.changes == [f"+{room.RIGHT}"]
    assert story(grant.intent) == [f"Joined {room.RIGHT}", "Observed in place"]


def test_an_early_end_takes_the_right_away(maya: User, tomas: User, outside: Remembering) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    grants.revoke(grant.pk, by=tomas)
    sweep()
    assert outside.members == set()
    assert story(grant.intent)[2:] == [f"Left {room.RIGHT}", "Observed gone"]
    assert owed_rights() == []


def test_the_end_of_the_window_is_recorded_and_the_right_taken_away_by_the_sweep(
    maya: User, tomas: User, outside: Remembering
) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    over(grant)
    sweep()
    sweep()
    assert outside.changes == [f"+{room.RIGHT}", f"-{room.RIGHT}"]
    ends = AuditEvent.objects.filter(intent=grant.intent, action="grant.ended")
    assert [event.summary[:19] for event in ends] == ["Ended by itself at "]
    assert record_ends() == 0


def test_the_end_of_one_grant_leaves_what_another_still_covers(
    maya: User, tomas: User, outside: Remembering
) -> None:
    first = room.granted(maya, by=tomas)
    second = room.granted(maya, by=tomas, role="production-logs-all", duration="2h")
    sweep()
    assert story(second.intent) == [f"Joined {room.RIGHT}", "Observed in place"]
    grants.revoke(first.pk, by=maya)
    sweep()
    assert outside.members == {(maya.pk, room.RIGHT)}
    assert story(first.intent)[-1] == f"{room.RIGHT} stays"
    grants.revoke(second.pk, by=maya)
    sweep()
    assert outside.members == set()


def test_a_grant_that_follows_at_once_is_never_cut(maya: User, tomas: User, outside: Remembering) -> None:
    first = room.granted(maya, by=tomas)
    sweep()
    room.granted(maya, by=tomas)
    over(first)
    sweep()
    assert outside.changes == [f"+{room.RIGHT}"]


def test_the_grants_of_two_people_do_not_touch_each_other(
    maya: User, tomas: User, outside: Remembering
) -> None:
    chloe = factories.user("chloe.marsh", groups=["group:default/support"])
    hers, other = room.granted(maya, by=tomas), room.granted(chloe, by=tomas)
    sweep()
    grants.revoke(hers.pk, by=maya)
    sweep()
    assert outside.members == {(chloe.pk, room.RIGHT)}
    assert other.is_live(clock.now())


def test_a_failure_is_told_once_in_words_and_tried_again_later(
    maya: User, tomas: User, outside: Remembering
) -> None:
    grant = room.granted(maya, by=tomas)
    outside.fail = "PostgreSQL payments-logs cannot be reached. Portico tries again by itself."
    right_id = OutsideRight.objects.get().pk
    reconcile(right_id)
    reconcile(right_id)
    right = OutsideRight.objects.get()
    assert right.attempts == 2
    assert right.last_error == outside.fail
    assert right.next_try_at
    assert right.next_try_at > clock.now()
    assert story(grant.intent) == [f"{room.RIGHT} could not be brought about"]
    assert owed_rights() == []
    OutsideRight.objects.update(next_try_at=clock.now())
    outside.fail = ""
    sweep()
    assert story(grant.intent)[1:] == [f"Joined {room.RIGHT}", "Observed in place"]
    assert OutsideRight.objects.get().last_error == ""


def test_the_pause_between_tries_grows_and_has_a_limit(maya: User, tomas: User, outside: Remembering) -> None:
    room.granted(maya, by=tomas)
    outside.fail = "It is away."
    right_id, pauses = OutsideRight.objects.get().pk, []
    for _ in range(12):
        before = clock.now()
        right = reconcile(right_id)
        assert right
        assert right.next_try_at
        pauses.append(round((right.next_try_at - before).total_seconds()))
    assert pauses[:4] == [2, 4, 8, 16]
    assert max(pauses) == 300


def test_the_requester_hears_that_it_could_not_be_brought_about(
    maya: User, tomas: User, outside: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access.capability.WAITS_SECONDS", ())
    grant = room.granted(maya, by=tomas)
    outside.fail = "PostgreSQL payments-logs cannot be reached."
    execution.run(grant.intent_id)
    grant.intent.refresh_from_db()
    assert (grant.intent.state, grant.intent.error) == (State.FAILED, outside.fail)
    assert Grant.objects.live().exists()


def test_a_worker_killed_after_the_effect_leaves_one_effect_and_one_story(
    maya: User, tomas: User, outside: Remembering
) -> None:
    grant = room.granted(maya, by=tomas)
    outside.crash = True
    with pytest.raises(KeyboardInterrupt):
        reconcile(OutsideRight.objects.get().pk)
    outside.crash = False
    sweep()
    assert outside.changes == [f"+{room.RIGHT}"]
    assert story(grant.intent) == [f"Joined {room.RIGHT}", "Observed in place"]


def test_a_closed_account_loses_what_is_outside(maya: User, tomas: User, outside: Remembering) -> None:
    room.granted(maya, by=tomas)
    sweep()
    User.objects.filter(pk=maya.pk).update(is_active=False)
    sweep()
    assert outside.members == set()


def test_a_right_that_the_rules_no_longer_name_is_taken_away(
    maya: User, tomas: User, outside: Remembering, tmp_path: Path
) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    room.publish(tmp_path, room.RULES.replace("portico_test_reader", "another_reader"))
    right = reconcile(OutsideRight.objects.get().pk)
    assert right
    assert right.last_error == "The rules in force no longer name portico_test_reader for Production logs."
    assert outside.members == set()
    assert f"Left {room.RIGHT}" in story(grant.intent)


def test_a_right_lost_by_hand_is_put_back_and_told(maya: User, tomas: User, outside: Remembering) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    outside.members.clear()
    OutsideRight.objects.update(observed_at=clock.now() - timedelta(minutes=6))
    sweep()
    assert outside.members == {(maya.pk, room.RIGHT)}
    assert story(grant.intent)[-1] == f"Joined {room.RIGHT} again"


def test_cancelling_the_work_of_a_grant_ends_the_grant(maya: User, tomas: User, outside: Remembering) -> None:
    grant = room.granted(maya, by=tomas)
    Intent.objects.filter(pk=grant.intent_id).update(state=State.CANCELLED)
    sweep()
    assert not Grant.objects.live().exists()
    assert outside.members == set()


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8), st.booleans()), min_size=1, max_size=6))
def test_at_every_moment_the_right_is_there_exactly_while_a_grant_covers_it(
    maya: User, outside: Remembering, windows: list[tuple[int, int, bool]]
) -> None:
    """Overlapping, nested and back-to-back windows in minutes, some ended early in their middle."""
    with transaction.atomic():
        start = timezone.now() + timedelta(days=1)
        plans = [_planned(maya, start, *window) for window in windows]
        right = OutsideRight.objects.create(
            connector="postgresql", target=room.TARGET, right=room.RIGHT, user=maya
        )
        Need.objects.bulk_create([Need(grant=grant, right=right) for grant, _, _ in plans])
        for minute in range(18):
            at = start + timedelta(minutes=minute)
            for grant, _, end in plans:
                if end <= minute and grant.expires_at > at:
                    Grant.objects.filter(pk=grant.pk, revoked_at=None).update(revoked_at=at, revoked_by=maya)
            reconciling._bring_about(right, outside, at)
            covered = any(begin <= minute < end for _, begin, end in plans)
            assert bool(outside.members) is covered, f"minute {minute} of {windows}"
        transaction.set_rollback(True)
    outside.members.clear()


def _planned(user: User, start: datetime, begin: int, length: int, is_cut: bool) -> tuple[Grant, int, int]:
    """The grant, and in minutes when it begins and when it really ends."""
    grant = room.grant_between(
        user, start + timedelta(minutes=begin), start + timedelta(minutes=begin + length)
    )
    return grant, begin, begin + (max(length // 2, 1) if is_cut else length)


def test_the_whole_way_in_a_real_server(maya: User, tomas: User, log_store: str) -> None:
    grant = room.granted(maya, by=tomas)
    execution.run(grant.intent_id)
    assert _members(log_store) == ["portico_maya_okafor"]
    assert OutsideRight.objects.get().account == "portico_maya_okafor"
    grants.revoke(grant.pk, by=tomas)
    sweep()
    assert _members(log_store) == []


def _members(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as server:
        rows = server.execute(
            "SELECT a.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            " JOIN pg_roles a ON a.oid = m.member WHERE r.rolname = %s ORDER BY 1",
            [room.RIGHT],
        ).fetchall()
    return [row[0] for row in rows]


# An outside system that is down


def test_a_defect_in_the_database_is_noted_and_stops_nothing_else(
    maya: User, ines: User, tomas: User, support: Group, outside: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    theo = factories.user("theo.martin", groups=[support])
    broken, well = room.granted(maya, by=tomas), room.granted(theo, by=ines)
    observe = outside.observe

    def break_for_maya(membership: Membership) -> Observed:
        if membership.user == maya:
            Grant.objects.extra(where=["no_such_column"]).exists()
        return observe(membership)

    monkeypatch.setattr(outside, "observe", break_for_maya)
    sweep()
    assert outside.members == {(theo.pk, room.RIGHT)}
    right = OutsideRight.objects.get(grants=broken)
    assert "a defect stopped the connector" in right.last_error
    assert right.next_try_at is not None
    assert not OutsideRight.objects.get(grants=well).last_error


@pytest.mark.slow
def test_a_target_that_is_down_does_not_keep_a_sweep(
    tomas: User, support: Group, outside: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(FAILURES_OF_A_TARGET + 2):
        room.granted(factories.user(f"person.{number}", groups=[support]), by=tomas)
    tries: list[int] = []

    def unreachable(membership: Membership) -> Observed:
        tries.append(membership.user.pk)
        raise ConnectorError("PostgreSQL payments-logs cannot be reached.")

    monkeypatch.setattr(outside, "observe", unreachable)
    sweep()
    assert len(tries) == FAILURES_OF_A_TARGET
    sweep()
    assert len(tries) == FAILURES_OF_A_TARGET + 2


@pytest.mark.django_db(transaction=True)
def test_a_second_sweep_leaves_at_once_while_one_is_at_work(
    maya: User, tomas: User, outside: Remembering
) -> None:
    room.granted(maya, by=tomas)
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(_take_the_sweep).result(timeout=10)
        sweep()
        assert outside.members == set()
        elsewhere.submit(_leave_the_sweep).result(timeout=10)
    sweep()
    assert outside.members == {(maya.pk, room.RIGHT)}


def _take_the_sweep() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [SWEEP_LOCK])


def _leave_the_sweep() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_approval_does_not_wait_for_an_outside_system_that_is_slow(
    maya: User, tomas: User, outside: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = room.granted(maya, by=tomas), room.ask(maya, role="production-logs-all")
    begun, go_on = Event(), Event()
    observe = outside.observe

    def slowly(membership: Membership) -> Observed:
        begun.set()
        go_on.wait(10)
        return observe(membership)

    monkeypatch.setattr(outside, "observe", slowly)
    with ThreadPoolExecutor(1) as elsewhere:
        try:
            working = elsewhere.submit(_reconcile_on_own_connection, OutsideRight.objects.get().pk)
            assert begun.wait(10)
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            approvals.approve(second.pk, by=tomas, digest=second.plan_digest)
        finally:
            go_on.set()
        working.result(timeout=10)
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
    assert set(OutsideRight.objects.get().grants.values_list("intent_id", flat=True)) == {
        first.intent_id,
        second.pk,
    }


def _reconcile_on_own_connection(right_id: int) -> None:
    try:
        reconcile(right_id)
    finally:
        connection.close()
