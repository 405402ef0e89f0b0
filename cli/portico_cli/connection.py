"""Asking Portico's REST API: one place that sends the token, and turns every refusal into words."""

from __future__ import annotations

from typing import Any

import requests

from portico_cli.errors import CommandFailed, Misused, Refused
from portico_cli.login import Login

SECONDS = 30
_NO = {403, 404, 409}


class Connection:
    def __init__(self, login: Login) -> None:
        self.url = login.url
        self._session = requests.Session()
        self._session.trust_env = False  # no password of a .netrc goes in the token's place
        self._session.headers["Authorization"] = f"Bearer {login.token}"

    def get(self, path: str, **query: str) -> Any:
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._ask("POST", path, json=body or {})

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer's JSON. Raises `Refused`, `Misused` (a wish that cannot be read) or `CommandFailed`."""
        try:
            answer = self._session.request(
                method, f"{self.url}/api/access/{path}", timeout=SECONDS, allow_redirects=False, **more
            )
            found = answer.json() if answer.content else {}
        except requests.JSONDecodeError:
            raise CommandFailed(f"{self.url} does not answer as Portico does. Check the address.") from None
        except requests.RequestException as problem:
            raise CommandFailed(f"{self.url} cannot be reached: {_reason(problem)}.") from None
        if answer.status_code < 300:
            return found
        words = _words(found) or f"{self.url} answered {answer.status_code}."
        if answer.status_code in _NO:
            raise Refused(words)
        raise Misused(words) if answer.status_code == 400 else CommandFailed(words)


def _words(found: Any) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _reason(problem: requests.RequestException) -> str:
    if isinstance(problem, requests.Timeout):
        return f"no answer within {SECONDS} seconds"
    return (
        "its certificate is not trusted"
        if isinstance(problem, requests.exceptions.SSLError)
        else "no connection"
    )
