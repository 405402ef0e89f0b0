"""Waiting for another connection to stand at a lock, so that a race is not left to luck."""

from __future__ import annotations

import time

from django.db import connection

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
