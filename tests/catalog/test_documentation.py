"""Other people's Markdown on our pages: it reads well and can do nothing."""

from __future__ import annotations

import pytest

from catalog.documentation import render_page


def test_a_script_in_a_page_is_taken_out_with_its_content() -> None:
    html = render_page("Hello <script>alert(1)</script> there", "index.md").html
    assert "script" not in html
    assert "alert" not in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "//evil.example/x",
        "/signout/",
    ],
)
def test_an_address_that_does_something_else_than_open_a_page_is_no_link(address: str) -> None:
    html = render_page(f"[words]({address})", "index.md").html
    assert "words" in html
    assert "href" not in html


def test_event_handlers_styles_and_forms_do_not_survive() -> None:
    html = render_page(
        '<p onclick="x()" style="color:red">a</p><form action="/"><input name="b"></form>', "i.md"
    ).html
    assert not any(word in html for word in ("onclick", "style", "<form", "<input"))


def test_ids_of_a_page_cannot_be_those_of_ours() -> None:
    assert 'id="doc-main"' in render_page("# Main", "index.md").html


def test_classes_of_our_interface_cannot_be_borrowed() -> None:
    assert "button" not in render_page('<div class="button is-primary">Approve</div>', "index.md").html


def test_a_link_to_another_page_of_the_folder_opens_it_in_the_docs_tab() -> None:
    html = render_page("[logs](../logs.md#reading)", "how/index.md").html
    assert 'href="?page=logs.md#doc-reading"' in html


def test_a_link_out_of_the_folder_is_no_link() -> None:
    assert "href" not in render_page("[x](../../secrets.md)", "index.md").html


def test_a_picture_is_named_instead_of_shown() -> None:
    html = render_page("![The flow of money](https://example.org/flow.png)", "index.md").html
    assert "[Picture: The flow of money]" in html
    assert "<img" not in html


def test_code_keeps_its_colours_and_its_angle_brackets() -> None:
    html = render_page("```python\nx = '<b>'\n```", "index.md").html
    assert "&lt;b&gt;" in html
    assert 'class="n"' in html


def test_the_headings_below_the_title_are_listed() -> None:
    page = render_page("# Payments\n\n## Logs & traces\n\n## Runbook", "index.md")
    assert page.title == "Payments"
    assert [(h.anchor, h.title) for h in page.headings] == [
        ("doc-logs-traces", "Logs & traces"),
        ("doc-runbook", "Runbook"),
    ]
