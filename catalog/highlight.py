"""Source text as safe HTML: one element a line, coloured by classes that `static/css` defines; nothing is executed."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import find_lexer_class_for_filename, get_lexer_by_name
from pygments.util import ClassNotFound

# Longer texts are shown plain: colouring a megabyte takes seconds.
COLOUR_LIMIT_BYTES = 200_000
SHOWN_LIMIT_BYTES = 1_000_000


@dataclass(frozen=True)
class SourceLine:
    number: int
    html: SafeString
    problem: str = ""  # what is wrong on this line, in words


@dataclass(frozen=True)
class Source:
    lines: list[SourceLine]
    cut: bool  # the end is left out


def source_lines(
    text: str, language: str, *, first: int = 1, problems: dict[int, str] | None = None
) -> Source:
    """Lines numbered from `first`, each with the message that `problems` has for its number."""
    cut = len(text) > SHOWN_LIMIT_BYTES
    text = text[:SHOWN_LIMIT_BYTES].rstrip("\n")
    found = problems or {}
    lines = [
        SourceLine(number, html, found.get(number, ""))
        for number, html in enumerate(_html(text, language), first)
    ]
    return Source(lines, cut)


def language_of(filename: str) -> str:
    """The language that a file's name says; `text` where it says none."""
    found = find_lexer_class_for_filename(filename)
    return str(found.aliases[0]) if found and found.aliases else "text"


def _html(text: str, language: str) -> list[SafeString]:
    if len(text) > COLOUR_LIMIT_BYTES:
        return [escape(line) for line in text.split("\n")]
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return [escape(line) for line in text.split("\n")]
    # Pygments escapes the text and closes each span at the end of its line, so lines can be taken apart.
    coloured = highlight(text, lexer, HtmlFormatter(nowrap=True)).removesuffix("\n")
    return [mark_safe(line) for line in coloured.split("\n")]  # noqa: S308 - escaped by Pygments
