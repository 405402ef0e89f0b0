"""Markdown that template authors wrote, as harmless HTML: one line of help, or a text that a run leaves behind."""

from __future__ import annotations

import re

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown

from catalog.documentation import render_page

_PLAIN = re.compile(r"[^*_`\[<&\\!]*")
_LINE_TAGS = {"a", "code", "em", "strong", "br"}
_LONGEST_LINE = 2_000  # characters; help that is longer is no help


def line(text: str) -> SafeString:
    """Emphasis, code and links; everything else becomes plain words."""
    text = text[:_LONGEST_LINE].strip()
    if _PLAIN.fullmatch(text):
        return escape(text)
    html = nh3.clean(
        Markdown().convert(text),
        tags=_LINE_TAGS,
        clean_content_tags={"script", "style", "iframe", "object"},
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html.strip())  # noqa: S308 - cut down by nh3 above


def text(text: str) -> SafeString:
    """Headings, lists, tables and code too."""
    return render_page(text, "").html
