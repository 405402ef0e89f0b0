"""Promise 1: no grant outlives its window, with every worker stopped.

Nothing runs in this test but the database and the web process. The portal's own checks end at the second; the outside
system refuses new sign-ins by itself; the first sweep of a worker that comes back takes the membership away.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from access import sign_in
from access.connectors.base import SignIn
from access.models import Grant
from access.reconcile import reconcile
from access.sweep import sweep
from catalog.models import Entity
from control import approvals, clock, execution
from control.models import AuditEvent, User
from tests.access import room
from tests.access.conftest import admin_dsn, log_store, rules, service  # noqa: F401  the fixtures of that room

pytestmark = pytest.mark.django_db
SECONDS = 3  # the whole window of the test; the shortest that leaves time to look inside it


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes are the shortest that people can ask for; here a minute lasts seconds."""
    monkeypatch.setattr("access.grants.parse_duration", lambda text: timedelta(seconds=SECONDS))


def open_session(dsn: str, shown: SignIn) -> psycopg.Connection:
    user = dict(shown.fields)["User"]
    return psycopg.connect(make_conninfo(dsn, user=user, password=shown.password))


@pytest.mark.usefixtures("rules", "brief")
def test_the_portal_denies_at_the_second_and_the_outside_role_goes_with_the_first_sweep(
    maya: User,
    tomas: User,
    service: Entity,  # noqa: F811
    log_store: str,  # noqa: F811
) -> None:
    intent = room.ask(maya, duration="1m")
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    grant = Grant.objects.get()
    execution.run(intent.pk)
    shown = sign_in.renew(intent, by=maya)
    with open_session(log_store, shown) as session:
        session.execute("SELECT message FROM entries")
    assert maya.has_perm("catalog.logs:read", service)

    denied_at = _first_denial(maya, service)
    assert denied_at >= grant.expires_at
    assert (denied_at - grant.expires_at).total_seconds() < 1

    with pytest.raises(psycopg.OperationalError):
        open_session(log_store, shown)
    assert _is_member(log_store), "nobody has cleaned up, and nobody needed to"

    sweep()
    assert not _is_member(log_store)
    told = list(AuditEvent.objects.filter(intent=intent).order_by("id").values_list("summary", flat=True))
    assert [words.split(" at ")[0] for words in told[-3:]] == [
        "Ended by itself",
        f"Left {room.RIGHT}",
        "Observed gone",
    ]


@pytest.mark.usefixtures("service", "rules", "brief")
def test_a_worker_that_comes_too_late_brings_nothing_about(maya: User, tomas: User, log_store: str) -> None:  # noqa: F811
    """Approved, but every worker was away for the whole window."""
    intent = room.ask(maya, duration="1m")
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    _wait_until_over(Grant.objects.get())
    execution.run(intent.pk)
    sweep()
    assert not _is_member(log_store)


@pytest.mark.usefixtures("service", "rules", "brief")
def test_a_session_that_is_open_at_the_end_is_closed_by_the_sweep(
    maya: User,
    tomas: User,
    log_store: str,  # noqa: F811
) -> None:
    grant = room.granted(maya, by=tomas, duration="1m")
    for right in grant.outside_rights.all():
        reconcile(right.pk)
    session = open_session(log_store, sign_in.renew(grant.intent, by=maya))
    _wait_until_over(grant)
    sweep()
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT message FROM entries")


def _first_denial(user: User, entity: Entity) -> datetime:
    deadline = time.monotonic() + SECONDS + 5
    while user.has_perm("catalog.logs:read", entity):
        assert time.monotonic() < deadline, "the grant outlives its window"
        time.sleep(0.02)
    return clock.now()


def _wait_until_over(grant: Grant) -> None:
    while clock.now() < grant.expires_at:
        time.sleep(0.05)


def _is_member(dsn: str) -> bool:
    with psycopg.connect(dsn) as server:
        return (
            server.execute(
                sql.SQL(
                    "SELECT 1 FROM pg_auth_members m JOIN pg_roles a ON a.oid = m.member"
                    " WHERE a.rolname = 'portico_maya_okafor'"
                )
            ).fetchone()
            is not None
        )
