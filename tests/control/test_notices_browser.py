"""Notifications as a browser shows them: read by a button, by opening, by keyboard, and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
REQUEST = (
    "/access/request/?entity=component:default/basket&role=staging-shell&environment=staging&duration=1h"
)


def ask_and_answer(sign_in: Callable[..., Page], reason: str) -> Page:
    """Maya asks for a shell in staging, an owner rejects it; Maya’s page, on her notifications."""
    maya = sign_in("maya.okafor")
    maya.goto(REQUEST)
    maya.get_by_label("Why").fill(reason)
    maya.get_by_role("button", name="Send").click()
    maya.wait_for_url("**/access/requests/**")
    owner = sign_in("freya.nilsen")
    owner.goto(f"/inbox/{maya.url.rstrip('/').rpartition('/')[2]}/")
    owner.get_by_label("Say why").fill(f"Not today: {reason}")
    owner.get_by_role("button", name="Reject").click()
    expect(owner.get_by_text("Rejected")).not_to_have_count(0)
    maya.goto("/notifications/")
    return maya


def test_a_button_reads_one_and_the_bell_follows(sign_in: Callable[..., Page]) -> None:
    page = ask_and_answer(sign_in, "The first look at an empty basket.")
    row = page.locator(".notice.is-unread", has_text="Not today: The first look")
    expect(row.locator(".notice-title")).to_contain_text("Rejected: ")
    before = int(page.locator("#bell .count").inner_text())
    page.evaluate("window.isSamePage = true")
    row.get_by_role("button", name="Mark as read").click()
    expect(row).to_have_count(0)
    expect(page.locator(".notice", has_text="Not today: The first look")).to_be_visible()
    left = page.locator("#bell .count")
    expect(left).to_have_text(str(before - 1)) if before > 1 else expect(left).to_have_count(0)
    assert page.evaluate("window.isSamePage"), "the page was not left"


def test_opening_one_reads_it_and_keys_walk_the_list(sign_in: Callable[..., Page]) -> None:
    page = ask_and_answer(sign_in, "The second look at an empty basket.")
    page.keyboard.press("j")
    expect(page.locator(".notice.is-selected")).to_contain_text("Not today: The second look")
    page.keyboard.press("Enter")
    page.wait_for_url("**/access/requests/**")
    page.goto("/notifications/")
    expect(page.locator(".notice", has_text="The second look")).to_be_visible()
    expect(page.locator(".notice.is-unread", has_text="The second look")).to_have_count(0)


def test_without_javascript_all_of_it_works(sign_in: Callable[..., Page]) -> None:
    ask_and_answer(sign_in, "The third look at an empty basket.")
    page = sign_in("maya.okafor", java_script_enabled=False)
    page.goto("/")
    page.locator("#bell").click()
    row = page.locator(".notice.is-unread", has_text="The third look")
    row.get_by_role("button", name="Mark as read").click()
    expect(page.locator(".notice.is-unread", has_text="The third look")).to_have_count(0)
    page.get_by_role("link", name="How you are told").click()
    page.locator("select[name=mail-work]").select_option("never")
    page.locator("select[name=zone]").select_option("Europe/Berlin")
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_text("Kept. It counts from now on.")).to_be_visible()
    expect(page.locator("select[name=mail-work]")).to_have_value("never")
    expect(page.locator("select[name=zone]")).to_have_value("Europe/Berlin")


def test_the_bell_asks_again_once_a_minute_while_somebody_looks(sign_in: Callable[..., Page]) -> None:
    page = sign_in("kenji.mori")
    page.clock.install()
    page.goto("/catalog/")
    asked: list[str] = []
    page.on(
        "request",
        lambda request: asked.append(request.url) if "/notifications/bell/" in request.url else None,
    )
    page.clock.run_for(50_000)
    assert asked == []
    with page.expect_response("**/notifications/bell/"):
        page.clock.run_for(20_000)
    page.clock.run_for(30_000)
    assert len(asked) == 1
    expect(page.locator("#bell")).to_have_count(1)
