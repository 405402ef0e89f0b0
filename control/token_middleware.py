"""The short way for scripts: a request to /api with a token needs no session, no form token, no page."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import local

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from control.api import unknown
from control.middleware import numbered

TRUSTED_SECONDS = 1.0  # a connection that answered so lately is not asked for a sign of life first
_last = local()


class TokenMiddleware:
    """Stands behind what concerns every answer (security headers, compression) and before what concerns browsers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_AUTHORIZATION", "")
        if not (request.path_info.startswith("/api/") and given[:7].lower() == "bearer "):
            return self.get_response(request)
        request.get_host()  # refuses a name that is not ours
        if time.monotonic() - getattr(_last, "answered_at", 0.0) < TRUSTED_SECONDS:
            connection.health_check_done = True  # type: ignore[attr-defined]  # missing in the stubs
        with numbered(request) as number:
            response = self._answer(request)
        response["X-Request-ID"] = number
        if response.status_code < 500:
            _last.answered_at = time.monotonic()
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            found = resolve(request.path_info, settings.PORTICO_API_URLS)
        except Resolver404:
            return unknown(request)
        request.resolver_match = found
        response: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
        return response
