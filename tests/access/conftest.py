"""The room of access: rules in force, the payments service, and a real log store in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from catalog.models import Entity
from control.models import PolicyRevision
from tests import factories
from tests.access import room

STORE = "portico_test_logs"


@pytest.fixture
def service(db: None) -> Entity:
    """payments, a service of the payments team."""
    return factories.entity(room.REF, type="service", owner_ref="group:default/payments")


@pytest.fixture
def rules(db: None, tmp_path: Path) -> PolicyRevision:
    return room.publish(tmp_path)


@pytest.fixture
def admin_dsn(db: None) -> str:
    """The test server as its administrator sees it."""
    own = connection.get_connection_params()
    return make_conninfo(
        **{name: own[name] for name in ("host", "port", "user", "password") if own.get(name)}
    )


@pytest.fixture
def log_store(admin_dsn: str, settings: object) -> Iterator[str]:
    """A database that only the reader role may read; its address. Gone after the test, with all of Portico's roles."""
    with psycopg.connect(admin_dsn, dbname="postgres", autocommit=True) as server:
        _drop(server)
        server.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(room.RIGHT)))
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(STORE)))
        names = {"store": sql.Identifier(STORE), "right": sql.Identifier(room.RIGHT)}
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {store} FROM PUBLIC").format(**names))
        server.execute(sql.SQL("GRANT CONNECT ON DATABASE {store} TO {right}").format(**names))
    dsn = make_conninfo(admin_dsn, dbname=STORE)
    with psycopg.connect(dsn) as store:
        store.execute("CREATE TABLE entries (message text)")
        store.execute("INSERT INTO entries VALUES ('processor_timeout')")
        store.execute(sql.SQL("GRANT SELECT ON entries TO {}").format(sql.Identifier(room.RIGHT)))
    settings.PORTICO_CONNECTORS = {room.TARGET: {"type": "postgresql", "dsn": dsn}}  # type: ignore[attr-defined]
    yield dsn
    with psycopg.connect(admin_dsn, dbname="postgres", autocommit=True) as server:
        _drop(server)


def _drop(server: psycopg.Connection) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(STORE)))
    roles = server.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'portico\\_%'").fetchall()
    for (role,) in roles:
        server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
