"""The workshop and the dry run of a form, as somebody uses them: live, by keyboard, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
URL = "/create/workshop/"


def test_what_is_written_is_looked_at_while_somebody_writes(sign_in: Callable[..., Page]) -> None:
    page = sign_in("maya.okafor")
    page.goto(URL)
    source = page.get_by_role("textbox", name="template.yaml")
    expect(page.get_by_role("status").filter(has_text="nothing found")).to_be_visible()
    source.fill(source.input_value().replace("fetch:template", "fetch:templat"))
    finding = page.get_by_text("Portico has no action fetch:templat")
    expect(finding).to_be_visible()
    expect(source).to_be_focused()
    expect(page.locator("[data-lines] > [data-mark=bad]")).to_have_text("22")

    page.get_by_role("link", name="line 22").click()
    expect(source).to_be_focused()
    chosen = "(box) => box.value.slice(box.selectionStart, box.selectionEnd)"
    assert source.evaluate(chosen) == "      action: fetch:templat"

    source.press_sequentially("      action: fetch:template")
    expect(finding).to_have_count(0)
    expect(page.locator("[data-mark=bad]")).to_have_count(0)

    source.press("Enter")
    assert "fetch:template\n      \n" in source.input_value()
    source.press_sequentially("fi: x")
    source.press("Control+Enter")
    expect(page.get_by_text("A step has no fi; it is passed over.")).to_be_visible()
    expect(source).to_be_focused()


def test_an_answer_and_a_file_change_what_would_be_created(sign_in: Callable[..., Page]) -> None:
    page = sign_in("maya.okafor")
    page.goto(URL)
    page.get_by_label("Name", exact=True).fill("tides")
    page.keyboard.press("Tab")
    made = page.get_by_role("region", name="README.md", exact=True)
    expect(made).to_contain_text("# tides")
    content = page.get_by_label("Content of skeleton/README.md")
    content.fill("For ${{ values.name | upper }}")
    expect(made).to_contain_text("For TIDES")
    expect(content).to_be_focused()


def test_without_javascript_a_button_does_it(sign_in: Callable[..., Page]) -> None:
    page = sign_in("maya.okafor", java_script_enabled=False)
    page.goto(URL)
    page.get_by_label("Begin with").select_option("template:default/static-website")
    page.get_by_role("button", name="Load").click()
    expect(page.get_by_role("main")).to_contain_text("Answer Name, Title, Repository")
    page.get_by_label("Name", exact=True).fill("tides")
    page.get_by_label("Title", exact=True).fill("Tide tables")
    page.get_by_label("Name of the repository").fill("tides")
    page.get_by_label("A file of the template").select_option("skeleton/README.md")
    page.get_by_role("button", name="Change it here").click()
    page.get_by_label("Content of skeleton/README.md").fill("# ${{ values.title }} of today")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("region", name="README.md", exact=True)).to_contain_text("# Tide tables of today")
    page.get_by_role("button", name="Take out skeleton/README.md").click()
    expect(page.get_by_label("Content of skeleton/README.md")).to_have_count(0)


@pytest.mark.parametrize("javascript", [True, False])
def test_the_review_shows_what_would_be_created(sign_in: Callable[..., Page], javascript: bool) -> None:
    page = sign_in("tomas.lind", java_script_enabled=javascript)
    page.goto("/create/default/static-website/")
    page.get_by_label("Name", exact=True).fill("tide-tables")
    page.get_by_label("Title", exact=True).fill("Tide tables")
    page.locator("#f-owner").select_option("group:default/payments")
    page.get_by_label("Name of the repository").fill("tide-tables")
    page.get_by_role("button", name="Review", exact=True).click()
    page.get_by_role("button", name="See what it would create").click()
    expect(page.get_by_role("heading", name="What it would create")).to_be_visible()
    file = page.get_by_role("region", name="index.html", exact=True)
    expect(file).to_be_hidden()
    summary = page.locator("summary").filter(has_text="index.html")
    summary.focus()
    summary.press("Enter")
    expect(file).to_contain_text("Tide tables")
    expect(page.get_by_role("main")).to_contain_text("repository halfmoon/tide-tables, branch main")
    expect(page.get_by_role("button", name="Create", exact=True)).to_be_enabled()
