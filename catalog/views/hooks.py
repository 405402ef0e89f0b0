"""Where hosts send their messages. Answers say only whether one was taken: never what it did, or why not."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from catalog import webhooks
from catalog.webhooks import Delivery, NotFromHost

BODY_LIMIT_BYTES = 1024 * 1024  # a push of hundreds of commits; what is longer waits for the schedule
ACCEPTED, FORBIDDEN, TOO_LARGE = 202, 403, 413


@csrf_exempt  # signed by the host instead
@require_POST
def github(request: HttpRequest) -> HttpResponse:
    def delivery(body: bytes) -> Delivery:
        integration = webhooks.signed_by_github(body, request.headers.get("X-Hub-Signature-256", ""))
        return Delivery(
            integration,
            request.headers.get("X-GitHub-Event", ""),
            request.headers.get("X-GitHub-Delivery", ""),
            body,
        )

    return _taken(request, delivery)


@csrf_exempt  # as above
@require_POST
def gitlab(request: HttpRequest) -> HttpResponse:
    def delivery(body: bytes) -> Delivery:
        integration = webhooks.named_by_gitlab(request.headers.get("X-Gitlab-Token", ""))
        number = request.headers.get("Idempotency-Key") or request.headers.get("X-Gitlab-Event-UUID", "")
        return Delivery(integration, request.headers.get("X-Gitlab-Event", ""), number, body)

    return _taken(request, delivery)


def _taken(request: HttpRequest, delivery: Callable[[bytes], Delivery]) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT_BYTES:
        return HttpResponse("Too large.\n", status=TOO_LARGE, content_type="text/plain")
    try:
        webhooks.take(delivery(request.body))
    except NotFromHost:
        return HttpResponse("Not accepted.\n", status=FORBIDDEN, content_type="text/plain")
    return HttpResponse("Accepted.\n", status=ACCEPTED, content_type="text/plain")
