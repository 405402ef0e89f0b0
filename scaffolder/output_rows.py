"""Outputs as people read them: links that a browser may follow, texts, and whatever else a template gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from catalog.known_links import safe_url
from catalog.refs import RefInvalid, parse
from scaffolder import markdown
from scaffolder.forms import review
from scaffolder.forms.kinds import label_of

OUTPUTS_SHOWN = 50
_LINK_ICONS = {
    **dict.fromkeys(("code", "github", "gitlab", "git", "repository"), "git-branch"),
    **dict.fromkeys(("catalog", "kind:component", "component"), "box"),
    **dict.fromkeys(("docs", "techdocs", "kind:document"), "book-open"),
    **dict.fromkeys(("web", "website", "kind:website"), "globe"),
    **dict.fromkeys(("group", "team"), "users"),
    "dashboard": "gauge",
    "cloud": "cloud",
    "user": "user",
    "database": "database",
    "email": "mail",
    "chat": "message-square",
    "help": "circle-help",
    "kind:api": "braces",
}


@dataclass(frozen=True)
class Output:
    title: str
    url: str
    icon: str
    is_here: bool  # leads to a page of Portico
    note: str = ""


def outputs(output: Mapping[str, Any]) -> list[Output]:
    links = output.get("links")
    found = (_output(link) for link in links[:OUTPUTS_SHOWN]) if isinstance(links, list) else ()
    return [one for one in found if one]


def _output(link: Any) -> Output | None:
    if not isinstance(link, Mapping):
        return None
    icon = _LINK_ICONS.get(str(link.get("icon", "")).lower(), "link")
    url, is_here = _address(link)
    title = str(link.get("title") or link.get("entityRef") or link.get("url") or "")
    note = "" if url else str(link.get("url") or link.get("entityRef") or "no address")
    return Output(title, url, icon, is_here, note) if title else None


def _address(link: Mapping[str, Any]) -> tuple[str, bool]:
    """A page of the catalogue, or an address that a browser may follow."""
    if ref := link.get("entityRef"):
        try:
            found = parse(str(ref).lower())
            return reverse("catalog:entity", args=[found.kind, found.namespace, found.name]), True
        except (RefInvalid, NoReverseMatch):
            return "", True
    return safe_url(str(link.get("url") or "")) or "", False


def texts(output: Mapping[str, Any]) -> list[tuple[str, SafeString]]:
    found = output.get("text")
    rows = (
        [row for row in found[:OUTPUTS_SHOWN] if isinstance(row, Mapping)] if isinstance(found, list) else []
    )
    return [(str(row.get("title") or ""), markdown.text(str(row.get("content") or ""))) for row in rows]


def facts(output: Mapping[str, Any]) -> list[review.Answer]:
    """Other keys of `output`: free in Backstage, shown as they are."""
    rest = {key: value for key, value in output.items() if key not in ("links", "text")}
    return [
        review.Answer(label_of({}, (str(key),)), review.words_of(value), is_code=True)
        for key, value in list(rest.items())[:OUTPUTS_SHOWN]
        if value not in (None, "", [], {})
    ]
