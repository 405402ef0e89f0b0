"""How Celery reaches the queue: inside the portal's own database unless CELERY_BROKER_URL names another broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import make_conninfo

# A message that a dead worker took is given out again after this long. The spine does not wait for it: its sweep rings
# again for every intent whose lease ran out.
VISIBILITY_SECONDS = 30 * 60
# Waiting is by NOTIFY; this is only the fallback for one that was lost.
POLL_SECONDS = 1


IN_DATABASE = "pgmq://database"  # the default; "database" is no host, only a word for the log


def transport_options(broker_url: str, database: Mapping[str, Any]) -> dict[str, Any]:
    """For `broker_transport_options`. The PostgreSQL queue takes its address from Django's database settings."""
    if not broker_url.startswith("pgmq"):
        return {"visibility_timeout": VISIBILITY_SECONDS} if broker_url.startswith("redis") else {}
    options = {
        "init_extension": False,  # plain SQL, put there by `manage.py install_queue`
        "visibility_timeout": VISIBILITY_SECONDS,
        "use_notify": True,
        "notify_throttle_interval_ms": 0,  # one NOTIFY for each message: a swallowed one would wait for the poll
        "wait_time_seconds": 0,  # no long query: it would hold a transaction open
        "polling_interval": POLL_SECONDS,
        "pool_size": 2,
    }
    return {**options, "conn_string": conninfo(database)} if broker_url == IN_DATABASE else options


def conninfo(database: Mapping[str, Any]) -> str:
    """libpq's key=value form. The queue's client takes it apart and joins it again without quoting, so values are
    quoted twice."""
    parts = {
        "host": database.get("HOST") or "localhost",
        "port": str(database.get("PORT") or 5432),
        "dbname": database["NAME"],
        "user": database.get("USER") or "postgres",
        "password": database.get("PASSWORD") or "unused",
    }
    return make_conninfo("", **{name: _quoted(value) for name, value in parts.items()})


def _quoted(value: str) -> str:
    return make_conninfo("", user=value).removeprefix("user=")
