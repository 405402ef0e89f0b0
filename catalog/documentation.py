"""Pages written in Markdown beside a component, made into safe HTML. Nothing that they contain is ever executed.

Markdown becomes HTML and the HTML is cut down to a list of allowed elements: no scripts, styles, frames, forms, event
handlers, classes or ids of our pages. Links between pages of one folder lead to the Docs tab, other addresses must be
ones that a browser will not run, pictures are named instead of shown, since the content security policy refuses foreign
ones. Which files there are and how they are read is `doc_tree.py`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

from catalog.known_links import safe_url

PAGE_LIMIT_BYTES = 500_000

_TAGS = {
    *("h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "ul", "ol", "li", "dl", "dt", "dd", "blockquote"),
    *("strong", "em", "del", "code", "pre", "kbd", "sub", "sup", "abbr", "a", "span", "div"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "span": {"class"},
    "div": {"class"},
    "p": {"class"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_PYGMENTS_CLASS = re.compile(r"[a-z]{1,2}[a-z0-9]?")
_ANCHOR = "doc-"  # before every id that a page brings along, so that none of ours can be taken


@dataclass(frozen=True)
class Heading:
    anchor: str
    title: str


@dataclass(frozen=True)
class Page:
    title: str
    html: SafeString
    headings: list[Heading]


def render_page(text: str, path: str) -> Page:
    """The page at `path` inside its folder; links to other Markdown files become `?page=…`."""
    writer = _writer()
    raw = writer.convert(text[:PAGE_LIMIT_BYTES])
    html = nh3.clean(
        raw,
        tags=_TAGS,
        clean_content_tags={"script", "style", "iframe", "object", "template", "noscript", "title"},
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute_filter(path),
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    tokens: list[dict[str, Any]] = getattr(writer, "toc_tokens", [])
    title = tokens[0]["name"] if tokens else ""
    below = tokens[0]["children"] if len(tokens) == 1 else tokens
    headings = [Heading(_ANCHOR + token["id"], _plain(token["name"])) for token in below]
    return Page(_plain(title), mark_safe(html), headings)  # noqa: S308 - cut down by nh3 above


def _writer() -> Markdown:
    return Markdown(
        extensions=[
            "tables",
            "fenced_code",
            "codehilite",
            "toc",
            "sane_lists",
            "admonition",
            "def_list",
            _NamePictures(),
        ],
        extension_configs={
            "codehilite": {"guess_lang": False, "css_class": "code"},
            "toc": {"baselevel": 2},
        },
    )


class _PictureNames(Treeprocessor):
    def run(self, root: Element) -> None:
        for element in root.iter("img"):
            name = element.get("alt") or "without a description"
            element.tag = "em"
            element.attrib.clear()
            element.text = f"[Picture: {name}]"


class _NamePictures(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's name
        md.treeprocessors.register(_PictureNames(md), "name_pictures", 0)


def _attribute_filter(path: str) -> Callable[[str, str, str], str | None]:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "href":
            return _address(value, path)
        if attribute == "id":
            return _ANCHOR + value
        if attribute == "class":
            return _class(tag, value)
        return value

    return keep


def _class(tag: str, value: str) -> str | None:
    if tag == "div":
        return value if value == "code" or (value.startswith("admonition") and "-" not in value) else None
    if tag == "p":
        return value if value == "admonition-title" else None
    return value if _PYGMENTS_CLASS.fullmatch(value) else None


def _address(value: str, path: str) -> str | None:
    """An anchor, another page of the folder, or an address that may be followed; else the words stay without a link."""
    if value.startswith("#"):
        return f"#{_ANCHOR}{value[1:]}"
    if url := safe_url(value):
        return url
    parts = urlsplit(value)
    if parts.scheme or parts.netloc or not parts.path.endswith((".md", "/")) or parts.path.startswith("/"):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
    if target.startswith(".."):
        return None
    target = target if parts.path.endswith(".md") else f"{target}/index.md"
    return f"?page={quote(target)}" + (f"#{_ANCHOR}{parts.fragment}" if parts.fragment else "")


def _plain(html: str) -> str:
    """A heading's words; Markdown keeps entities in them."""
    text = re.sub(r"<[^>]*>", "", html)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
