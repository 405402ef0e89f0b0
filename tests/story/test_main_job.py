"""The main job, as three people do it in a browser: find, ask, decide, use, end; and create from a template."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser import Portal, choose
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
PAYMENTS = "/catalog/component/default/payments/"
OUTSIDE_SECONDS = 20
NO_ACCOUNT = (psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue)


def find_payments(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.get_by_role("dialog").get_by_role("searchbox").or_(
        page.get_by_role("dialog").get_by_role("combobox")
    ).fill("paym")
    page.get_by_role("dialog").locator(f"a[href='{PAYMENTS}']").first.click()
    page.wait_for_url(f"**{PAYMENTS}")


def ask_for_four_hours(page: Page) -> str:
    page.get_by_role("link", name="Request access").first.click()
    page.get_by_label("Production logs", exact=False).first.check()
    page.locator("input[name=duration][value='4h']").check()
    page.get_by_label("Why").fill("Refund of order 88-20417 fails with a timeout since 13:10.")
    expect(page.locator(".decision")).to_contain_text("Needs approval")
    expect(page.locator(".decision")).to_contain_text("Tomas Lind")
    page.get_by_role("button", name="Send to the owners").click()
    page.wait_for_url("**/access/requests/**")
    return page.url


def log_entries_seen_by(portal: Portal, account: str) -> int:
    """Rows of the log table as the person's own database account reads them; raises when it may not."""
    address = portal.database_url.rsplit("/", 1)[0] + "/payments_logs"
    with psycopg.connect(address) as connection:
        connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(account)))
        row = connection.execute("SELECT count(*) FROM entries").fetchone()
    assert row
    return int(row[0])


def may_read(portal: Portal, account: str) -> bool:
    try:
        return log_entries_seen_by(portal, account) > 0
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable, *NO_ACCOUNT):
        return False


def test_four_hours_of_production_logs(portal: Portal, sign_in: Callable[..., Page]) -> None:
    maya, tomas = sign_in("maya.okafor"), sign_in("tomas.lind")
    account = "portico_maya_okafor"
    assert not may_read(portal, account)
    find_payments(maya)
    request_url = ask_for_four_hours(maya)
    expect(maya.get_by_role("main")).to_contain_text("One of the Payments owners must agree")

    tomas.goto("/inbox/")
    tomas.locator(".inbox-row").filter(has_text="Maya Okafor").first.click()
    expect(tomas.locator(".inbox-pane")).to_contain_text("Refund of order 88-20417")
    expect(tomas.locator(".inbox-pane")).to_contain_text("payments_logs_reader")
    tomas.get_by_role("button", name="Approve 4").click()
    expect(tomas.locator(".inbox-pane")).to_contain_text("Approved")

    wait_until(lambda: may_read(portal, account), OUTSIDE_SECONDS, "the account reads the log table")
    maya.goto(request_url)
    expect(maya.get_by_role("main")).to_contain_text("Active")
    expect(maya.get_by_role("main")).to_contain_text("Approved by Tomas Lind")

    tomas.goto(request_url)
    tomas.get_by_role("button", name="End now").first.click()
    confirm = tomas.get_by_role("dialog").get_by_role("button", name="End")
    if confirm.count():
        confirm.first.click()
    wait_until(
        lambda: not may_read(portal, account), OUTSIDE_SECONDS, "the account no longer reads the log table"
    )
    expect(tomas.get_by_role("main")).to_contain_text("Ended", timeout=20_000)


def repository(portal: Portal, owner: str, name: str) -> Path:
    return portal.home / "git" / owner / f"{name}.git"


def files_in(repository: Path) -> dict[str, str]:
    def git(*words: str) -> str:
        command = ["git", "-c", "safe.directory=*", "-C", str(repository), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return {name: git("show", f"main:{name}") for name in git("ls-tree", "-r", "--name-only", "main").split()}


def fill_in(page: Page) -> None:
    """The three pages of «Python service», as somebody types who reads the labels."""
    page.get_by_label("Name", exact=True).fill("gift-cards")
    page.get_by_label("Description", exact=True).fill("Sells gift cards and takes them as payment.")
    choose(page, "Owner", "payments")
    choose(page, "System", "card-payments")
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_label("Flask, the quiet choice").check()
    page.get_by_label("It needs a database").check()
    expect(page.get_by_label("Size of the database")).to_be_visible()
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_label("Name of the repository").fill("gift-cards")
    page.get_by_role("button", name="Review", exact=True).click()


def test_a_template_becomes_a_repository_and_an_entity(portal: Portal, sign_in: Callable[..., Page]) -> None:
    tomas, noor = sign_in("tomas.lind"), sign_in("noor.haddad")
    tomas.goto("/create/")
    tomas.get_by_role("link", name="Python service").first.click()
    if "/create/default/python-service" not in tomas.url:
        tomas.get_by_role("link", name="Use this template").click()
    fill_in(tomas)
    expect(tomas.get_by_role("main")).to_contain_text("gift-cards")
    tomas.get_by_label("Why", exact=True).fill("Gift cards leave the shop and get a service of their own.")
    tomas.get_by_role("button", name="Send for approval").click()
    tomas.wait_for_url("**/runs/**")

    noor.goto("/inbox/")
    noor.locator(".inbox-row").filter(has_text="Tomas Lind").first.click()
    expect(noor.locator(".inbox-pane")).to_contain_text("gift-cards")
    noor.keyboard.press("a")
    expect(noor.locator(".inbox-pane")).to_contain_text("Approved")

    expect(tomas.get_by_role("main")).to_contain_text("Done", timeout=60_000)
    files = files_in(repository(portal, "halfmoon", "gift-cards"))
    assert "name: gift-cards" in files["catalog-info.yaml"]
    assert "src/gift_cards/database.py" in files
    assert "${{" not in files["README.md"]
    tomas.goto("/catalog/component/default/gift-cards/")
    expect(tomas.get_by_role("heading", level=1)).to_contain_text("gift-cards", ignore_case=True)


def test_an_administrator_sees_every_request(sign_in: Callable[..., Page]) -> None:
    noor = sign_in("noor.haddad")
    noor.goto("/locations/")
    expect(noor.get_by_role("main")).to_contain_text("payments")
    noor.goto("/rules/")
    expect(noor.get_by_role("main")).to_contain_text("production-logs")
