"""PostgreSQL: a person's own sign-in role becomes a member of the right's role, and stops being one.

Portico makes one LOGIN role per person (`portico_maya_okafor`), marked by a comment, and touches no role without its
mark. New sign-ins end natively (VALID UNTIL); sessions that are open are ended when the membership is taken away.
Passwords are set as SCRAM verifiers made here, so that the server's log never sees one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection as portal_connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from access.connectors.base import Membership, Observed, SignIn
from access.errors import ConnectorError
from control.capability import Change
from control.models import User

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT = "10s"
PREFIX = "portico_"
LONGEST_NAME = 63  # PostgreSQL cuts longer identifiers off
# By PostgreSQL's own words as good as a superuser: they run programs or read and write files of the server.
_LIKE_SUPERUSER = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
_MARK = "Made by Portico for user {}. Do not change it by hand."


class PostgresqlConnector:
    type = "postgresql"
    ends_natively = True

    def __init__(self, target: str, configured: Mapping[str, Any]) -> None:
        """`dsn` of an administrator; without it, the server of Portico's own database with `database` on it."""
        self.target = target
        self.label = f"PostgreSQL {target}"
        self._configured = configured

    def plan(self, user: User, right: str) -> tuple[Change, ...]:
        return (Change("+", self.label, f"{account_name(user)} joins {right}"),)

    def observe(self, membership: Membership) -> Observed:
        with self._administering() as server:
            account = self._existing(server, membership)
            return Observed(bool(account) and _is_member(server, account, membership.right), account)

    def ensure_present(self, membership: Membership, until: datetime) -> str:
        with self._administering() as server:
            _lock(server, membership.user)
            _refuse_dangerous(server, membership.right)
            account = self._existing(server, membership) or self._create(server, membership.user)
            _alter(server, account, sql.SQL("LOGIN VALID UNTIL {}").format(sql.Literal(until.isoformat())))
            if not _is_member(server, account, membership.right):
                names = {"right": sql.Identifier(membership.right), "account": sql.Identifier(account)}
                server.execute(sql.SQL("GRANT {right} TO {account}").format(**names))
            return account

    def ensure_absent(self, membership: Membership, until: datetime | None) -> None:
        with self._administering() as server:
            _lock(server, membership.user)
            account = self._existing(server, membership)
            if not account:
                return
            if _is_member(server, account, membership.right):
                names = {"right": sql.Identifier(membership.right), "account": sql.Identifier(account)}
                server.execute(sql.SQL("REVOKE {right} FROM {account}").format(**names))
            if until is None:
                _alter(server, account, sql.SQL("NOLOGIN PASSWORD NULL VALID UNTIL '-infinity'"))
            else:
                _alter(server, account, sql.SQL("VALID UNTIL {}").format(sql.Literal(until.isoformat())))
        self._end_sessions(account, everywhere=until is None)

    def new_sign_in(self, membership: Membership, until: datetime) -> SignIn:
        password = secrets.token_urlsafe(24)
        with self._administering() as server:
            _lock(server, membership.user)
            account = self._existing(server, membership)
            if not account or not _is_member(server, account, membership.right):
                raise ConnectorError(f"{self.label} has no such member yet. Wait until it is in place.")
            verifier = server.pgconn.encrypt_password(password.encode(), account.encode(), b"scram-sha-256")
            valid = sql.SQL("PASSWORD {} VALID UNTIL {}")
            _alter(
                server, account, valid.format(sql.Literal(verifier.decode()), sql.Literal(until.isoformat()))
            )
        return self._sign_in(account, password)

    def _sign_in(self, account: str, password: str) -> SignIn:
        parts = conninfo_to_dict(self._conninfo())
        host = str(self._configured.get("host") or parts.get("host") or "localhost")
        port = str(self._configured.get("port") or parts.get("port") or 5432)
        database = str(parts.get("dbname"))
        fields = (("Host", host), ("Port", port), ("Database", database), ("User", account))
        command = f"psql -h {host} -p {port} -U {account} {database}"
        return SignIn(fields, command, password)

    def _conninfo(self) -> str:
        if dsn := self._configured.get("dsn"):
            return str(dsn)
        own = portal_connection.get_connection_params()
        known = {name: own[name] for name in ("host", "port", "user", "password") if own.get(name)}
        return make_conninfo(**known, dbname=str(self._configured.get("database", self.target)))

    @contextmanager
    def _administering(self) -> Iterator[psycopg.Connection]:
        """One transaction as administrator of the target. Raises `ConnectorError`, without the address in it."""
        try:
            with psycopg.connect(
                self._conninfo(),
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                options=f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={STATEMENT_TIMEOUT}",
                application_name="portico",
            ) as server:
                yield server
        except psycopg.OperationalError as error:
            if error.sqlstate is None:
                raise ConnectorError(
                    f"{self.label} cannot be reached. Portico tries again by itself."
                ) from error
            raise ConnectorError(f"{self.label} refused: {_words(error)}.") from error
        except psycopg.Error as error:
            raise ConnectorError(f"{self.label} refused: {_words(error)}.") from error

    def _existing(self, server: psycopg.Connection, membership: Membership) -> str:
        """The role that carries this person's mark, under whichever of its names; empty if there is none."""
        row = server.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND shobj_description(oid, 'pg_authid') = %s",
            [[membership.account, *candidate_names(membership.user)], _MARK.format(membership.user.pk)],
        ).fetchone()
        return str(row[0]) if row else ""

    def _create(self, server: psycopg.Connection, user: User) -> str:
        """A new role under the first name that is free; a role that somebody else made is never taken over."""
        names = candidate_names(user)
        rows = server.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(names)]
        ).fetchall()
        taken = {row[0] for row in rows}
        account = next((name for name in names if name not in taken), None)
        if account is None:
            raise ConnectorError(f"{self.label}: the names {', '.join(names)} belong to somebody else there.")
        identifier = sql.Identifier(account)
        server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(identifier))
        mark = sql.Literal(_MARK.format(user.pk))
        server.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(identifier, mark))
        return account

    def _end_sessions(self, account: str, *, everywhere: bool) -> None:
        """After the membership is gone for everybody to see, so that a session cannot come back in between.

        A role counts in every database of a server, and a session that took it on keeps it: who holds nothing any more
        has no business in any of them.
        """
        with self._administering() as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s AND (%s OR datname = current_database()) AND pid <> pg_backend_pid()",
                [account, everywhere],
            )


