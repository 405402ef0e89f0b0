"""A host's REST API for the length of one step: what it has is found, changes are made, refusals are put into words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from catalog.hosts.client import Client
from catalog.web import Answer
from scaffolder.errors import ActionFailed
from scaffolder.hosting.places import Place

MAX_SAID = 300  # characters of a host's words that an error repeats


class Refused(ActionFailed):
    """The host said no; `status` is its HTTP status, `said` its words."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status, self.said = status, said


class Api:
    def __init__(self, place: Place, client: Client) -> None:
        self.place, self._client = place, client

    def find(self, path: str, what: str, query: Mapping[str, str | int] | None = None) -> Any:
        """What is there as JSON; None when the host says that there is nothing. Raises `Refused`."""
        answer = self._client.get(self._address(path, query))
        if answer.status == 404:
            return None
        return self._checked(answer, f"show {what}")

    def change(self, method: str, path: str, what: str, data: Mapping[str, Any] | None = None) -> Any:
        """Do it once; `what` completes “refused to …”. Raises `Refused`."""
        return self._checked(self._client.change(method, self._address(path), data), what)

    def _address(self, path: str, query: Mapping[str, str | int] | None = None) -> str:
        """Names come from templates and answers: one that is `..` would climb to another part of the API."""
        if any(unquote(part) in (".", "..") for part in path.split("/")):
            raise ActionFailed(
                "A name that is only dots cannot be used with a host. Correct the input of this step."
            )
        return self._client.address(path, query)

    def _checked(self, answer: Answer, what: str) -> Any:
        if 200 <= answer.status < 300:
            return _json(answer)
        said = _said(answer)
        words = (
            f"{self.place.host} refused to {what} (it answered {answer.status}{f': {said}' if said else ''})."
        )
        raise Refused(f"{words} {_advice(answer.status)}".strip(), answer.status, said)


@contextmanager
def opened(place: Place) -> Iterator[Api]:
    with Client(place.integration) as client:
        yield Api(place, client)


def _json(answer: Answer) -> Any:
    if not answer.body.strip():
        return {}
    try:
        return json.loads(answer.body)
    except ValueError:
        raise ActionFailed(
            f"What {answer.url.partition('?')[0]} answers is no JSON. Check `api` in PORTICO_INTEGRATIONS."
        ) from None


def _said(answer: Answer) -> str:
    """The host's own words, on one line: GitHub's and Gitea's `message` and `errors`, GitLab's map of fields."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    parts = [found.get("message") or found.get("error") or "", *_texts(found.get("errors"))]
    return " ".join("; ".join(text for part in parts for text in _texts(part)).split())[:MAX_SAID].rstrip(
        ". "
    )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        if "message" in value:
            return _texts(value["message"])
        return [f"{name} {text}" for name, item in value.items() for text in _texts(item)]
    return []


def _advice(status: int) -> str:
    if status == 401:
        return "Its token may have expired: put a new one into PORTICO_INTEGRATIONS."
    if status in (403, 404):
        return "Check the names, and what its token in PORTICO_INTEGRATIONS may do."
    if status in (301, 302, 307, 308):
        return "It has moved: use its new name."
    return "Run this again later." if status >= 500 else "Correct the input of this step."
