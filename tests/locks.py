"""Two connections at the same thing: one waits for the other at a lock, so that no race is left to luck."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, transaction

from control.errors import ControlError

PATIENCE_SECONDS = 10


def wait_until_somebody_waits_for_a_lock() -> None:
    """Poll pg_locks (pg_stat_activity is frozen within a transaction) until a lock is not granted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for a lock: the other side did not need it")


def outcome_of(call: Callable[[], Any]) -> Any:
    """What it returns, or the refusal that it raises; run on a connection of its own, which is closed afterwards."""
    try:
        return call()
    except ControlError as refusal:
        return refusal
    finally:
        connection.close()


def while_uncommitted(first: Callable[[], Any], second: Callable[[], Any], *, waits: bool = True) -> Any:
    """The outcome of `second`, which another connection begins when `first` has done all but commit.

    It must be seen waiting for a lock; with `waits` False it must come back without one.
    """
    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            first()
            late = elsewhere.submit(outcome_of, second)
            if waits:
                wait_until_somebody_waits_for_a_lock()
            else:
                late.result(timeout=PATIENCE_SECONDS)
        return late.result(timeout=PATIENCE_SECONDS)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The outcomes of calls that set out at the same moment, each on a connection of its own."""
    ready = Barrier(len(calls))

    def go(call: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        ready.wait(PATIENCE_SECONDS)
        return outcome_of(call)

    with ThreadPoolExecutor(len(calls)) as elsewhere:
        return [
            one.result(timeout=PATIENCE_SECONDS) for one in [elsewhere.submit(go, call) for call in calls]
        ]
