"""What whoever processed an entity says of it: `status.items` of its document, as Backstage shapes them.

A file cannot say that, as in Backstage (a root field that is not known is refused); it comes with entities that are
taken over from another catalogue. What Portico itself finds wrong is a Problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catalog.models import Entity

MOST_SHOWN = 20
LONGEST_MESSAGE = 1_000  # characters
_STATES = {"error": "bad", "warning": "warn", "info": "info"}


@dataclass(frozen=True)
class StatusItem:
    state: str  # bad, warn or info
    type: str  # who says it: backstage.io/catalog-processing
    message: str


def status_items(entity: Entity) -> list[StatusItem]:
    status = entity.document.get("status") if isinstance(entity.document, dict) else None
    items = status.get("items") if isinstance(status, dict) else None
    if not isinstance(items, list):
        return []
    return [found for item in items[:MOST_SHOWN] if (found := _item(item))]


def _item(item: Any) -> StatusItem | None:
    if not isinstance(item, dict):
        return None
    error = item.get("error")
    message = item.get("message") or (error.get("message") if isinstance(error, dict) else "")
    if not isinstance(message, str) or not message:
        return None
    level, type = str(item.get("level", "")), str(item.get("type", ""))
    return StatusItem(_STATES.get(level, "info"), type[:200], message[:LONGEST_MESSAGE])
