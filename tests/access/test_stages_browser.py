"""Requests in stages, by several people, as they wait and as several at once: in a browser, and without JavaScript."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser import ROOT, Portal
from tests.portal.test_pages_browser import complaints

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
SignIn = Callable[..., Page]
RULES = ROOT / "demo" / "policy"
WITH_AND_WITHOUT = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])


def ask(page: Page, entity: str, role: str, reason: str) -> str:
    """Fill in the form, look at the decision, send; the address of the request."""
    page.goto(f"/access/request/?entity=component:default/{entity}&role={role}")
    page.get_by_label("Why").fill(reason)
    expect(page.locator("#decision")).to_contain_text("Needs approval")
    page.locator("#send").click()
    page.wait_for_url("**/access/requests/**")
    return page.url


def row_of(page: Page, title: str, who: str) -> None:
    """Open that request in the inbox."""
    page.goto("/inbox/")
    row = page.locator(".inbox-row").filter(has_text=title).filter(has_text=who).last
    row.get_by_role("link").click()
    page.wait_for_url(re.compile("/inbox/[0-9a-f-]{36}/"))
    expect(page.locator(".htmx-request")).to_have_count(0)  # no key answers what is about to be replaced
    expect(page.locator(".pane-title")).to_contain_text(f"{who} asks for {title}")


def approve(page: Page, javascript: bool) -> None:
    if javascript:
        page.keyboard.press("a")
    else:
        page.get_by_role("button", name=re.compile("^Approve")).first.click()
    expect(page.get_by_text(re.compile("^Approved: ")).first).to_be_attached()


def waits(page: Page, title: str, who: str) -> bool:
    page.goto("/inbox/")
    return page.locator(".inbox-row").filter(has_text=title).filter(has_text=who).count() > 0


@WITH_AND_WITHOUT
def test_the_second_stage_decides_after_the_first(sign_in: SignIn, javascript: bool) -> None:
    maya, chloe, kenji = (
        sign_in(name, java_script_enabled=javascript) for name in ("maya.okafor", "chloe.marsh", "kenji.mori")
    )
    maya.goto("/access/request/?entity=component:default/storefront-gateway&role=customer-records")
    stages = maya.locator("#decision .rows > li")
    expect(stages.first).to_contain_text("Chloe Marsh must agree")
    expect(stages.last).to_contain_text("Freya Nilsen or Kenji Mori")
    expect(stages.last).to_contain_text(re.compile("after 2\\sh, whoever is on call for platform too"))
    title = "Customer records of Storefront gateway"
    url = ask(maya, "storefront-gateway", "customer-records", f"A parcel is lost, {javascript}.")
    assert not waits(kenji, title, "Maya Okafor")
    kenji.goto(url)
    expect(kenji.get_by_role("heading", level=1)).to_have_text(title)
    row_of(chloe, title, "Maya Okafor")
    approve(chloe, javascript)

    maya.goto(url)
    expect(maya.locator(".state-line")).to_contain_text("1 of 2 have agreed. Now 1 of storefront must agree.")
    row_of(kenji, title, "Maya Okafor")
    expect(kenji.locator(".inbox-pane")).to_contain_text("Approved by Chloe Marsh")
    approve(kenji, javascript)
    maya.goto(url)
    expect(maya.locator(".state-line")).to_contain_text("Active")
    maya.get_by_role("button", name="End now").click()


@WITH_AND_WITHOUT
def test_two_of_several_must_agree(sign_in: SignIn, javascript: bool) -> None:
    samuel, ines, theo = (
        sign_in(name, java_script_enabled=javascript)
        for name in ("samuel.adeyemi", "ines.duarte", "theo.martin")
    )
    url = ask(samuel, "payments", "production-database-read", f"Two rows too many, {javascript}.")
    title = "Production database, read of Payments"
    row_of(ines, title, "Samuel Adeyemi")
    expect(ines.locator(".inbox-pane")).to_contain_text("0 of 2")
    approve(ines, javascript)
    assert not waits(ines, title, "Samuel Adeyemi")
    samuel.goto(url)
    expect(samuel.locator(".state-line")).to_contain_text("Waiting")
    row_of(theo, title, "Samuel Adeyemi")
    expect(theo.locator(".inbox-pane")).to_contain_text("1 of 2")
    expect(theo.locator(".inbox-pane")).to_contain_text("Approved by Ines Duarte")
    approve(theo, javascript)
    samuel.goto(url)
    expect(samuel.locator(".state-line")).to_contain_text("Active")
    samuel.get_by_role("button", name="End now").click()


def has_waited(portal: Portal, url: str, hours: int) -> None:
    """As if this one request had come to its stage that much earlier."""
    key = UUID(url.rstrip("/").rsplit("/", 1)[1])
    with psycopg.connect(portal.database_url) as database:
        moved = database.execute(
            "UPDATE control_approver SET counts_from = counts_from - make_interval(hours => %s)"
            " WHERE intent_id = %s AND counts_from IS NOT NULL",
            [hours, key],
        )
        assert moved.rowcount


def test_others_are_let_in_by_time_and_told(portal: Portal, sign_in: SignIn) -> None:
    maya, theo = sign_in("maya.okafor"), sign_in("theo.martin")
    title = "Customer records of Basket"
    url = ask(maya, "basket", "customer-records", "The discount of a customer is gone.")
    row = maya.locator(".frame-aside .rows > li").first
    expect(row).to_contain_text(re.compile("from .* on, platform too"))
    assert not waits(theo, title, "Maya Okafor")

    has_waited(portal, url, 4)
    maya.goto(url)
    expect(row).to_contain_text("1 of platform or Chloe Marsh must agree")
    expect(row).not_to_contain_text(re.compile("from .* on, platform too"))
    expect(maya.locator(".timeline")).to_contain_text("platform may decide too", timeout=20_000)
    theo.goto("/notifications/")
    expect(theo.get_by_role("main")).to_contain_text(f"Maya Okafor asks for {title}")
    row_of(theo, title, "Maya Okafor")
    approve(theo, javascript=True)
    maya.goto(url)
    expect(maya.locator(".state-line")).to_contain_text("1 of 2 have agreed. Now 1 of storefront must agree.")
    maya.get_by_role("button", name="Withdraw").click()
    expect(maya.locator(".state-line")).to_contain_text("Withdrawn")


def test_an_owner_looks_what_would_become_of_a_wish_in_stages(sign_in: SignIn) -> None:
    freya = sign_in("freya.nilsen")
    freya.goto("/rules/explain/?entity=component:default/basket")
    freya.get_by_label("Who asks").fill("maya.okafor")
    freya.get_by_label("Role").select_option("customer-records")
    freya.get_by_label("Environment").select_option("production")
    freya.get_by_label("For how long").fill("1h")
    freya.get_by_role("button", name="Look").click()
    answer = freya.get_by_role("region", name="Needs approval")
    expect(answer).to_contain_text("First Chloe Marsh must agree, then one of the Basket owners.")
    expect(answer.locator(".rows > li")).to_have_count(2)


@WITH_AND_WITHOUT
def test_what_was_sent_together_is_decided_as_one_or_one_by_one(sign_in: SignIn, javascript: bool) -> None:
    hanna, freya = (
        sign_in(name, java_script_enabled=javascript) for name in ("hanna.kowalska", "freya.nilsen")
    )
    hanna.goto(
        "/access/request/several/?entity=component:default/basket&entity=component:default/storefront-gateway"
        "&what=staging-shell@staging"
    )
    hanna.get_by_label("Why").fill(f"Labels print twice, {javascript}.")
    hanna.locator("#send").click()
    expect(hanna.get_by_role("heading", name="2 requests, sent together")).to_be_visible()

    freya.goto("/inbox/")
    entry = freya.locator(".is-batch").filter(has_text="Hanna Kowalska")
    expect(entry).to_have_count(1)
    if javascript:
        for _ in range(freya.locator("[data-open]").count()):
            if "is-selected" in (entry.get_attribute("class") or ""):
                break
            freya.keyboard.press("j")
        freya.keyboard.press("x")
        expect(entry.get_by_role("checkbox")).to_be_checked()
        freya.keyboard.press("b")
        expect(freya.get_by_role("heading", name="Decide 2 requests")).to_be_visible()
        freya.keyboard.press("a")
        expect(freya.get_by_role("heading", name="Approved")).to_be_visible()
    else:
        entry.get_by_role("link").click()
        expect(freya.get_by_role("heading", name="Decide 2 requests")).to_be_visible()
        freya.get_by_role("checkbox").first.uncheck()
        freya.get_by_role("button", name="Approve what is ticked").click()
        freya.goto("/inbox/")
        expect(entry).to_have_count(0)
        freya.locator(".inbox-row").filter(has_text="Hanna Kowalska").get_by_role("link").click()
        approve(freya, javascript)
    freya.goto("/inbox/")
    expect(freya.locator(".inbox-row").filter(has_text="Hanna Kowalska")).to_have_count(0)
    hanna.reload()
    expect(hanna.get_by_role("main").get_by_text("Given")).to_have_count(2)


def test_an_owner_asks_back_and_the_requester_answers_without_javascript(sign_in: SignIn) -> None:
    maya, kenji = (sign_in(name, java_script_enabled=False) for name in ("maya.okafor", "kenji.mori"))
    url = ask(maya, "shop-web", "staging-shell", "The page of a book is empty.")
    row_of(kenji, "Staging shell of Shop", "Maya Okafor")
    kenji.get_by_label("Say why, or ask").fill("Which book is it?")
    kenji.get_by_role("button", name="Ask back").click()
    expect(kenji.locator(".remarks")).to_contain_text("Which book is it?")
    maya.goto(url)
    maya.get_by_role("link", name="Answer").click()
    maya.get_by_label("Your answer").fill("All that begin with Q.")
    maya.get_by_role("button", name="Answer").click()
    expect(maya.locator(".remarks")).to_contain_text("All that begin with Q.")
    row_of(kenji, "Staging shell of Shop", "Maya Okafor")
    expect(kenji.locator(".remarks")).to_contain_text("All that begin with Q.")
    kenji.locator("select[name=narrow]").select_option(index=0)
    kenji.get_by_role("button", name="Approve shorter").click()
    maya.goto(url)
    expect(maya.locator(".state-line")).to_contain_text("Active")


def put_in_force(portal: Portal, *paths: Path) -> None:
    """As somebody with a shell on the server does."""
    command = [sys.executable, "manage.py", "rules", "load", *map(str, paths), "--break-glass", "A test"]
    env = {**os.environ, "DATABASE_URL": portal.database_url, "PORTICO_HOME": str(portal.home)}
    subprocess.run(command, check=True, cwd=ROOT, env=env, capture_output=True)


@WITH_AND_WITHOUT
def test_a_request_that_the_rules_move_says_so_and_is_asked_again(
    portal: Portal, sign_in: SignIn, tmp_path: Path, javascript: bool
) -> None:
    maya = sign_in("maya.okafor", java_script_enabled=javascript, reduced_motion="reduce")
    url = ask(maya, "basket", "customer-records", f"A gift went to the wrong address, {javascript}.")
    moved = tmp_path / "production.yaml"
    moved.write_text(
        (RULES / "production.yaml").read_text().replace("name: chloe.marsh", "name: theo.martin")
    )
    put_in_force(portal, moved, *(path for path in RULES.glob("*.yaml") if path.name != moved.name))
    try:
        maya.goto(url)
        note = maya.locator(".note.has-action")
        expect(note).to_contain_text("The rules have changed since this was sent")
        expect(note).to_contain_text("First Theo Martin must agree, then one of the Basket owners.")
        if javascript:
            assert list(complaints(maya)) == []
        note.get_by_role("button", name="Ask again").click()
        expect(maya.locator(".state-line")).to_contain_text("First Theo Martin must agree")
        assert maya.url != url
        maya.get_by_role("button", name="Withdraw").click()
        expect(maya.locator(".state-line")).to_contain_text("Withdrawn")
        maya.goto(url)
        expect(maya.get_by_role("main")).to_contain_text("It was asked for again under the rules of now")
    finally:
        put_in_force(portal, RULES)
