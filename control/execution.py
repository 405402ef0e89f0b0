"""Working off approved intents: claim under a lease, heartbeat, finish once.

The message is only the bell; the row says what is owed. A claim is one UPDATE that must touch one row. A worker that
dies stops its heartbeat, the lease runs out, the sweep rings again and another worker goes on; should the first one
come back, its lease is no longer the row's and every write of it is refused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from control import audit, clock, request_notices
from control.capability import registry
from control.errors import Cancelled, ExecutionFailed, LeaseLost, PutAside
from control.intents import ring_on_commit
from control.models import Intent, State

MAX_ATTEMPTS = 5  # claims of one intent; more means that it takes its workers down
RING_AGAIN = timedelta(seconds=30)  # a bell that nobody answered for this long was lost
RING_BATCH = 200
log = logging.getLogger(__name__)


def _lease_length() -> timedelta:
    return timedelta(seconds=settings.PORTICO_LEASE_SECONDS)


class Execution:
    """What a capability holds while it works: its lease, and the question whether to go on."""

    def __init__(self, intent_id: UUID, lease: UUID) -> None:
        self.intent_id = intent_id
        self.lease = lease
        self._lost = threading.Event()

    def heartbeat(self) -> None:
        """Stay the owner for another lease. Raises `LeaseLost`."""
        held = Intent.objects.filter(pk=self.intent_id, lease=self.lease, state=State.RUNNING)
        if not held.update(lease_expires_at=Now() + _lease_length()):
            self._lost.set()
            raise LeaseLost(self.intent_id)

    def raise_if_cancelled(self) -> None:
        """Call between effects. Raises `Cancelled` or `LeaseLost`."""
        if self._lost.is_set():
            raise LeaseLost(self.intent_id)
        row = Intent.objects.filter(pk=self.intent_id).values("lease", "cancel_asked_at").get()
        if row["lease"] != self.lease:
            raise LeaseLost(self.intent_id)
        if row["cancel_asked_at"]:
            raise Cancelled(self.intent_id)

    @contextmanager
    def guard(self) -> Iterator[Intent]:
        """A transaction that holds the intent's row and belongs to the lease's owner; write results inside it."""
        with transaction.atomic():
            intent = Intent.objects.select_for_update().get(pk=self.intent_id)
            if intent.lease != self.lease:
                raise LeaseLost(self.intent_id)
            yield intent

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Heartbeats from a thread of its own, for as long as the block runs."""
        stop = threading.Event()
        thread = threading.Thread(
            target=self._beat, args=(stop,), daemon=True, name=f"heartbeat-{self.intent_id}"
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _beat(self, stop: threading.Event) -> None:
        try:
            while not stop.wait(settings.PORTICO_LEASE_SECONDS / 4):
                try:
                    self.heartbeat()
                except LeaseLost:
                    return
                except Exception:
                    log.exception("heartbeat of intent %s failed, trying again", self.intent_id)
                    connection.close()
        finally:
            connection.close()


def run(intent_id: UUID) -> None:
    """Do what an approved intent asks for, if nobody else does. Returns at once when there is nothing to do."""
    execution = _claim(intent_id)
    if execution is None:
        return
    intent = Intent.objects.select_related("requested_by").get(pk=intent_id)
    if intent.attempts > MAX_ATTEMPTS:
        words = f"Tried {MAX_ATTEMPTS} times, and each time the worker stopped in the middle. Ask the platform team."
        _finish(execution, State.FAILED, error=words)
        return
    try:
        with execution.beating():
            _perform(intent, execution)
    except LeaseLost:
        log.warning("intent %s went to another worker; leaving it", intent_id)


def _perform(intent: Intent, execution: Execution) -> None:
    try:
        execution.raise_if_cancelled()
        outcome = registry.get(intent.capability).execute(intent, execution)
    except Cancelled:
        _finish(execution, State.CANCELLED)
    except PutAside as pause:
        _put_aside(execution, pause.waits_on)
    except ExecutionFailed as failure:
        _finish(execution, State.FAILED, error=str(failure))
    except (LeaseLost, OperationalError, InterfaceError):
        raise  # a database that went away says nothing about the work: the lease runs out and it is taken up again
    except Exception as defect:  # the edge of the task: whatever it was, the requester must hear of it
        log.exception("intent %s met a defect", intent.pk)
        words = f"Portico met a defect ({type(defect).__name__}). The log of the worker has it under {intent.short}."
        _finish(execution, State.FAILED, error=words)
    else:
        _finish(execution, State.SUCCEEDED, outcome=outcome)


def _claim(intent_id: UUID) -> Execution | None:
    lease = uuid4()
    claimed = (
        Intent.objects.owed()
        .filter(pk=intent_id)
        .update(
            lease=lease,
            lease_expires_at=Now() + _lease_length(),
            attempts=F("attempts") + 1,
            state=State.RUNNING,
            waits_on=None,
        )
    )
    if not claimed:
        return None
    execution = Execution(intent_id, lease)
    _record_start(execution)
    return execution


def _record_start(execution: Execution) -> None:
    with execution.guard() as intent:
        if intent.attempts > 1:
            words = "Another worker took over: the first one stopped in the middle"
            audit.record("intent.taken_over", actor=None, intent=intent, summary=words)
        if intent.started_at is None:
            intent.started_at = clock.now()
            intent.save(update_fields=["started_at"])


def _put_aside(execution: Execution, waits_on: UUID) -> None:
    """Let go of it until the other request is decided. What was reached counts: the next claim is a first one."""
    with execution.guard() as intent:
        intent.waits_on_id, intent.lease, intent.lease_expires_at, intent.attempts = waits_on, None, None, 0
        intent.save(update_fields=["waits_on", "lease", "lease_expires_at", "attempts"])
        if Intent.objects.owed().filter(pk=intent.pk).exists():  # decided or cancelled meanwhile
            ring_on_commit(intent.pk)


def _finish(
    execution: Execution, to: State, *, outcome: Mapping[str, Any] | None = None, error: str = ""
) -> None:
    with execution.guard() as intent:
        intent.move(
            to,
            outcome=dict(outcome or {}),
            error=error,
            finished_at=clock.now(),
            lease=None,
            lease_expires_at=None,
        )
        audit.record(f"intent.{to.value}", actor=None, intent=intent, summary=to.label, detail=error)
        if to == State.CANCELLED and (undo := getattr(registry.get(intent.capability), "on_cancelled", None)):
            undo(intent)
        request_notices.finished(intent)


def ring_owed() -> int:
    """Ring for approved work whose bell was lost or whose worker died. Returns how many bells."""
    now = clock.now()
    unanswered = Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN)
    newly_dead = Q(lease_expires_at__gt=F("rung_at"))
    owed = Intent.objects.owed().filter(unanswered | newly_dead).order_by("requested_at")
    due = list(owed.values_list("pk", flat=True)[:RING_BATCH])
    with transaction.atomic():
        Intent.objects.filter(pk__in=due).update(rung_at=now)
        for intent_id in due:
            ring_on_commit(intent_id)
    return len(due)
