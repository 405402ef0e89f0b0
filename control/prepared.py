"""Statements that nearly every request runs, kept by the server as plans: sent as text once, then by name.

Django binds parameters in the client, so the server plans each statement anew; for a row by its key that takes longer
than reading it. Statements here must have one plan that fits all parameters, and say the types of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows, through Django's own cursor, so that it is counted, logged and its errors are Django's."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        raw.prepare_threshold = 0  # only server-side cursors take notice; Django's own are not
        cursor = psycopg.Cursor(raw)
    with connection._prepare_cursor(cursor) as wrapped:  # type: ignore[attr-defined]  # missing in the stubs
        wrapped.execute(statement, parameters)
        return list(wrapped.fetchall())
