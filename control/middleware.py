"""Gives each request a number that people can quote and audit events carry."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from control.per_request import keeping

request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTED = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestIdMiddleware:
    """Makes a number and answers with it; takes over a well-formed X-Request-ID from a proxy that is known to be there.

    From anybody else it would let a client choose what the record says about its request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with numbered(request) as number:
            response = self.get_response(request)
        response["X-Request-ID"] = number
        return response


@contextmanager
def numbered(request: HttpRequest) -> Iterator[str]:
    """Around the answering of one request: its number, and what is worked out once for it."""
    given = request.headers.get("X-Request-ID", "") if settings.PORTICO_BEHIND_PROXY else ""
    number = given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex[:16]
    token = request_id.set(number)
    request.request_id = number  # type: ignore[attr-defined]  # error pages quote it
    try:
        with keeping():
            yield number
    finally:
        request_id.reset(token)
