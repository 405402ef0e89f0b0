"""`{% load portico %}`: icons, state marks, tags, avatars and levels, as every page shows them.

Words for times and lengths are in `times.py`, measured drawings in `drawings.py`; docs/interface.md shows them in use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import lucide
from django import template
from django.template.defaultfilters import linebreaksbr
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from control.reasons import linked

register = template.Library()

# Icons that repeat in rows: written once per page as symbols by `icon_sprite`, then only referred to.
SPRITE = (
    *(
        "box",
        "braces",
        "database",
        "layers",
        "boxes",
        "users",
        "user",
        "layout-template",
        "map-pin",
        "server",
    ),
    *("square-dashed", "app-window", "package", "bot", "file", "folder"),
)
KIND_ICONS = {
    "component": "box",
    "api": "braces",
    "resource": "database",
    "system": "layers",
    "domain": "boxes",
    "group": "users",
    "user": "user",
    "template": "layout-template",
    "location": "map-pin",
    "environment": "server",
    "agent": "bot",
}
KIND_ICONS_BY_TYPE = {("component", "website"): "app-window", ("component", "library"): "package"}
UNKNOWN_KIND_ICON = "square-dashed"
MARKS = ("ok", "warn", "bad", "info", "running", "unknown", "part", "dot")
LEVELS = 5
# In sentences: a place (`git:file:///srv/acme/payments.git#catalog-info.yaml`), a reference, a filter, a_role.
_PLACE = re.compile(r"^(?:git|url|file|folder):(?:[a-z+]+://)?([^#?]+)[^ ]*$")
_CODE = re.compile(r"^[a-z]+:[\w.-]+/[\w.-]+$|^[\w.]+=[^ ]+$|^[a-z0-9]+(?:_[a-z0-9]+)+$", re.IGNORECASE)
_WORDS = re.compile(r"([ \u00a0]|[.,;:]?(?=[ \u00a0]|$))")
_PORTICO = '<span class="person"><span class="avatar" aria-hidden="true">P</span> Portico</span>'


@lru_cache(maxsize=256)
def _drawn(name: str, size: int) -> SafeString:
    """A whole <svg>. The lucide package takes 50 µs to draw one (measured), so each is drawn once per process."""
    drawing = lucide._render_icon(name, size, stroke_width=1.5, aria_hidden="true")
    return mark_safe(drawing.replace("<svg ", '<svg class="icon" ', 1))  # noqa: S308 - our own drawing


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """A line icon beside a word. Unknown names raise: a missing icon is a defect, not a matter of taste."""
    name = str(name)
    return _referred(name, size) if name in SPRITE else _drawn(name, int(size))


@lru_cache(maxsize=256)
def _referred(name: str, size: int) -> SafeString:
    """A symbol of the sprite, at one size."""
    return format_html(
        '<svg class="icon" width="{0}" height="{0}" aria-hidden="true"><use href="#icon-{1}"></use></svg>',
        size,
        name,
    )


@register.simple_tag
def kind_icon(kind: str, type: str = "", size: int = 16) -> SafeString:
    """The icon of an entity's kind; websites and libraries have their own."""
    drawing: SafeString = icon(kind_icon_name(kind.lower(), str(type).lower()), size)
    return drawing


def kind_icon_name(kind: str, type: str = "") -> str:
    """Its name in the lucide set; kinds that are not built in are asked of whoever registered."""
    if name := KIND_ICONS_BY_TYPE.get((kind, type)) or KIND_ICONS.get(kind):
        return name
    return next((name for source in _icon_sources if (name := source(kind))), UNKNOWN_KIND_ICON)


_icon_sources: list[Callable[[str], str]] = []


def register_kind_icons(source: Callable[[str], str]) -> None:
    """`source` gives the icon of a lower-case kind, or nothing."""
    if source not in _icon_sources:
        _icon_sources.append(source)


def is_icon(name: str) -> bool:
    try:
        _drawn(name, 16)
    except lucide.IconDoesNotExist:
        return False
    return True


@register.simple_tag
@lru_cache(maxsize=1)
def icon_sprite() -> SafeString:
    """All symbols that rows refer to; the layout puts it on every page."""
    symbols = "".join(_symbol(name) for name in SPRITE)
    return mark_safe(symbols)  # noqa: S308 - our own drawing


def _symbol(name: str) -> str:
    drawing = _drawn(name, 24)
    inner = drawing[drawing.index(">") + 1 : drawing.rindex("</svg>")]
    return f'<symbol id="icon-{name}" viewBox="0 0 24 24">{inner}</symbol>'


