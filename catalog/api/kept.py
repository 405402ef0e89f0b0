"""Whole answers, kept for a revision of the catalogue by the address asked and by what the person sees.

People who see different things never share one. They go with the revision, and the least lately asked for when there
are too many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from django.http import HttpRequest, HttpResponse

from catalog import per_revision
from catalog.visibility import sight_of
from control.api import answer
from control.models import User

ANSWERS_BYTES = 16_000_000  # of all answers that a process keeps
LARGEST_BYTES = 250_000  # of one of them
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
    key = (per_revision.number(), sight_of(user).key, request.get_full_path())
    body = answers.get(key)
    if body is not None:
        return answer(body)
    response = make()
    if response.status_code == 200 and len(response.content) <= LARGEST_BYTES:
        answers.put(key, response.content)
    return response
