"""Statements that nearly every request runs, kept by the server as plans: sent as text once, then by name.

Django binds parameters in the client, so the server plans each statement anew; for a row by its key that takes longer
than reading it. Statements here must have one plan that fits all parameters, and say the types of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection
from django.db.models import QuerySet

from control.models import User


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


class OfPerson:
    """A question about one person, made into SQL once per process: on every page, making it costs more than the answer.

    `make` gets a stand-in that has only a key, and must say the same for everybody: it may not look anything up.
    """

    _STAND_IN = -7_340_033  # a key that nobody has

    def __init__(self, make: Callable[[User], QuerySet[Any, Any]]) -> None:
        self._make = make
        self._asked: tuple[str, tuple[Any, ...]] | None = None

    def rows(self, user: User) -> list[tuple[Any, ...]]:
        statement, parameters = self._asked or self._ask()
        return rows(statement, [user.pk if value == self._STAND_IN else value for value in parameters])

    def _ask(self) -> tuple[str, tuple[Any, ...]]:
        with connection.execute_wrapper(_refuse):
            self._asked = self._make(User(pk=self._STAND_IN)).query.sql_with_params()
        return self._asked


def _refuse(_execute: Any, sql: str, *_: Any) -> Any:
    raise AssertionError(f"this question depends on more than who asks: {sql}")
