"""Portico's own API for steps of runs, asked in the same process in the name of who started the run.

A template must not act for people where a person decides: everything can be read as they would read it, but changed is
the catalogue alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.urls import Resolver404, ResolverMatch, resolve

from control.models import User
from scaffolder.errors import ActionFailed

PREFIX = "/api/"
CHANGEABLE = ("/api/catalog/",)
READABLE = (
    *CHANGEABLE,
    "/api/search/",
    "/api/access/",
)  # what answers at once: a stream would hold the worker
READING = frozenset({"GET", "HEAD"})
MAX_BYTES = 500_000  # of an answer: it becomes an output


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def checked_path(method: str, path: str) -> str:
    """As it stands below /api. Raises `ActionFailed` for what templates may not do."""
    whole = path if path.startswith(PREFIX) else f"{PREFIX}{path.lstrip('/')}"
    plain = urlsplit(whole).path
    if "/../" in f"{plain}/" or "//" in plain or "%2e" in plain.lower() or "%2f" in plain.lower():
        raise ActionFailed(f"The path {plain} is not plain. Write it as /catalog/entities.")
    if plain.startswith(f"{PREFIX}proxy/"):
        raise ActionFailed("Portico has no proxy. Name the address itself: https://…")
    open_to_it = READABLE if method in READING else CHANGEABLE
    if not plain.startswith(open_to_it) and _found(plain):
        what = "read" if method in READING else "change"
        raise ActionFailed(f"A step may not {what} {plain}, only what is below {' and '.join(open_to_it)}.")
    return whole


def ask(method: str, path: str, params: Mapping[str, str], body: bytes, *, person: User) -> Reply:
    """What the API answers this person, refusals too. Raises `ActionFailed` where it cannot be asked."""
    whole = checked_path(method, path)
    asker = User.objects.select_related("acts_for").get(pk=person.pk)
    if not asker.is_open:
        raise ActionFailed("The account of who started this run is closed, so nothing is asked in its name.")
    request = _request(method, whole, params, body)
    request.user = asker
    if (found := _found(request.path_info)) is None:
        return Reply(404, {}, b"")
    answered = found.func(request, *found.args, **found.kwargs)
    return Reply(answered.status_code, dict(answered.headers), _body(answered))


def _found(path: str) -> ResolverMatch | None:
    try:
        return resolve(path, settings.PORTICO_API_URLS)
    except Resolver404:
        return None


def _request(method: str, path: str, params: Mapping[str, str], body: bytes) -> WSGIRequest:
    parts = urlsplit(path)
    query = "&".join(filter(None, [parts.query, urlencode(params)]))
    own = urlsplit(settings.PORTICO_URL)
    request = WSGIRequest(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path,
            "QUERY_STRING": query,
            "SERVER_NAME": own.hostname or "localhost",
            "SERVER_PORT": str(own.port or (443 if own.scheme == "https" else 80)),
            "CONTENT_TYPE": "application/json" if body else "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": own.scheme or "http",
            "wsgi.input": BytesIO(body),
        }
    )
    # No other site made this request: it comes from a run, whose person asked for it.
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    return request


def _body(answered: object) -> bytes:
    pieces, size = [], 0
    for piece in cast("Iterable[bytes]", answered):
        pieces.append(bytes(piece))
        size += len(pieces[-1])
        if size > MAX_BYTES:
            raise ActionFailed(
                f"The answer has more than {MAX_BYTES:,} bytes. Ask for less: limit, fields, filter."
            )
    return b"".join(pieces)
