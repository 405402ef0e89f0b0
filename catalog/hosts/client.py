"""One host's REST API for the length of one read: signed in, within its limits, every refusal in words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from django.utils import timezone

from catalog.errors import Missing, Postponed, Unreadable
from catalog.hosts import integrations, limits
from catalog.hosts.integrations import Integration
from catalog.web import Answer, Reader, Validators
from catalog.yaml12 import FILE_LIMIT_BYTES

MOST_WAITS = 3  # short waits for one request, before it is left for later
PAGE_LIMIT_BYTES = FILE_LIMIT_BYTES  # of one answer of the API


class Client:
    """Requests to one integration; close it, best by `with`."""

    def __init__(self, integration: Integration, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.integration = integration
        self._reader = Reader()
        self._sleep = sleep
        self._paused_until = limits.paused_until(integration.host, timezone.now())
        self.requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._reader.close()

    def address(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        return f"{self.integration.api}{path}" + (f"?{urlencode(query)}" if query else "")

    def get(self, url: str, *, unless: Validators | None = None, accept: str = "") -> Answer:
        """What the API answers, 304 and refusals too. Raises `Postponed` when it asks to wait for long."""
        return self._limited(lambda: self._send(url, unless, accept))

    def _limited(self, ask: Callable[[], Answer]) -> Answer:
        for _ in range(MOST_WAITS):
            self._refuse_while_paused()
            self.requests += 1
            answer = ask()
            if not limits.is_limited(answer):
                self._heed(answer)
                return answer
            self._wait(limits.open_again_at(answer, timezone.now()))
        self._pause(timezone.now() + limits.UNSAID_PAUSE)
        raise self._postponed()

    def change(self, method: str, url: str, data: Mapping[str, Any] | None = None) -> Answer:
        """What the API answers to a POST, PUT, PATCH or DELETE, refusals too; sent once, and again only when the host
        said that it did not look at it. Raises `Postponed` when it asks to wait for long."""
        body = json.dumps(dict(data)).encode() if data is not None else b""
        return self._limited(
            lambda: self._reader.send(method, url, body, headers=self._headers() | self._secrets())
        )

    def _send(self, url: str, unless: Validators | None, accept: str) -> Answer:
        headers = self._headers(accept) | (unless.headers if unless else {})
        return self._reader.get(url, headers=headers, secrets=self._secrets(), limit_bytes=PAGE_LIMIT_BYTES)

    def _headers(self, accept: str = "") -> dict[str, str]:
        headers = {"Accept": accept or _ACCEPT[self.integration.type]}
        if self.integration.type == integrations.GITHUB:
            headers["X-GitHub-Api-Version"] = "2022-11-28"
        return headers

    def _secrets(self) -> dict[str, str]:
        token = self.integration.token.read()
        if not token:
            return {}
        if self.integration.type == integrations.GITLAB:
            return {"PRIVATE-TOKEN": token}
        return {"Authorization": f"Bearer {token}"}

    def _refuse_while_paused(self) -> None:
        if self._paused_until and self._paused_until > timezone.now():
            raise self._postponed()

    def _heed(self, answer: Answer) -> None:
        if limits.is_used_up(answer):
            self._pause(limits.open_again_at(answer, timezone.now()))

    def _wait(self, until: datetime) -> None:
        left = until - timezone.now()
        if left > limits.LONGEST_WAIT:
            self._pause(until)
            raise self._postponed()
        self._sleep(max(left.total_seconds(), 0))

    def _pause(self, until: datetime) -> None:
        self._paused_until = until
        limits.pause(self.integration.host, until)

    def _postponed(self) -> Postponed:
        until = self._paused_until or timezone.now()
        return Postponed(
            f"{self.integration.host} takes no more requests from here until "
            f"{timezone.localtime(until):%H:%M:%S %Z}, because its limit is used up. Nothing is lost: Portico goes on "
            "then by itself. A token with a higher limit, or a longer PORTICO_REFRESH_SECONDS, avoids it.",
            until=until,
        )


_ACCEPT = {
    integrations.GITHUB: "application/vnd.github+json",
    integrations.GITLAB: "application/json",
    integrations.GITEA: "application/json",
    integrations.BACKSTAGE: "application/json",
}


def checked(answer: Answer, what: str, integration: Integration) -> Answer:
    """`answer` when it is a success or a 304. Raises `Missing` or `Unreadable`, about `what`."""
    if answer.status in (200, 304):
        return answer
    host = integration.host
    if answer.status in (404, 410):
        raise Missing(
            f"{host} says that there is no {what}, or that the token of PORTICO_INTEGRATIONS may not see it (it "
            f"answered {answer.status}). Check the name, and what the token may read."
        )
    if answer.status == 401:
        raise Unreadable(
            f"{host} does not accept the token of PORTICO_INTEGRATIONS. Put a new one there; it may have expired."
        )
    raise Unreadable(_refusal(answer.status, what, host))


def _refusal(status: int, what: str, host: str) -> str:
    if status == 403:
        return (
            f"{host} refuses {what} (it answered 403). Let the token of PORTICO_INTEGRATIONS read it, single sign-on "
            "of the organisation included."
        )
    if status == 451:
        return f"{host} has closed {what} for legal reasons (it answered 451). Its owners know more."
    if status >= 500:
        return f"{host} is in trouble (it answered {status} for {what}). Portico tries again by itself."
    return f"{host} answered {status} for {what}. Try again later."


def as_json(answer: Answer, what: str) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise Unreadable(
            f"The answer for {what} is no JSON. Check that the address is that of the server's API."
        ) from error
