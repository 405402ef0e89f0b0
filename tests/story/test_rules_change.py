"""Rules change in a browser: uploaded, looked at, sent, agreed to by somebody else; and a question is asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]
DEMO: Path = settings.BASE_DIR / "demo" / "policy"


def shorter(folder: Path) -> list[Path]:
    """The rules of the demo with their tests, but support opens its own staging shells for six hours, not eight."""
    made = []
    for number, path in enumerate(sorted(DEMO.rglob("*.yaml"))):
        text = path.read_text()
        if path == DEMO / "staging.yaml":
            before, rule, after = text.partition("name: staging-shell-support")
            text = before + rule + after.replace("maxDuration: 8h", "maxDuration: 6h", 1)
        place = folder / str(number)
        place.mkdir()
        (place / path.name).write_text(text)
        made.append(place / path.name)
    return made


def test_one_of_platform_proposes_and_another_agrees(sign_in: SignIn, tmp_path: Path) -> None:
    noor = sign_in("noor.haddad")
    noor.goto("/rules/")
    noor.get_by_role("link", name="Propose a change").click()
    noor.get_by_label("All YAML files of the rules").set_input_files(shorter(tmp_path))
    noor.get_by_role("button", name="Look what would change").click()
    expect(noor.get_by_role("heading", name="What these rules would change")).to_be_visible()
    expect(noor.locator(".diff-line[data-sign='-']")).to_have_text("−   maxDuration: 8h")
    expect(noor.locator(".diff-line[data-sign='+']")).to_have_text("+   maxDuration: 6h")
    noor.get_by_label("Why").fill("Eight hours were never needed")
    noor.get_by_role("button", name="Send").click()
    expect(noor.get_by_role("heading", name="Change of the rules")).to_be_visible()
    theo = sign_in("theo.martin")
    theo.goto(noor.url)
    theo.get_by_role("link", name="Decide in the inbox").click()
    theo.get_by_role("heading", name="Noor Haddad asks for Other rules").wait_for()
    theo.keyboard.press("a")
    expect(theo.get_by_text("Approved: Other rules, for Noor Haddad. See the request")).to_be_visible()
    maya = sign_in("maya.okafor")
    maya.goto("/rules/explain/?entity=component:default/order-lookup")
    expect(maya.get_by_text(re.compile("Allowed at once, up to 6.h"))).to_be_visible()


def test_an_owner_asks_what_would_become_of_a_wish_without_javascript(sign_in: SignIn) -> None:
    tomas = sign_in("tomas.lind", java_script_enabled=False)
    tomas.goto("/catalog/component/default/payments/access/")
    tomas.get_by_role("link", name="Who can do what, and why").click()
    tomas.get_by_label("Who asks").fill("maya.okafor")
    tomas.get_by_label("Role").select_option("production-logs")
    tomas.get_by_label("Environment").select_option("production")
    tomas.get_by_label("For how long").fill("30m")
    tomas.get_by_role("button", name="Look").click()
    answer = tomas.get_by_role("region", name="Needs approval")
    expect(answer).to_contain_text("Maya Okafor is in group:default/support")
    expect(answer).to_contain_text("Nothing was written and nobody was told.")
