"""What only Portico is measured for: reading in, and who asks. Django is set up before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import psutil
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from catalog import ingest as ingestion
from catalog.models import Entity, Location
from control import tokens
from control.models import User
from measuring import processes
from measuring.tables import Row

MEGABYTE = 1_048_576  # as PostgreSQL counts


def server_process() -> int:
    """The number of PostgreSQL's first process: everything that works for this database descends from it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return psutil.Process(cursor.fetchone()[0]).ppid()


def ingest(folder: Path, size: int, postgres: int) -> Iterator[Row]:
    location = Location.objects.create(
        type="file", target=f"{folder}/*/*.yaml", is_outside_roots=True, is_org_source=True
    )
    read = lambda: _read(location)  # noqa: E731
    yield _timed("ingest until related and searchable", size, postgres, read)
    assert Entity.objects.count() == size
    yield Row("database size", f"{_database_bytes() / MEGABYTE:,.0f} MB", number=_database_bytes() / MEGABYTE)
    yield _timed("refresh with nothing changed", size, postgres, read)
    one = max(folder.glob("*/*.yaml"))
    one.write_text(one.read_text().replace("production", "deprecated"))
    yield _timed("refresh with one file changed", size, postgres, read)


def _read(location: Location) -> None:
    outcome = ingestion.ingest(location.pk)
    assert outcome is not None
    assert not outcome.failure, outcome.failure


def _database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _timed(words: str, size: int, postgres: int, work: Callable[[], None]) -> Row:
    wall, own, theirs = time.perf_counter(), time.process_time(), processes.cpu_seconds([postgres])
    work()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    theirs = processes.cpu_seconds([postgres]) - theirs
    return Row(
        words,
        f"{size / wall:,.0f} entities/s, {wall:.1f} s",
        detail=["", "", f"worker {own:.1f} s", f"{theirs:.1f} s"],
        number=size / wall,
        second=own + theirs,
    )


def sign_ins() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Headers of somebody's browser, and of their script."""
    user = User.objects.create_user("bench", email="bench@example.com", password="measured-not-guessed")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.set_expiry(timedelta(days=1))
    session.create()
    _, secret = tokens.issue(owner=user, by=None, name="bench")
    cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
    return {"Cookie": cookie}, {"Authorization": f"Bearer {secret}"}
