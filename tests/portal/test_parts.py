"""Every part of docs/interface.md renders, every page of the layout keeps the content security policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import timezone

from portal.templatetags.shell import SECTIONS, entity_address

ROOT = Path(__file__).resolve().parents[2]
INTERFACE = (ROOT / "docs" / "interface.md").read_text()
STYLESHEETS = sorted((ROOT / "static" / "css").glob("*.css"))
# Mail is no page: mail programs know neither our stylesheet nor our policy.
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if path.parent.name != "mail")
RULES = "\n".join(path.read_text() for path in STYLESHEETS)
TEMPLATE_TAG = re.compile(r"{%.*?%}")  # names that it gives are no attributes: `with one=…`
INLINE = re.compile(r"""\sstyle=|\son[a-z]+=|javascript:|<style|<script(?![^>]*\ssrc=)""")


def _examples() -> Iterator[Any]:
    heading = ""
    for found in re.finditer(r"^## ([^\n]+)$|^```html\n(.*?)^```", INTERFACE, re.MULTILINE | re.DOTALL):
        heading = found[1] or heading
        if found[2]:
            yield pytest.param(found[2], id=heading)


def now_context() -> dict[str, Any]:
    now = timezone.now()
    starts, ends = now - timedelta(hours=1), now + timedelta(hours=3)
    return {"starts": starts, "ends": ends, "now": now, "length": timedelta(hours=2, minutes=30)}


def classes_of(html: str) -> set[str]:
    written = re.findall(r'class="([^"]*)"', re.sub(r"{[{%].*?[%}]}", " ", html))
    return {name for value in written for name in value.split()}


EXAMPLES = list(_examples())


@pytest.mark.parametrize("source", EXAMPLES)
def test_every_part_of_the_reference_renders(source: str) -> None:
    html = Template("{% load portico times drawings %}" + source).render(Context(now_context()))
    assert html.strip()
    assert not INLINE.search(html)


@pytest.mark.parametrize("source", EXAMPLES)
def test_every_class_of_the_reference_has_rules(source: str) -> None:
    named = {"frame-steps", "inbox-rows", "inbox-what"}  # hooks for tests and scripts, plain by intent
    missing = {name for name in classes_of(source) - named if f".{name}" not in RULES}
    assert not missing


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_writes_styles_or_scripts_inline(path: Path) -> None:
    assert not INLINE.search(TEMPLATE_TAG.sub("", path.read_text()))


def test_every_stylesheet_is_linked_and_every_link_exists() -> None:
    linked = re.findall(r'static "css/([a-z]+)\.css"', (ROOT / "templates/parts/_styles.html").read_text())
    assert sorted(linked) == [path.stem for path in STYLESHEETS]


def test_colours_are_written_down_in_one_place() -> None:
    elsewhere = [
        path.name
        for path in STYLESHEETS
        if path.name != "tokens.css" and re.search(r"#[0-9a-f]{3,8}\b", path.read_text())
    ]
    assert elsewhere == []


def test_the_error_page_of_a_broken_portico_needs_neither_request_nor_database() -> None:
    html = render_to_string("500.html")
    assert "Portico failed" in html
    assert not INLINE.search(html)


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html"])
@pytest.mark.django_db
def test_error_pages_say_what_happened_why_and_what_to_do(name: str) -> None:
    request = RequestFactory().get("/nowhere/")
    request.request_id = "7be20f41"  # type: ignore[attr-defined]  # set by the middleware
    html = render_to_string(name, request=request)
    for words in ("What happened", "Why", "What to do", "req 7be20f41"):
        assert words in html


@pytest.mark.django_db
def test_a_page_that_is_not_there_answers_404_in_our_words(client: Client) -> None:
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "Nothing is at this address" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cookie", "attribute"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"')]
)
def test_the_chosen_paper_comes_with_the_page(client: Client, cookie: str, attribute: str) -> None:
    client.cookies["theme"] = cookie
    assert f'<html lang="en-GB" {attribute}>' in client.get("/signin/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("cookie", ["", 'x"><script>', "auto"])
def test_any_other_paper_is_left_to_the_device(client: Client, cookie: str) -> None:
    client.cookies["theme"] = cookie
    assert '<html lang="en-GB">' in client.get("/signin/").content.decode()


@pytest.mark.django_db
def test_the_section_of_a_page_is_lit(client_for: Any, maya: Any) -> None:
    html = client_for(maya).get("/inbox/").content.decode()
    bar = html[html.index('<nav class="nav"') : html.index("</nav>")]
    assert re.findall(r'href="([^"]+)" aria-current="page"', bar) == ["/inbox/"]


def test_every_section_has_a_title_and_an_address() -> None:
    assert [title for _, title, _, _ in SECTIONS] == ["Home", "Catalogue", "Create", "Access", "Inbox"]


def test_an_entity_is_reached_by_its_reference() -> None:
    assert entity_address("user:default/maya.okafor") == "/catalog/user/default/maya.okafor/"
