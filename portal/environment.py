"""Typed reading of environment variables; a bad value is refused by name, with what is accepted."""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    raw = os.environ.get(name)
    if raw is None:
        return default
    word = raw.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is not a yes or no. Use 1 or 0.")


def number(name: str, default: int, *, least: int = 0) -> int:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    if not raw.isdigit() or int(raw) < least:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number of at least {least}.")
    return int(raw)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list; blanks around the parts are dropped."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def mapping(name: str, default: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """JSON: names, each with its own mapping. The value is not quoted when it is refused, for it may hold secrets."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not JSON: {error}.") from None
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise ImproperlyConfigured(f'{name} must be a JSON mapping like {{"name": {{"type": "…"}}}}.')
    return found


def folder(name: str, default: Path) -> Path:
    raw = os.environ.get(name, "").strip()
    return Path(raw).expanduser().resolve() if raw else default
