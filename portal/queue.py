"""The job queue's schema in the portal's own database: plain SQL from the pgmq package, no extension needed."""

from __future__ import annotations

from django.db import connection, transaction
from pgmq.install import get_embedded_install_sql, get_embedded_sql_version

from portal.celery import QUEUE

_INSTALL_LOCK = 7_340_010  # two starts against one database install one after the other


@transaction.atomic
def install() -> str:
    """Make what is missing; the version that was installed, or "" when the schema was there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        missing = not _exists(cursor, "SELECT to_regclass('pgmq.meta') IS NOT NULL")
        if missing:
            cursor.execute(get_embedded_install_sql())
        if not _exists(cursor, f"SELECT to_regclass('pgmq.q_{QUEUE}') IS NOT NULL"):
            cursor.execute("SELECT pgmq.create(%s)", [QUEUE])
            cursor.execute("SELECT pgmq.enable_notify_insert(%s, 0)", [QUEUE])
    return get_embedded_sql_version() if missing else ""


def is_installed() -> bool:
    with connection.cursor() as cursor:
        return _exists(cursor, f"SELECT to_regclass('pgmq.q_{QUEUE}') IS NOT NULL")


def _exists(cursor: object, question: str) -> bool:
    cursor.execute(question)  # type: ignore[attr-defined]
    return bool(cursor.fetchone()[0])  # type: ignore[attr-defined]
