"""A database whose clock stands where a test puts it: every question of the portal is asked at that moment.

`clock_timestamp()` and `statement_timestamp()`, which all of the code asks, are found in a schema of the test before
they are found in PostgreSQL's own. Only for this connection, and only until its transaction is rolled back.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

_INSTALL = """
CREATE SCHEMA IF NOT EXISTS moved_clock;
CREATE OR REPLACE FUNCTION moved_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT current_setting('portico.moment')::timestamptz $$;
CREATE OR REPLACE FUNCTION moved_clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT current_setting('portico.moment')::timestamptz $$;
SET LOCAL search_path = moved_clock, pg_catalog, public;
"""


def stand_at(moment: datetime) -> None:
    """Within a transaction, which must be rolled back afterwards."""
    with connection.cursor() as cursor:
        cursor.execute(_INSTALL)
        cursor.execute("SELECT set_config('portico.moment', %s, true)", [moment.isoformat()])
