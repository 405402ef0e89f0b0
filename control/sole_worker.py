"""Work that only one process at a time may do: whoever comes second finds somebody at it and goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def sole_worker(lock_class: int, what: str) -> Iterator[bool]:
    """Whether this process may do it. The lock is the database session's, so it goes with a worker that dies.

    `lock_class` tells kinds of work apart: any number, the same in every process.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [lock_class, what])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [lock_class, what])
