"""The PostgreSQL connector against a real server: what a person can and cannot do there."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone
from psycopg import sql
from psycopg.conninfo import make_conninfo

from access.connectors import connector_for
from access.connectors.base import Membership, SignIn
from access.connectors.postgresql import account_name, candidate_names
from access.errors import ConnectorError
from control.models import User
from tests import factories
from tests.access import room

pytestmark = pytest.mark.django_db


def membership(user: User) -> Membership:
    return Membership(user, room.RIGHT)


def sign_in(dsn: str, shown: SignIn) -> psycopg.Connection:
    fields = dict(shown.fields)
    return psycopg.connect(make_conninfo(dsn, user=fields["User"], password=shown.password))


def test_a_member_signs_in_with_the_password_and_reads(maya: User, log_store: str) -> None:
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    account = postgres.ensure_present(membership(maya), until)
    assert account == "portico_maya_okafor"
    assert postgres.observe(membership(maya)).present
    with sign_in(log_store, postgres.new_sign_in(membership(maya), until)) as session:
        assert session.execute("SELECT message FROM entries").fetchall() == [("processor_timeout",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("INSERT INTO entries VALUES ('written')")


def test_after_the_end_the_session_is_closed_and_the_password_is_worth_nothing(
    maya: User, log_store: str
) -> None:
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    postgres.ensure_present(membership(maya), until)
    shown = postgres.new_sign_in(membership(maya), until)
    session = sign_in(log_store, shown)
    postgres.ensure_absent(membership(maya), None)
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT message FROM entries")
    assert not postgres.observe(membership(maya)).present
    with pytest.raises(psycopg.OperationalError):
        sign_in(log_store, shown)


def test_a_new_password_makes_the_one_before_it_void(maya: User, log_store: str) -> None:
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    postgres.ensure_present(membership(maya), until)
    first = postgres.new_sign_in(membership(maya), until)
    second = postgres.new_sign_in(membership(maya), until)
    with pytest.raises(psycopg.OperationalError):
        sign_in(log_store, first)
    sign_in(log_store, second).close()


def test_the_server_itself_refuses_sign_ins_after_the_end(maya: User, log_store: str) -> None:
    postgres = connector_for("postgresql", room.TARGET)
    past = timezone.now() - timedelta(seconds=1)
    postgres.ensure_present(membership(maya), past)
    with pytest.raises(psycopg.OperationalError):
        sign_in(log_store, postgres.new_sign_in(membership(maya), past))


def test_doing_it_twice_is_doing_it_once(maya: User, log_store: str) -> None:
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    postgres.ensure_present(membership(maya), until)
    postgres.ensure_present(membership(maya), until)
    with psycopg.connect(log_store) as server:
        count = server.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'portico\\_maya%'"
        ).fetchone()
    assert count == (1,)
    postgres.ensure_absent(membership(maya), None)
    postgres.ensure_absent(membership(maya), None)


def test_taking_away_what_was_never_there_makes_no_account(maya: User, log_store: str) -> None:
    connector_for("postgresql", room.TARGET).ensure_absent(membership(maya), None)
    with psycopg.connect(log_store) as server:
        assert (
            server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'portico_maya_okafor'").fetchone() is None
        )


def test_a_role_that_somebody_else_made_is_never_touched(maya: User, log_store: str) -> None:
    with psycopg.connect(log_store, autocommit=True) as server:
        server.execute("CREATE ROLE portico_maya_okafor LOGIN")
    postgres = connector_for("postgresql", room.TARGET)
    account = postgres.ensure_present(membership(maya), timezone.now() + timedelta(hours=1))
    assert account == f"portico_maya_okafor_{maya.pk}"
    with psycopg.connect(log_store) as server:
        members = server.execute(
            "SELECT a.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            " JOIN pg_roles a ON a.oid = m.member WHERE r.rolname = %s",
            [room.RIGHT],
        ).fetchall()
    assert members == [(account,)]


def test_two_people_whose_names_look_alike_get_two_accounts(maya: User, log_store: str) -> None:
    twin = factories.user("maya_okafor", email="twin@example.org")
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    assert postgres.ensure_present(membership(maya), until) != postgres.ensure_present(
        membership(twin), until
    )
    postgres.ensure_absent(membership(twin), None)
    assert postgres.observe(membership(maya)).present


@pytest.mark.parametrize(
    "username", ["Robert'); DROP ROLE postgres;--", "名前", "a" * 150, "O'Brien@example.org"]
)
def test_any_username_becomes_a_plain_identifier(username: str) -> None:
    for name in candidate_names(User(pk=7, username=username)):
        assert name.startswith("portico_")
        assert name.replace("_", "").isalnum()
        assert name.isascii()
        assert len(name) <= 63


def test_a_role_that_rules_the_server_is_never_given(maya: User, log_store: str) -> None:
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    for right in ("postgres", "pg_read_all_data", "no_such_role"):
        with pytest.raises(ConnectorError, match=right):
            postgres.ensure_present(Membership(maya, right), until)
    with psycopg.connect(log_store) as server:
        assert (
            server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [account_name(maya)]).fetchone()
            is None
        )


def test_a_server_that_is_away_is_said_in_words_without_its_password(maya: User, settings: object) -> None:
    dsn = "host=127.0.0.1 port=1 user=portico password=hunter2 dbname=logs"
    settings.PORTICO_CONNECTORS = {room.TARGET: {"type": "postgresql", "dsn": dsn}}  # type: ignore[attr-defined]
    with pytest.raises(ConnectorError, match="PostgreSQL payments-logs cannot be reached") as refusal:
        connector_for("postgresql", room.TARGET).observe(membership(maya))
    assert "hunter2" not in str(refusal.value)


def test_a_target_that_nobody_configured_is_named(settings: object) -> None:
    settings.PORTICO_CONNECTORS = {}  # type: ignore[attr-defined]
    with pytest.raises(ConnectorError, match="There is no target payments-logs"):
        connector_for("postgresql", room.TARGET)


@pytest.mark.parametrize("power", ["pg_execute_server_program", "portico_test_ruler"])
def test_a_role_that_could_become_one_that_rules_the_server_is_never_given(
    maya: User, log_store: str, power: str
) -> None:
    with psycopg.connect(log_store, autocommit=True) as server:
        server.execute("CREATE ROLE portico_test_ruler SUPERUSER")
        server.execute("CREATE ROLE portico_test_between NOLOGIN")
        server.execute(sql.SQL("GRANT {} TO portico_test_between").format(sql.Identifier(power)))
        server.execute(sql.SQL("GRANT portico_test_between TO {}").format(sql.Identifier(room.RIGHT)))
    postgres = connector_for("postgresql", room.TARGET)
    with pytest.raises(ConnectorError, match="can do more than any rule may give"):
        postgres.ensure_present(membership(maya), timezone.now() + timedelta(hours=1))


def test_after_the_end_sessions_in_other_databases_are_closed_too(
    maya: User, log_store: str, admin_dsn: str
) -> None:
    """A session that took the role on keeps it, whatever becomes of the membership."""
    postgres = connector_for("postgresql", room.TARGET)
    until = timezone.now() + timedelta(hours=1)
    postgres.ensure_present(membership(maya), until)
    with sign_in(
        make_conninfo(admin_dsn, dbname="postgres"), postgres.new_sign_in(membership(maya), until)
    ) as session:
        session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(room.RIGHT)))
        postgres.ensure_absent(membership(maya), None)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
