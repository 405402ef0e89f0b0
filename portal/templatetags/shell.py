"""`{% load shell %}`: what only the layout asks for, the sections of the top bar and which one this page belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

register = template.Library()

# Title, address name, and the first parts of paths that belong to the section (the map of addresses is urls.py).
SECTIONS = (
    ("home", "Home", "home", ("",)),
    ("catalog", "Catalogue", "catalog:list", ("catalog", "search", "locations")),
    ("create", "Create", "scaffolder:templates", ("create", "runs")),
    ("access", "Access", "access:mine", ("access", "rules")),
    ("inbox", "Inbox", "control:inbox", ("inbox",)),
)


@dataclass(frozen=True)
class Section:
    slug: str
    title: str
    url: str
    is_current: str  # for aria-current: "page" on the section's own page, "true" below it, else empty


@register.simple_tag(takes_context=True)
def sections(context: Context) -> list[Section]:
    """The pieces of the lintel; the one above the current page is lit."""
    first, path = context.get("section"), context["request"].path
    found = []
    for slug, title, name, parts in SECTIONS:
        url = reverse(name)
        current = ("page" if path == url else "true") if first in parts else ""
        found.append(Section(slug, title, url, current))
    return found


@register.simple_tag
def entity_address(ref: Any) -> str:
    """The page of an entity, known only by its reference."""
    kind, _, rest = str(ref).partition(":")
    namespace, _, name = rest.partition("/")
    return reverse("catalog:entity", args=[kind, namespace, name])
