"""A template's form as a person fills it in: a mistake at its field, a question that an answer opens, the review."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import choose

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]


def fill_in_first_page(page: Page, name: str) -> None:
    page.goto("/create/default/python-service/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description", exact=True).fill("Tells sailors when the water comes.")
    choose(page, "Owner", "payments")
    choose(page, "System", "card-payments")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_form_from_its_first_mistake_to_the_run(sign_in: Callable[..., Page], javascript: bool) -> None:
    page = sign_in("tomas.lind", java_script_enabled=javascript)
    name = f"tides-{'live' if javascript else 'plain'}"
    fill_in_first_page(page, "Two Words")
    page.get_by_role("button", name="Next", exact=True).click()
    wrong = page.get_by_label("Name", exact=True)
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Description", exact=True)).to_have_value("Tells sailors when the water comes.")
    wrong.fill(name)
    page.get_by_role("button", name="Next", exact=True).click()

    page.get_by_label("Flask, the quiet choice").check()
    page.get_by_label("It needs a database").check()
    if not javascript:
        expect(page.get_by_label("Size of the database")).to_have_count(0)
        page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_label("Size of the database")).to_be_visible()
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_label("Name of the repository").fill(name)
    page.get_by_role("button", name="Review", exact=True).click()

    expect(page.get_by_role("main")).to_contain_text(f"git.localhost/halfmoon/{name}")
    page.get_by_role("button", name="Send for approval").click()
    expect(page.get_by_role("main")).to_contain_text("reason is missing")
    page.get_by_label("Why", exact=True).fill("Sailors ask for it every day.")
    page.get_by_role("button", name="Send for approval").click()
    page.wait_for_url("**/runs/**")
    expect(page.get_by_role("main")).to_contain_text(name)
    withdraw(page)


def withdraw(page: Page) -> None:
    """Other tests look for the first waiting request of the same person."""
    page.get_by_role("button", name="Withdraw").first.click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="Withdraw")
    if confirm.count():
        confirm.first.click()
    expect(page.get_by_role("main")).to_contain_text("Withdrawn")
