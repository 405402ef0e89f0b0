"""How many requests of a kind may hold a thread of this process at a time. Pages always have one left."""

from __future__ import annotations

import threading

from django.http import HttpRequest, HttpResponse

from control.api import refusal


class Places:
    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    def take(self) -> Place | None:
        """None when all are taken; nobody waits for one."""
        return Place(self._free) if self._free.acquire(blocking=False) else None


class Place:
    """Given back once, by whoever notices first that it is free."""

    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free: threading.BoundedSemaphore | None = free

    def leave(self) -> None:
        free, self._free = self._free, None
        if free is not None:
            free.release()


def all_taken(request: HttpRequest, message: str) -> HttpResponse:
    answer = refusal(request, 503, message)
    answer["Retry-After"] = "1"
    return answer
