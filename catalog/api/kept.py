"""What an answer costs is paid once per revision of the catalogue: whole answers, totals and facets.

Answers are kept by the address asked and by what the person sees; totals and facets by the exact question, the SQL with
its parameters. So people who see different things never share one. Entries go with the revision and when there are too
many; totals also after a while by themselves.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from catalog.models import Entity
from catalog.visibility import sight_of
from control import prepared
from control.api import answer
from control.models import User

KEEP_SECONDS = 60
ANSWERS_BYTES = 16_000_000  # of all answers that a process keeps
LARGEST_BYTES = 250_000  # of one of them
T = TypeVar("T")
Key = tuple[str, str, str]


class Answers:
    """Bodies of answers, the least lately asked for dropped first. Several threads use it."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._bodies: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> bytes | None:
        with self._lock:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def clear(self) -> None:
        with self._lock:
            self._bodies.clear()
            self._bytes = 0

    def put(self, key: Key, body: bytes) -> None:
        with self._lock:
            self._bytes += len(body) - len(self._bodies.pop(key, b""))
            self._bodies[key] = body
            while self._bytes > self._most_bytes:
                _, dropped = self._bodies.popitem(last=False)
                self._bytes -= len(dropped)


answers = Answers(ANSWERS_BYTES)


def whole(request: HttpRequest, user: User, make: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `make`, which depends on the catalogue, the address and what `user` sees, and on nothing else."""
    key = (revision(), sight_of(user).key, request.get_full_path())
    body = answers.get(key)
    if body is not None:
        return answer(body)
    response = make()
    if response.status_code == 200 and len(response.content) <= LARGEST_BYTES:
        answers.put(key, response.content)
    return response


def revision() -> str:
    """Which catalogue this is; read before what it stands for, so that a change meanwhile is seen next.

    With its time, so that a database restored from a copy is not taken for the one that was here before.
    """
    found = prepared.rows("SELECT number, changed_at FROM catalog_catalogrevision WHERE id = 1", [])
    return f"{found[0][0]}-{found[0][1]}" if found else ""


def total(found: QuerySet[Entity]) -> int:
    """How many rows `found` has. One query, another when nobody asked since the catalogue changed."""
    return kept("total", found.order_by().values("pk"), found.count)


def kept(what: str, question: QuerySet[Entity, Any], count: Callable[[], T]) -> T:
    try:
        asked = repr((what, *question.query.sql_with_params()))
    except EmptyResultSet:
        return count()  # Django knows without asking
    key = f"catalog-api-{hashlib.sha256(f'{revision()} {asked}'.encode()).hexdigest()}"
    found: T | None = cache.get(key)
    if found is None:
        found = count()
        cache.set(key, found, KEEP_SECONDS)
    return found
