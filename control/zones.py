"""Time zones by the names that everybody uses: Europe/Berlin, UTC."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=128)
def zone_named(name: str) -> ZoneInfo:
    """Raises `ValueError` with what to type."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        words = f"“{name[:60]}” is not a time zone. Write one like Europe/Berlin or UTC."
        raise ValueError(words) from None
