"""The log store of the demo: a database and a group role, which "Production logs" opens for hours.

People's own sign-ins to it are made and taken away by the connector of `access`, never here.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

DATABASE = "payments_logs"
READER = "payments_logs_reader"
CONNECT_TIMEOUT_SECONDS = 10


def create(database_url: str, script: Path) -> str:
    """Make role, database and rows where they are missing. Returns "", or why the server does not allow it."""
    try:
        with psycopg.connect(
            database_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        ) as server:
            _create_role(server)
            _create_database(server)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported) as refusal:
        return refusal.diag.message_primary or str(refusal)
    with psycopg.connect(make_conninfo(database_url, dbname=DATABASE)) as store:
        _fill(store, script)
    return ""


def _create_role(server: psycopg.Connection) -> None:
    if not _exists(server, "select 1 from pg_roles where rolname = %s", READER):
        server.execute(sql.SQL("create role {} nologin").format(sql.Identifier(READER)))


def _create_database(server: psycopg.Connection) -> None:
    if not _exists(server, "select 1 from pg_database where datname = %s", DATABASE):
        server.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
    names = {"database": sql.Identifier(DATABASE), "reader": sql.Identifier(READER)}
    server.execute(sql.SQL("revoke all on database {database} from public").format(**names))
    server.execute(sql.SQL("grant connect on database {database} to {reader}").format(**names))


def _fill(store: psycopg.Connection, script: Path) -> None:
    """All of the script or nothing of it: psycopg commits when the connection's block ends."""
    if not _exists(
        store, "select 1 from pg_tables where schemaname = 'public' and tablename = %s", "entries"
    ):
        store.execute(script.read_bytes())


def _exists(connection: psycopg.Connection, question: str, name: str) -> bool:
    return connection.execute(question.encode(), [name]).fetchone() is not None
