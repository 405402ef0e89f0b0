"""Turns the refusals of the rooms below into answers: the error's status and its own words."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from control.api import refusal
from control.errors import ControlError
from control.web import wants_fragment
from portal import health

_SIGNS_OF_LIFE = {
    "/healthz": health.healthz,
    "/readyz": health.readyz,
    "/.backstage/health/v1/liveness": health.backstage_liveness,
    "/.backstage/health/v1/readiness": health.backstage_readiness,
}
LONGEST_MESSAGE = 500  # in a header
HEADINGS = {
    403: "That is not yours to do",
    404: "Not found",
    409: "Too late, or changed meanwhile",
    422: "Not quite",
}


class HealthMiddleware:
    """Answers the two questions of supervisors and load balancers before anything else looks at the request: they ask
    by address instead of by name, and without TLS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = _SIGNS_OF_LIFE.get(request.path)
        return view(request) if view else self.get_response(request)


class ReadableMiddleware:
    """PostgreSQL text cannot hold a zero byte, so an address with one names nothing. Forms check their fields."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return _unreadable(request)
        return self.get_response(request)


def _unreadable(request: HttpRequest) -> HttpResponse:
    words = "This address cannot be read."
    if request.path.startswith("/api/"):
        return refusal(request, 400, words)
    return HttpResponse(f"{words}\n", content_type="text/plain", status=400)


class FragmentMiddleware:
    """What an answer owes htmx: a lost session leads the whole page to the sign-in, and caches keep fragments apart."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        sign_in = resolve_url(settings.LOGIN_URL)
        if wants_fragment(request) and response.get("Location", "").startswith(f"{sign_in}?"):
            return HttpResponseClientRedirect(f"{sign_in}?{urlencode({'next': _page_of(request)})}")
        patch_vary_headers(response, ["HX-Request"])
        return response


def _page_of(request: HttpRequest) -> str:
    """The page that the fragment was for: nobody wants to end on a fragment."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by its middleware
    return htmx.current_url_abs_path or "/"


class DomainErrorMiddleware:
    """A page for a page, a few announced lines for a fragment. Other exceptions go on to Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ControlError):
            return None
        template = "portal/_refusal.html" if wants_fragment(request) else "portal/refusal.html"
        heading = HEADINGS.get(exception.status, "That did not work")
        context = {"heading": heading, "message": str(exception), "status": exception.status}
        response = render(request, template, context, status=exception.status)
        # htmx does not swap errors; static/js/errors.js shows this in the announced region of the layout.
        response["X-Portico-Message"] = quote(str(exception)[:LONGEST_MESSAGE])
        return response
