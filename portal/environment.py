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


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    if not raw.isdigit() or int(raw) < least:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number of at least {least}.")
    if most is not None and int(raw) > most:
        raise ImproperlyConfigured(f"{name}={raw!r} is more than {most}, which is the most.")
    return int(raw)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list; blanks around the parts are dropped."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def one_of(name: str, default: str, accepted: tuple[str, ...]) -> str:
    word = text(name, default).lower()
    if word not in accepted:
        raise ImproperlyConfigured(f"{name}={word!r} is not understood. Use one of {', '.join(accepted)}.")
    return word


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


def records(name: str) -> list[dict[str, str]]:
    """JSON, or the path of a file with it: a list of mappings of texts. No value is quoted: some are secrets."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return []
    try:
        found = json.loads(raw if raw.startswith("[") else Path(raw).expanduser().read_text())
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is neither a JSON list nor a file that can be read: {error.strerror}."
        ) from None
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not JSON: {type(error).__name__}.") from None
    if not isinstance(found, list) or not all(_is_record(item) for item in found):
        raise ImproperlyConfigured(f'{name} must be a JSON list like [{{"type": "…", "host": "…"}}].')
    return found


def _is_record(item: object) -> bool:
    return isinstance(item, dict) and all(isinstance(value, str) for value in item.values())


def folder(name: str, default: Path) -> Path:
    raw = os.environ.get(name, "").strip()
    return Path(raw).expanduser().resolve() if raw else default
