"""Every page, as a browser draws it: readable for everybody in light and dark, and never wider than the window."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.xdist_group("portal")]
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS = (360, 768, 1024, 1440)
PAYMENTS = "/catalog/component/default/payments/"
REQUEST = "/access/request/?entity=component:default/payments"
SEEN_BY = {
    "maya.okafor": [
        "/",
        "/catalog/",
        "/catalog/?filter=kind=component,spec.type=nothing",
        "/catalog/?filter==",
        "/search/",
        "/search/?q=pay",
        "/search/?q=zzzz",
        PAYMENTS,
        f"{PAYMENTS}dependencies/",
        f"{PAYMENTS}api/",
        f"{PAYMENTS}docs/",
        f"{PAYMENTS}activity/",
        f"{PAYMENTS}access/",
        "/catalog/api/default/payments-api/api/",
        "/catalog/component/default/recommendations/",  # its descriptor names an owner who is not there
        "/catalog/component/default/recommendations/source/",
        "/catalog/resource/default/payments-db/",
        "/catalog/system/default/card-payments/",
        "/catalog/group/default/payments/",
        "/catalog/location/default/platform-catalog/",
        "/catalog/template/default/python-service/",
        "/catalog/component/default/payment/",  # 404, with names that are near
        "/nowhere/",
        "/access/",
        "/access/request/",
        f"{REQUEST}&role=production-logs",
        "/access/request/several/?entity=component:default/payments&entity=component:default/ledger&bundle=find-the-fault",
        "/access/break-glass/?entity=component:default/payments&role=production-logs&environment=production",
        f"{REQUEST}&role=production-shell",
        "/access/request/?entity=component:default/basket&role=customer-records",  # in stages
        "/access/request/several/?entity=component:default/basket",  # nothing chosen yet
        "/access/request/?entity=api:default/payments-api",
        "/inbox/",
        "/create/",
        "/create/?q=zzzz",
        "/create/default/python-service/",
        "/create/workshop/",
        "/create/workshop/?from=template:default/python-service",
        "/runs/",
        "/notifications/",
        "/notifications/wishes/",
        "/deputies/",
        "/n/old/",  # 410
    ],
    "tomas.lind": ["/inbox/", "/inbox/?tab=decided", REQUEST, f"{PAYMENTS}access/", "/access/standing/"],
    "freya.nilsen": [
        "/inbox/",  # some were sent together
        "/access/",
        "/rules/explain/?entity=component:default/basket&person=maya.okafor&role=customer-records&environment=production&duration=1h",
    ],
    "noor.haddad": [
        "/access/standing/",
        "/inbox/",
        "/rules/",
        "/rules/revisions/",
        "/rules/revisions/2/",
        "/rules/compare/?from=1&to=2",
        "/rules/change/",
        "/deputies/all/",
        "/rules/explain/",
        "/rules/explain/?entity=component:default/payments&person=maya.okafor&role=production-logs&environment=production&duration=2h",
        "/runs/?of=all",
        "/locations/",
        "/locations/register/",
        "/notifications/",
        "/notifications/channels/",
    ],
}
# Pages whose address a page of the demo knows: who looks, where, and the link.
FOUND_BY = [
    ("chloe.marsh", "/access/", "a[href^='/access/requests/']"),  # in force
    ("maya.okafor", "/access/", "a[href^='/access/requests/']"),  # ended
    ("theo.martin", "/access/", "a[href^='/access/requests/']"),  # waiting
    ("kenji.mori", "/runs/", "td.name a"),  # done
    ("hanna.kowalska", "/runs/", "td.name a"),  # waiting
    ("noor.haddad", "/locations/", "td.name a"),  # a location with a problem
    ("tomas.lind", "/inbox/", ".inbox-duties a"),  # a review of a broken glass
    ("freya.nilsen", "/inbox/", ".is-batch > a"),  # several to decide in one go
    ("lucia.romero", "/inbox/?tab=mine", ".is-batch > a"),  # what was sent together
    ("ines.duarte", "/access/", ".rows a[href^='/access/requests/']"),  # one more must agree
    ("noor.haddad", "/inbox/", ".inbox-row > a"),  # the first of two stages
]
# Rows that repeat are looked at once: the fiftieth says nothing new and takes as long as the first.
REPEATED = [
    ["tbody tr:nth-child(n + 8)"],
    [".rows > li:nth-child(n + 8)"],
    [".facet-row:nth-child(n + 6)"],
]
EVERY_RULE = {"type": "tag", "values": WCAG_22_AA}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}  # all that dark mode can change
AXE = Axe().axe_script
SignIn = Callable[..., Page]


def complaints(page: Page) -> Iterator[str]:
    """What is wrong with this page, in words: too wide, hard to read, or closed to a screen reader."""
    page.evaluate(AXE)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            yield f"{wide} px too wide at {width}"
    yield from broken_rules(page, EVERY_RULE, "light")
    page.emulate_media(color_scheme="dark")
    yield from broken_rules(page, CONTRAST, "dark")
    page.emulate_media(color_scheme="light")


def broken_rules(page: Page, rules: Mapping[str, object], mode: str) -> Iterator[str]:
    script = "([exclude, runOnly]) => axe.run({exclude}, {runOnly, resultTypes: ['violations']})"
    for rule in page.evaluate(script, [REPEATED, rules])["violations"]:
        places = "; ".join(" ".join(node["target"]) for node in rule["nodes"][:3])
        yield f"{mode}: {rule['id']} at {places}"


def steady(sign_in: SignIn, username: str) -> Page:
    """Without transitions: after a change of mode, colours would be measured on their way."""
    return sign_in(username, reduced_motion="reduce")


def report(page: Page, paths: list[str]) -> list[str]:
    found = []
    for path in paths:
        page.goto(path)
        found += [f"{path}: {words}" for words in complaints(page)]
    return found


@pytest.mark.parametrize("username", SEEN_BY)
def test_every_page_is_open_to_everybody_and_fits_the_window(sign_in: SignIn, username: str) -> None:
    assert report(steady(sign_in, username), SEEN_BY[username]) == []


@pytest.mark.parametrize(("username", "where", "link"), FOUND_BY)
def test_pages_of_one_request_run_or_location_too(
    sign_in: SignIn, username: str, where: str, link: str
) -> None:
    page = steady(sign_in, username)
    page.goto(where)
    path = page.locator(link).first.get_attribute("href")
    assert path
    assert report(page, [path]) == []


def test_the_sign_in_page_too(sign_in: SignIn) -> None:
    page = steady(sign_in, "maya.okafor")
    page.context.clear_cookies()
    assert report(page, ["/signin/"]) == []


def test_the_palette_and_the_menus_too(sign_in: SignIn) -> None:
    page = steady(sign_in, "maya.okafor")
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("paym")
    page.locator("[role=option]").first.wait_for()
    page.wait_for_load_state("networkidle")  # rows that are about to be replaced are shown paler
    assert list(complaints(page)) == []
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 360, "height": 900})
    page.locator("summary[aria-label=Menu]").click()
    assert list(broken_rules(page, EVERY_RULE, "menu")) == []


def test_a_page_asks_for_nothing_that_the_policy_of_contents_forbids(sign_in: SignIn) -> None:
    page = sign_in("maya.okafor")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for path in ("/", "/catalog/", PAYMENTS, REQUEST, "/create/default/python-service/"):
        page.goto(path)
    assert [words for words in said if re.search("Content Security Policy|Refused", words)] == []
