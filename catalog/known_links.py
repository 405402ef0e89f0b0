"""Links of an entity: those its authors wrote down, and those that well-known annotations stand for.

Everything here comes from files that anybody may write. An address is only ever shown as a link when a browser will
not run it (`safe_url`); whatever else an annotation says is shown as text on the Source tab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from catalog.models import Entity

_SAFE_SCHEMES = frozenset({"http", "https", "mailto"})
_SLUG = re.compile(r"[\w.-]+(/[\w.-]+)+")
_WORD = re.compile(r"[\w.:-]+")

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
    title: str
    url: str
    icon: str
    host: str = ""


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


def annotation_links(entity: Entity) -> list[Link]:
    """What well-known annotations point to."""
    return list(_from_annotations(annotations_of(entity)))


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


def _at(base: str, pattern: re.Pattern[str] = _SLUG) -> Callable[[str], str]:
    def address(value: str) -> str:
        return base + quote(value, safe="/:") if pattern.fullmatch(value) else ""

    return address


def _plain(value: str) -> str:
    return safe_url(value.removeprefix("url:"))


def _sentry(value: str) -> str:
    organisation, _, project = value.partition("/")
    if not (_WORD.fullmatch(organisation) and _WORD.fullmatch(project)):
        return ""
    return f"https://sentry.io/organizations/{quote(organisation)}/projects/{quote(project)}/"


def _github_team(value: str) -> str:
    organisation, _, team = value.partition("/")
    if not (_WORD.fullmatch(organisation) and _WORD.fullmatch(team)):
        return ""
    return f"https://github.com/orgs/{quote(organisation)}/teams/{quote(team)}"


_ANNOTATIONS: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "backstage.io/source-location": ("Source code", "code", _plain),
    "backstage.io/view-url": ("Descriptor", "file-code", _plain),
    "backstage.io/edit-url": ("Edit the descriptor", "pencil", _plain),
    "backstage.io/adr-location": ("Decisions", "book-open", _plain),
    "github.com/project-slug": ("GitHub", "git-branch", _at("https://github.com/")),
    "github.com/team-slug": ("GitHub team", "users", _github_team),
    "github.com/user-login": ("GitHub", "user", _at("https://github.com/", _WORD)),
    "gitlab.com/project-slug": ("GitLab", "git-branch", _at("https://gitlab.com/")),
    "circleci.com/project-slug": ("CircleCI", "refresh-cw", _at("https://app.circleci.com/pipelines/")),
    "buildkite.com/project-slug": ("Buildkite", "refresh-cw", _at("https://buildkite.com/")),
    "sentry.io/project-slug": ("Sentry", "bug", _sentry),
    "rollbar.com/project-slug": ("Rollbar", "bug", _at("https://rollbar.com/")),
    "pagerduty.com/service-id": (
        "PagerDuty",
        "bell",
        _at("https://app.pagerduty.com/service-directory/", _WORD),
    ),
    "lighthouse.com/website-url": ("Website", "globe", _plain),
}


def _from_annotations(values: dict[str, str]) -> Iterator[Link]:
    for key, (title, icon, address) in _ANNOTATIONS.items():
        if url := address(values.get(key, "")):
            yield Link(title, url, icon, urlsplit(url).netloc)