def account_name(user: User) -> str:
    return candidate_names(user)[0]


def candidate_names(user: User) -> tuple[str, str]:
    """`portico_maya_okafor`; where that is somebody else's, with the number of the account at its end."""
    safe = re.sub(r"[^a-z0-9_]+", "_", user.username.lower()) or "person"
    number = f"_{user.pk}"
    return (PREFIX + safe)[:LONGEST_NAME], (PREFIX + safe)[: LONGEST_NAME - len(number)] + number


def _lock(server: psycopg.Connection, user: User) -> None:
    """One change of a person's role at a time on this server, whichever worker makes it."""
    server.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"portico user {user.pk}"])


def _is_member(server: psycopg.Connection, account: str, right: str) -> bool:
    row = server.execute(
        "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles a ON a.oid = m.member"
        " WHERE r.rolname = %s AND a.rolname = %s",
        [right, account],
    ).fetchone()
    return row is not None


def _refuse_dangerous(server: psycopg.Connection, right: str) -> None:
    """A role that could change other roles, read past all rights or leave the database is not given for hours; nor is
    one that could become such a role, for SET ROLE reaches all that it is a member of.
    """
    row = server.execute(
        "SELECT bool_or(r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls OR r.rolname = ANY(%s))"
        " FROM pg_roles given JOIN pg_roles r ON pg_has_role(given.oid, r.oid, 'MEMBER') WHERE given.rolname = %s",
        [list(_LIKE_SUPERUSER), right],
    ).fetchone()
    if row is None or row[0] is None:
        raise ConnectorError(f"The role {right} does not exist there. Create it, or correct the rules.")
    if row[0] or right.startswith("pg_"):
        raise ConnectorError(f"The role {right} can do more than any rule may give. Use a narrower one.")


def _alter(server: psycopg.Connection, account: str, change: sql.Composable) -> None:
    server.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(account), change))


def _words(error: psycopg.Error) -> str:
    return (error.diag.message_primary or type(error).__name__).rstrip(".")
