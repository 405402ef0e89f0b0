"""Before a holiday: a deputy is named on a page, decides by keyboard, and the record says in whose place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.control.test_inbox_browser import ask, walk_to

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
SignIn = Callable[..., Page]


@pytest.fixture
def tomas(sign_in: SignIn) -> Iterator[Page]:
    """Without JavaScript, to name and to end: afterwards nobody stands in for him, whatever happened."""
    page = sign_in("tomas.lind", java_script_enabled=False)
    yield page
    page.goto("/deputies/")
    ends = page.get_by_role("link", name="End:")
    while ends.count():
        ends.first.click()
        page.get_by_role("button", name="End it").click()


def name_deputy(page: Page, deputy: str) -> None:
    page.goto("/deputies/")
    page.get_by_label("Your deputy").fill(deputy)
    page.get_by_label("Until").fill((datetime.now() + timedelta(days=5)).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("Why").fill("Holiday in the hills")
    page.get_by_role("button", name="Name them").click()
    expect(page.locator("main")).to_contain_text("Now")


def test_a_deputy_is_named_decides_by_keyboard_and_the_record_says_so(sign_in: SignIn, tomas: Page) -> None:
    maya = sign_in("maya.okafor")
    ask(maya, "card-vault", "A token does not open.")
    request_url = maya.url
    name_deputy(tomas, "Freya Nilsen")

    maya.goto(request_url)
    expect(maya.locator("main")).to_contain_text("Tomas Lind is away until")
    expect(maya.locator("main")).to_contain_text("Freya Nilsen decides in their place")

    freya = sign_in("freya.nilsen")
    freya.goto("/inbox/")
    row = freya.locator(".inbox-row").filter(has_text="Card vault").filter(has_text="for Tomas Lind")
    walk_to(freya, row)
    freya.keyboard.press("Enter")
    expect(freya.locator(".inbox-pane")).to_contain_text("A token does not open.")
    expect(freya.locator(".inbox-pane")).to_contain_text("you decide in their place")
    freya.keyboard.press("a")
    expect(freya.locator(".inbox-pane")).to_contain_text("Approved by Freya Nilsen as deputy of Tomas Lind")

    maya.goto(request_url)
    story = maya.locator(".timeline")
    expect(story).to_contain_text("Approved by Freya Nilsen as deputy of Tomas Lind")
    expect(maya.locator("main")).not_to_contain_text("Holiday in the hills")
    maya.get_by_role("button", name="End now").click()  # the same right outside is what other tests look at
    expect(maya.locator(".state-line")).to_contain_text("Ended")


def test_what_was_shown_before_the_end_is_refused_after_it(sign_in: SignIn, tomas: Page) -> None:
    maya = sign_in("maya.okafor")
    ask(maya, "ledger", "A booking is missing.")
    request_url = maya.url
    name_deputy(tomas, "freya.nilsen")
    freya = sign_in("freya.nilsen")
    freya.goto("/inbox/")
    freya.locator(".inbox-row").filter(has_text="Ledger").filter(has_text="for Tomas Lind").first.click()
    expect(freya.locator(".inbox-pane")).to_contain_text("A booking is missing.")
    tomas.get_by_role("link", name="End:").first.click()
    tomas.get_by_role("button", name="End it").click()
    with freya.expect_response("**/approve/") as answer:
        freya.keyboard.press("a")
    assert answer.value.status == 404, "they cannot see it any more"
    expect(freya.locator("#failure")).to_be_visible()
    tomas.goto(f"/inbox/{request_url.rstrip('/').rpartition('/')[2]}/")
    tomas.get_by_label("Say why, or ask").fill("I look for it myself.")
    tomas.get_by_role("button", name="Reject").click()
    expect(tomas.locator("main")).to_contain_text("Rejected by Tomas Lind")
