"""The forms of requests in a real browser: a later start, several at once, a broken glass and its review."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
SignIn = Callable[..., Page]
FORM = "/access/request/?entity=component:default/payments&role=production-logs"


def test_a_moment_that_is_filled_in_chooses_later_and_the_decision_says_so(sign_in: SignIn) -> None:
    page = sign_in("maya.okafor")
    page.goto(FORM)
    moment = datetime.now(UTC) + timedelta(days=1)
    page.locator("#start").fill(f"{moment:%Y-%m-%dT%H:%M}")
    expect(page.locator("#begin-at")).to_be_checked()
    expect(page.locator("#decision")).to_contain_text(
        re.compile(rf"from\s.*\s{moment.day}\s.*{moment:%H:%M}")
    )
    page.locator("#start").fill(f"{moment + timedelta(days=30):%Y-%m-%dT%H:%M}")
    expect(page.locator("#decision")).to_contain_text("ahead. Choose an earlier start.")
    expect(page.locator("#send")).to_be_disabled()


def test_a_press_is_not_lost_when_the_decision_comes_meanwhile(sign_in: SignIn) -> None:
    page = sign_in("maya.okafor")
    page.goto(FORM)
    send, reason = page.locator("#send"), page.get_by_label("Why")

    def press_until_the_decision_is_there() -> None:
        send.hover()
        with page.expect_response("**/access/request/decision/**"):
            page.mouse.down()
        expect(page.locator("#decision")).not_to_have_attribute("aria-busy", "true")

    reason.fill("The first words.")
    page.evaluate("document.getElementById('send').dataset.old = 'yes'")
    press_until_the_decision_is_there()
    page.mouse.move(5, 5)
    page.mouse.up()
    expect(page.locator("#send[data-old]")).to_have_count(0)
    reason.fill("The last words.")
    press_until_the_decision_is_there()
    page.mouse.up()
    page.wait_for_url("**/access/requests/**")
    expect(page.get_by_role("main")).to_contain_text("The last words.")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".state-line")).to_contain_text("Withdrawn")


def test_lines_follow_what_is_chosen(sign_in: SignIn) -> None:
    page = sign_in("maya.okafor")
    page.goto("/access/request/several/?entity=component:default/payments&entity=component:default/ledger")
    expect(page.locator("#send")).to_be_disabled()
    page.get_by_label("Find the fault").check()
    expect(page.locator("#send")).to_contain_text("Send 3 requests")
    page.locator("#other").fill("90d")
    expect(page.locator("#decision")).to_contain_text("0 of 3 can be sent")
    page.get_by_label(re.compile("^2.h$")).check(force=True)
    expect(page.locator("#other")).to_have_value("")
    expect(page.locator("#send")).to_contain_text("Send 3 requests")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_broken_glass_from_its_second_page_to_its_review(sign_in: SignIn, javascript: bool) -> None:
    page = sign_in("maya.okafor", java_script_enabled=javascript)
    page.goto(FORM)
    page.locator("#reason").fill("Refunds are booked twice, incident 7.")
    page.get_by_role("button", name="Break the glass…").click()
    expect(page.get_by_role("heading", name="Break the glass?")).to_be_visible()
    expect(page.locator("aside")).to_contain_text("Tomas Lind")
    page.get_by_role("button", name="Break the glass", exact=True).click()
    expect(page.get_by_text("The glass was broken.")).to_be_visible()
    page.get_by_role("button", name="End now").click()
    expect(page.locator(".state-line")).to_contain_text("Ended")

    owner = sign_in("tomas.lind", java_script_enabled=javascript)
    owner.goto("/inbox/")
    owner.get_by_role("link", name="Review: Production logs of Payments").first.click()
    owner.get_by_label("What was done").fill("Read the log of the processor.")
    owner.get_by_label(re.compile("^Justified")).check()
    owner.get_by_role("button", name="Record the review").click()
    expect(owner.locator(".note.is-emergency")).to_contain_text("justified")