@register.simple_tag
def sign(state: str) -> SafeString:
    """Only the sign of a state, where the words beside it already say the state."""
    state = state if state in MARKS else "unknown"
    return format_html(
        '<svg class="sign is-{0}" width="14" height="14" aria-hidden="true"><use href="#sign-{0}"></use></svg>',
        state,
    )


@register.simple_tag
def mark(state: str, label: str = "") -> SafeString:
    """Sign and word: ok, warn, bad, info, running, unknown, part; `dot` is the quiet form of ok for healthy rows."""
    return format_html('<span class="mark is-{}">{}<span>{}</span></span>', state, sign(state), label)


@register.simple_tag
def tag(label: str, state: str = "") -> SafeString:
    """A tag, only for what is not usual: Personal data, Agent, Expires 16:00."""
    return format_html('<span class="tag{}">{}</span>', f" is-{state}" if state else "", label)


@register.simple_tag
def level(reached: int, words: str = "") -> SafeString:
    """Five columns, the unbuilt ones only as bases, and the number."""
    bars = "".join(
        f'<rect x="{index * 5}" y="{1 if index < reached else 10}" width="3" height="{12 if index < reached else 3}"'
        f' class="{"is-built" if index < reached else "is-base"}"/>'
        for index in range(LEVELS)
    )
    return format_html(
        '<span class="level"><svg width="23" height="14" role="img" aria-label="Level {0} of {1}">{2}</svg>'
        "<span{3}>{4}</span></span>",
        reached,
        LEVELS,
        mark_safe(bars),  # noqa: S308 - numbers and constants
        "" if words else mark_safe(' aria-hidden="true"'),
        words or reached,
    )


@register.simple_tag
def avatar(person: Any) -> SafeString:
    """A square with initials; agents carry the bot. Takes a user, or a name where no account is known."""
    if getattr(person, "is_agent", False):
        return format_html('<span class="avatar is-agent" aria-hidden="true">{}</span>', icon("bot", 14))
    name = str(getattr(person, "label", "") or person or "")
    return format_html('<span class="avatar" aria-hidden="true">{}</span>', initials(name))


def initials(name: str) -> str:
    """Two letters: of the first and the last word, or the first two of a single one."""
    words = name.replace(".", " ").replace("-", " ").split()
    if not words:
        return "?"
    return (words[0][0] + words[-1][0] if len(words) > 1 else words[0][:2]).upper()


@register.simple_tag
def person(user: Any) -> SafeString:
    """Avatar and name; an agent is always named together with whom it acts for."""
    if user is None:
        return mark_safe(_PORTICO)  # noqa: S308 - a constant
    owner = format_html(' <span class="dim">for {}</span>', user.acts_for.label) if user.is_agent else ""
    return format_html('<span class="person">{} <span>{}{}</span></span>', avatar(user), user.label, owner)


@register.filter
def codes(sentence: str) -> SafeString:
    """A sentence with its references, filters and role names in mono; a place in its last two parts, whole as title."""
    return mark_safe("".join(map(_code, _WORDS.split(str(sentence)))))  # noqa: S308 - each word is escaped


def _code(word: str) -> str:
    if place := _PLACE.match(word):
        parts = [part for part in place[1].rstrip("/").removesuffix(".git").split("/") if part]
        return format_html('<code title="{}">{}</code>', word, "/".join(parts[-2:]) or word)
    if _CODE.match(word):
        return mark_safe(f"<code>{conditional_escape(word).replace(',', ',<wbr>')}</code>")  # noqa: S308 - escaped
    return conditional_escape(word)


@register.simple_tag
def reason(text: str, decision: Any, longest: int = 0) -> SafeString:
    """Why somebody asks, with the tickets that the deciding rule knows as links. `longest` in letters, 0 for all."""
    shown = Truncator(text).chars(longest) if longest else text
    ticket = decision.explanation.get("ticket") or {} if decision else {}
    parts = linked(shown, ticket.get("pattern", ""), ticket.get("url", ""))
    return mark_safe("".join(_linked(words, address) for words, address in parts))  # noqa: S308 - each part is escaped


def _linked(words: str, address: str) -> str:
    shown = linebreaksbr(words, autoescape=True)
    return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', address, shown) if address else shown


@register.filter
def ref_name(ref: str) -> str:
    """`payments` of `component:default/payments`."""
    return str(ref).rpartition("/")[2].rpartition(":")[2]


@register.filter
def ref_kind(ref: str) -> str:
    """`component` of `component:default/payments`; empty when the reference names none."""
    return str(ref).partition(":")[0] if ":" in str(ref) else ""
