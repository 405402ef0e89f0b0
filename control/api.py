"""How every REST API here is asked and answers: who asks, JSON in and out, errors in Backstage's shape.

An address is a table of functions by method, `endpoint(GET=…, POST=…)`; each gets the request and the person. A token
in `Authorization: Bearer …` needs no CSRF token, as browsers never send it by themselves; a session does. An unknown
method or address is a 404 without a body, as Backstage's are.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from control import tokens
from control.errors import ControlError, NotSignedIn, Refused
from control.middleware import request_id
from control.models import User

JSON = "application/json; charset=utf-8"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_NAMES = {
    400: "InputError",
    401: "AuthenticationError",
    403: "NotAllowedError",
    404: "NotFoundError",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    503: "ServiceUnavailableError",
}
log = logging.getLogger(__name__)

Endpoint = Callable[..., HttpResponseBase]


class ApiError(ControlError):
    """An answer that is an error, with the status and the words that clients know."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def endpoint(**by_method: Endpoint) -> Endpoint:
    """The view of one address. Each function is called as `function(request, user, **parts of the address)`."""

    @csrf_exempt  # `_person` asks for it where a session speaks
    def view(request: HttpRequest, **parts: str) -> HttpResponseBase:
        function = by_method.get("GET" if request.method == "HEAD" else request.method or "")
        if function is None:
            return unknown(request)
        try:
            return function(request, _person(request), **parts)
        except ControlError as error:
            return refusal(request, 400 if error.status == 422 else error.status, str(error))
        except RequestDataTooBig:
            return refusal(request, 413, "The body of the request is too large. Send it in parts.")
        except Exception:  # the edge of the request: clients of an API get no pages
            log.exception("%s %s failed", request.method, request.path)
            return refusal(request, 500, f"An internal error occurred logId={request_id.get()}")

    return view


@csrf_exempt
def unknown(_request: HttpRequest, **_parts: str) -> HttpResponse:
    """Nothing is at this address."""
    response = HttpResponse(status=404)
    del response["Content-Type"]
    return response


def answer(body: str | bytes, status: int = 200) -> HttpResponse:
    """`body` is JSON already."""
    return HttpResponse(body, status=status, content_type=JSON)


def answer_data(data: Any, status: int = 200) -> HttpResponse:
    return answer(json.dumps(data, ensure_ascii=False, separators=(",", ":")), status)


def nothing(status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    del response["Content-Type"]
    return response


def _person(request: HttpRequest) -> User:
    """Raises `NotSignedIn`, or `Refused` for a session whose request another site may have made."""
    given = request.headers.get("Authorization", "")
    scheme, _, secret = given.partition(" ")
    if scheme.lower() == "bearer":
        return tokens.authenticate(secret.strip())
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        raise NotSignedIn("Missing credentials. Send a token as Authorization: Bearer …, or sign in.")
    if request.method not in _SAFE and _is_forged(request):
        raise Refused("The CSRF token is missing or wrong. Send it as X-CSRFToken, or use an API token.")
    return user


class _Csrf(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:  # noqa: ARG002  the signature is Django's
        return HttpResponse(reason, status=403)


def _is_forged(request: HttpRequest) -> bool:
    check = _Csrf(lambda _request: HttpResponse())
    check.process_request(request)
    return check.process_view(request, _unexempt, (), {}) is not None


def _unexempt(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def refusal_data(request: HttpRequest, status: int, message: str) -> dict[str, Any]:
    return {
        "error": {"name": _NAMES.get(status, "Error"), "message": message},
        "request": {"method": request.method, "url": relative_url(request)},
        "response": {"statusCode": status},
    }


def refusal(request: HttpRequest, status: int, message: str) -> HttpResponse:
    response = answer_data(refusal_data(request, status, message), status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def relative_url(request: HttpRequest) -> str:
    """The address as the plugin sees it: `/entities?limit=1` of `/api/catalog/entities?limit=1`."""
    parts = request.get_full_path().split("/", 3)
    return "/" + parts[3] if len(parts) > 3 else "/"
