"""The palette: entities by name, then what can be done with the best of them, then pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from access.entity_pages import first_open_to_requests
from catalog.models import Entity
from catalog.presentation import kind_words
from catalog.search import search
from control.web import person

ENTITIES_SHOWN = 7
LONGEST_QUERY = 200
# Kinds that describe people and the catalogue itself; nobody asks for access to them.
WITHOUT_ACCESS = frozenset({"user", "group", "location", "template", "domain"})
PAGES = (
    ("Home", "home", "house", "start overview"),
    ("Catalogue", "catalog:list", "boxes", "components apis resources systems list"),
    ("Create from a template", "scaffolder:templates", "layout-template", "new service scaffold"),
    ("Your access", "access:mine", "key-round", "grants held rights"),
    ("Inbox", "control:inbox", "inbox", "approve reject requests waiting"),
    ("Runs of templates", "scaffolder:runs", "list-checks", "log jobs"),
    ("Rules in force", "control:rules", "scale", "policy rbac roles"),
    ("Register a location", "catalog:register", "plus", "add repository import catalog-info.yaml"),
    ("Locations", "catalog:locations", "folder-git-2", "sources repositories refresh"),
)


@dataclass(frozen=True)
class Row:
    url: str
    icon: str
    words: SafeString
    aside: str = ""
    entity: Entity | None = None


@dataclass(frozen=True)
class Group:
    title: str
    rows: list[Row]


@login_required
@require_safe
def palette(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    found = [hit.entity for hit in search(text, user=person(request), limit=ENTITIES_SHOWN)]
    groups = [
        Group("Entities", [_entity(entity, text) for entity in found]),
        Group("Do", list(_actions(found, text))),
        Group("Go to", list(_pages(text))),
    ]
    shown = [group for group in groups if group.rows]
    return render(request, "portal/_palette_rows.html", {"groups": shown, "text": text})


def _entity(entity: Entity, text: str) -> Row:
    owner = entity.owner_ref.rpartition("/")[2]
    kind = kind_words(entity.kind).one
    aside = ", ".join(part for part in (kind, owner) if part)
    return Row(entity.get_absolute_url(), "", marked(entity.label, text), aside, entity)


def _actions(found: list[Entity], text: str) -> Iterator[Row]:
    """With the best hit that allows it, and from each template among the hits."""
    target = first_open_to_requests([entity for entity in found if entity.kind not in WITHOUT_ACCESS])
    if target:
        url = f"{reverse('access:request')}?{urlencode({'entity': target.ref})}"
        yield Row(url, "key-round", format_html("Request access to {}", marked(target.label, text)))
    for entity in found:
        if entity.kind == "template":
            url = reverse("scaffolder:form", args=[entity.namespace, entity.name])
            yield Row(url, "layout-template", format_html("Create from {}", marked(entity.label, text)))


def _pages(text: str) -> Iterator[Row]:
    """Pages whose title or other names have a word that begins with each word typed; all of them for an empty text."""
    typed = text.lower().split()
    for title, name, icon, other_names in PAGES:
        known = f"{title} {other_names}".lower().split()
        if all(any(word.startswith(part) for word in known) for part in typed):
            yield Row(reverse(name), icon, marked(title, text))


def marked(label: str, text: str) -> SafeString:
    """`label` with the typed letters in <mark>, where they begin a word."""
    typed = [re.escape(word) for word in text.split()]
    if not typed:
        return format_html("{}", label)
    parts = re.split(rf"(?i)(?<![^\W_])({'|'.join(sorted(typed, key=len, reverse=True))})", label)
    return format_html_join(
        "", "{}", ((format_html("<mark>{}</mark>", part) if odd else part,) for odd, part in _odd(parts))
    )


def _odd(parts: list[str]) -> Iterator[tuple[bool, str]]:
    """re.split gives text and matches by turns."""
    return ((index % 2 == 1, part) for index, part in enumerate(parts))
