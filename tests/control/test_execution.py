"""Working off intents: once, by one worker, resumed after a death, cancelled between effects."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from control import clock, execution, intents, tasks
from control.errors import ExecutionFailed, LeaseLost
from control.models import AuditEvent, Intent, State, User
from tests.control.spine import Counting, wish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("at_once", "silent")]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No broker: bells are collected instead."""
    bells: list[str] = []
    monkeypatch.setattr(tasks.run, "apply_async", lambda args, **kwargs: bells.append(args[0]))
    return bells


@pytest.fixture
def approved(maya: User, capability: Counting) -> Intent:
    return intents.submit(wish(maya))


def reloaded(intent: Intent) -> Intent:
    return Intent.objects.get(pk=intent.pk)


def test_an_allowed_intent_is_rung_for_after_the_commit(approved: Intent, silent: list[str]) -> None:
    assert approved.state == State.APPROVED
    assert silent == [str(approved.pk)]


def test_it_runs_once_however_often_it_is_rung(approved: Intent, capability: Counting) -> None:
    for _ in range(3):
        execution.run(approved.pk)
    assert capability.effects == [approved.pk]
    assert reloaded(approved).state == State.SUCCEEDED


def test_a_running_intent_is_not_taken_by_a_second_worker(approved: Intent, capability: Counting) -> None:
    capability.hook = lambda intent, _: execution.run(intent.pk) if len(capability.effects) == 0 else None
    execution.run(approved.pk)
    assert capability.effects == [approved.pk]


def test_a_dead_workers_intent_is_taken_over(
    approved: Intent, capability: Counting, silent: list[str]
) -> None:
    class Killed(BaseException):
        pass

    def die(intent: Intent, _: Any) -> None:
        raise Killed

    capability.hook = die
    with pytest.raises(Killed):
        execution.run(approved.pk)
    assert reloaded(approved).state == State.RUNNING
    Intent.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    Intent.objects.update(rung_at=Now() - timedelta(seconds=20))
    silent.clear()
    assert execution.ring_owed() == 1
    assert silent == [str(approved.pk)]
    capability.hook = None
    execution.run(approved.pk)
    assert capability.effects == [approved.pk]
    assert AuditEvent.objects.filter(intent=approved, action="intent.taken_over").count() == 1


def test_a_worker_that_comes_back_after_its_lease_writes_nothing(
    approved: Intent, capability: Counting
) -> None:
    def overtaken(intent: Intent, held: execution.Execution) -> None:
        Intent.objects.update(lease="00000000-0000-4000-8000-000000000000")
        with pytest.raises(LeaseLost), held.guard():
            raise AssertionError("the guard let a stranger in")

    capability.hook = overtaken
    execution.run(approved.pk)
    assert reloaded(approved).state == State.RUNNING


def test_a_lost_bell_is_rung_again(approved: Intent, silent: list[str]) -> None:
    silent.clear()
    assert execution.ring_owed() == 0
    Intent.objects.update(rung_at=clock.now() - timedelta(minutes=2))
    assert execution.ring_owed() == 1
    assert silent == [str(approved.pk)]


def test_the_bell_for_a_dead_workers_intent_is_rung_again_when_it_was_lost(
    approved: Intent, silent: list[str]
) -> None:
    """The broker was wiped after the sweep had rung for it: nothing else would ever start it."""
    Intent.objects.update(
        state=State.RUNNING,
        lease="00000000-0000-4000-8000-000000000000",
        lease_expires_at=Now() - timedelta(minutes=2),
        rung_at=Now() - timedelta(minutes=1),
    )
    silent.clear()
    assert execution.ring_owed() == 1
    assert execution.ring_owed() == 0
    assert silent == [str(approved.pk)]


def test_a_database_that_goes_away_in_the_middle_does_not_fail_the_work(
    approved: Intent, capability: Counting
) -> None:
    def go_away(intent: Intent, _: Any) -> None:
        raise OperationalError("terminating connection due to administrator command")

    capability.hook = go_away
    with pytest.raises(OperationalError):
        execution.run(approved.pk)
    assert reloaded(approved).state == State.RUNNING
    Intent.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    capability.hook = None
    execution.run(approved.pk)
    assert reloaded(approved).state == State.SUCCEEDED


def test_a_broker_that_is_away_does_not_lose_the_request(
    maya: User, capability: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OSError("connection refused")

    monkeypatch.setattr(tasks.run, "apply_async", away)
    assert intents.submit(wish(maya)).state == State.APPROVED


def test_a_failure_explains_itself_and_can_be_run_again(
    approved: Intent, capability: Counting, maya: User
) -> None:
    def fail(intent: Intent, _: Any) -> None:
        raise ExecutionFailed("The name is taken. Choose another.")

    capability.hook = fail
    execution.run(approved.pk)
    assert reloaded(approved).error == "The name is taken. Choose another."
    capability.hook = None
    intents.retry(approved.pk, by=maya)
    execution.run(approved.pk)
    assert reloaded(approved).state == State.SUCCEEDED


def test_a_defect_does_not_show_its_text_to_people(approved: Intent, capability: Counting) -> None:
    def break_down(intent: Intent, _: Any) -> None:
        raise ValueError("password=hunter2")

    capability.hook = break_down
    execution.run(approved.pk)
    assert reloaded(approved).state == State.FAILED
    assert "hunter2" not in reloaded(approved).error


def test_cancelling_stops_before_the_next_effect(approved: Intent, capability: Counting, maya: User) -> None:
    def cancelled(intent: Intent, held: execution.Execution) -> None:
        intents.cancel(intent.pk, by=maya)
        held.raise_if_cancelled()

    capability.hook = cancelled
    execution.run(approved.pk)
    assert reloaded(approved).state == State.CANCELLED
    assert capability.effects == []


def test_work_that_keeps_killing_its_worker_is_given_up(approved: Intent, capability: Counting) -> None:
    Intent.objects.update(attempts=execution.MAX_ATTEMPTS)
    execution.run(approved.pk)
    assert reloaded(approved).state == State.FAILED
    assert capability.effects == []


def test_the_heartbeat_keeps_the_lease(approved: Intent, capability: Counting, settings: Any) -> None:
    settings.PORTICO_LEASE_SECONDS = 2
    seen: list[Any] = []

    def beat(intent: Intent, held: execution.Execution) -> None:
        seen.append(reloaded(intent).lease_expires_at)
        held.heartbeat()
        seen.append(reloaded(intent).lease_expires_at)

    capability.hook = beat
    execution.run(approved.pk)
    assert seen[1] > seen[0]
