"""The database's clock: one clock for every web process, worker and constraint."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """This moment (aware UTC) as PostgreSQL sees it; moves on within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
