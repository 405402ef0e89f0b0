"""Links that the authors of an entity wrote down; those that annotations stand for are `well_known.py`.

Everything here comes from files that anybody may write. An address is only ever shown as a link when a browser will
not run it (`safe_url`); whatever else an annotation says is shown as text on the Source tab.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from catalog.models import Entity

_SAFE_SCHEMES = frozenset({"http", "https", "mailto"})

# Backstage's icon names (and a few seen in the wild) to ours; anything else falls back to an arrow.
_ICONS = {
    "dashboard": "gauge",
    "docs": "book-open",
    "techdocs": "book-open",
    "catalog": "book-open",
    "chat": "message-square",
    "slack": "message-square",
    "email": "mail",
    "github": "git-branch",
    "gitlab": "git-branch",
    "code": "code",
    "web": "globe",
    "alert": "bell",
    "help": "circle-question-mark",
    "group": "users",
    "user": "user",
    "scaffolder": "layout-template",
    "logs": "scroll-text",
    "search": "search",
    "admin": "settings",
    "cloud": "cloud",
}
FALLBACK_ICON = "external-link"


@dataclass(frozen=True)
class Link:
    """`value` is shown beside the title where there is no address to follow."""

    title: str
    url: str
    icon: str
    host: str = ""
    value: str = ""


def safe_url(value: object) -> str:
    """The address if a browser may follow it, else nothing: no scripts, data, control characters or bare hosts."""
    text = str(value).strip() if isinstance(value, str) else ""
    if any(ord(character) <= 32 for character in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme.lower() not in _SAFE_SCHEMES or not (parts.netloc or parts.scheme.lower() == "mailto"):
        return ""
    return text


def written_links(entity: Entity) -> list[Link]:
    """`metadata.links`, in the order of the file; entries without a followable address are left out."""
    return [link for entry in _list(_metadata(entity).get("links")) if (link := _written(entry))]


def annotations_of(entity: Entity) -> dict[str, str]:
    found = _metadata(entity).get("annotations")
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, str)}


def labels_of(entity: Entity) -> dict[str, str]:
    found = _metadata(entity).get("labels")
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _metadata(entity: Entity) -> dict[str, Any]:
    found = entity.document.get("metadata") if isinstance(entity.document, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _written(entry: object) -> Link | None:
    if not isinstance(entry, dict) or not (url := safe_url(entry.get("url"))):
        return None
    host = urlsplit(url).netloc
    title = entry.get("title")
    icon = _ICONS.get(str(entry.get("icon", "")).lower(), FALLBACK_ICON)
    return Link(title if isinstance(title, str) and title.strip() else host or url, url, icon, host)
