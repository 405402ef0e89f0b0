"""The inbox by keyboard: ask back and answer, mark several and decide them in one go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
SignIn = Callable[..., Page]


def ask(page: Page, entity: str, reason: str) -> None:
    page.goto(f"/access/request/?entity=component:default/{entity}&role=production-logs")
    page.locator("input[name=duration][value='1h']").check()
    page.get_by_label("Why").fill(reason)
    page.get_by_role("button", name="Send to the owners").click()
    page.wait_for_url("**/access/requests/**")


def walk_to(page: Page, row: Locator) -> None:
    """From the top of the list, as somebody does who uses no mouse."""
    length = page.locator(".inbox-row").count()
    for _ in range(length):
        page.keyboard.press("k")
    for _ in range(length):
        if "is-selected" in (row.get_attribute("class") or ""):
            return
        page.keyboard.press("j")
    raise AssertionError("the keys do not reach the row")


def test_an_owner_asks_back_and_the_requester_answers(sign_in: SignIn) -> None:
    maya, tomas = sign_in("maya.okafor"), sign_in("tomas.lind")
    ask(maya, "invoice-mailer", "An invoice went to the wrong address.")
    request_url = maya.url

    tomas.goto("/inbox/")
    tomas.locator(".inbox-row").filter(has_text="Invoice mailer").first.click()
    expect(tomas.locator(".inbox-pane")).to_contain_text("wrong address")
    tomas.get_by_label("Say why, or ask").fill("Which invoice is it?")
    tomas.get_by_label("Say why, or ask").blur()
    tomas.keyboard.press("q")
    expect(tomas.locator(".remarks")).to_contain_text("Which invoice is it?")
    expect(tomas.locator(".inbox-row.is-selected")).to_contain_text("Asked back")

    maya.goto(request_url)
    maya.get_by_role("link", name="Answer").click()
    maya.get_by_label("Your answer").fill("Number 2041.")
    maya.get_by_role("button", name="Answer").click()
    expect(maya.locator(".remarks")).to_contain_text("Number 2041.")

    tomas.goto("/inbox/")
    expect(tomas.locator(".inbox-row").filter(has_text="Invoice mailer").first).to_contain_text("Answered")
    tomas.locator(".inbox-row").filter(has_text="Invoice mailer").first.click()
    expect(tomas.locator(".remarks")).to_contain_text("Number 2041.")
    tomas.get_by_label("Say why, or ask").fill("Not with production logs.")
    tomas.get_by_label("Say why, or ask").blur()
    tomas.keyboard.press("r")
    expect(tomas.locator(".inbox-pane")).to_contain_text("Rejected")


@pytest.mark.parametrize("with_javascript", [True, False])
def test_several_are_marked_and_rejected_in_one_go(sign_in: SignIn, with_javascript: bool) -> None:
    maya = sign_in("maya.okafor")
    for entity in ("card-vault", "ledger"):
        ask(maya, entity, f"Month end needs {entity}.")
    tomas = sign_in("tomas.lind", java_script_enabled=with_javascript)
    tomas.goto("/inbox/")
    rows = tomas.locator(".inbox-row").filter(has_text="Maya Okafor")
    expect(rows).to_have_count(2)
    if with_javascript:
        for row in (rows.first, rows.last):
            walk_to(tomas, row)
            tomas.keyboard.press("x")
            expect(row.get_by_role("checkbox")).to_be_checked()
        tomas.keyboard.press("b")
    else:
        for row in (rows.first, rows.last):
            row.get_by_role("checkbox").check()
        tomas.get_by_role("button", name="Decide what is marked").click()
    expect(tomas.get_by_role("heading", name="Decide 2 requests")).to_be_visible()
    tomas.get_by_label("Say why").fill("The month is closed already.")
    tomas.get_by_role("button", name="Reject").click()
    expect(tomas.get_by_role("heading", name="Rejected")).to_be_visible()
    tomas.goto("/inbox/")
    expect(tomas.locator(".inbox-row").filter(has_text="Maya Okafor")).to_have_count(0)


def test_no_key_answers_a_request_whose_place_another_is_about_to_take(sign_in: SignIn) -> None:
    maya = sign_in("maya.okafor")
    for entity in ("card-vault", "ledger"):
        ask(maya, entity, f"Quarter end needs {entity}.")
    tomas = sign_in("tomas.lind")
    tomas.goto("/inbox/")
    rows = tomas.locator(".inbox-row").filter(has_text="Maya Okafor")
    rows.first.get_by_role("link").click()
    expect(tomas.locator(".inbox-pane")).to_contain_text("needs card-vault")

    held: list[Route] = []
    tomas.route("**/inbox/**", lambda route: held.append(route))
    rows.last.get_by_role("link").click()
    expect(tomas.locator(".inbox-list .htmx-request")).to_have_count(1)
    tomas.keyboard.press("a")
    tomas.wait_for_timeout(300)
    assert [route.request.method for route in held] == ["GET"]

    held[0].continue_()
    tomas.unroute("**/inbox/**")
    expect(tomas.locator(".inbox-pane")).to_contain_text("needs ledger")
    for entity in ("ledger", "card-vault"):
        tomas.get_by_label("Say why, or ask").fill("The quarter is closed already.")
        tomas.get_by_role("button", name="Reject").click()
        expect(tomas.locator(".inbox-pane")).to_contain_text("Rejected")
        if entity == "ledger":
            tomas.locator(".inbox-row").filter(has_text="Maya Okafor").first.get_by_role("link").click()
            expect(tomas.locator(".inbox-pane")).to_contain_text("needs card-vault")
