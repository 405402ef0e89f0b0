"""Secrets of a run: encrypted while it waits and works, and never shown by what it writes.

The key is derived from SECRET_KEY, so a copy of the database alone opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from scaffolder.errors import ActionFailed

MASK = "***"
SHORTEST_MASKED = 3  # characters; masking "a" would only garble the log
_PURPOSE = b"portico.scaffolder.secrets.v1:"


def _cipher() -> Fernet:
    digest = hashlib.sha256(_PURPOSE + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def seal(secrets: Mapping[str, Any]) -> bytes:
    """JSON data, encrypted."""
    return _cipher().encrypt(json.dumps(dict(secrets)).encode())


def unseal(sealed: bytes | memoryview | None) -> dict[str, Any]:
    """Raises `ActionFailed` when they were sealed under another SECRET_KEY."""
    if not sealed:
        return {}
    try:
        opened: dict[str, Any] = json.loads(_cipher().decrypt(bytes(sealed)))
    except InvalidToken:
        raise ActionFailed(
            "The secrets of this run cannot be opened, because the portal's SECRET_KEY has changed. Start a new run."
        ) from None
    return opened


class Masker:
    """Puts *** in the place of secrets, also where they are quoted, escaped or encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        forms = {form for form in _forms(secret) if len(form) >= SHORTEST_MASKED}
        self._forms = sorted({*self._forms, *forms}, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def data(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        return value


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield from (line.strip() for line in secret.splitlines())  # a log shows a key line by line
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield unquote_plus(secret)  # as a part of an address is read: + is a blank there
    yield secret.lower()  # as hosts are written
    yield secret.upper()
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
