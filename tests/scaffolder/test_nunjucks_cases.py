"""The same output as the real Nunjucks 3.2.4, set up as Backstage does; nunjucks/cases.json holds what it gives.

A case with `difference` comes out otherwise here, on purpose: `ours` is what, the list in docs/templates.md says why.
After a change of the cases: `node generate.js cases.json cases.json` (see that file).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from scaffolder.templating import Renderer, Syntax, TemplatingError
from scaffolder.templating.values import Undefined

HERE = Path(__file__).parent / "nunjucks"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "templates.md"
FIXTURE: dict[str, Any] = json.loads((HERE / "cases.json").read_text())
CASES: list[dict[str, Any]] = FIXTURE["cases"]
PACKAGES = ("nunjucks@3.2.4", "lodash.get@4.4.2", "@backstage/catalog-model@1.10.3")
INSTALL_SECONDS = 300
BEGIN, END = "<!-- differences: from tests/scaffolder/nunjucks/cases.json -->\n", "<!-- end -->"
Outcome = dict[str, Any]  # {"expected": value}, {"undefined": True} or {"error": True}


def rendered(case: dict[str, Any]) -> Outcome:
    try:
        found = _rendered(case)
    except TemplatingError:
        return {"error": True}
    return {"undefined": True} if isinstance(found, Undefined) else {"expected": found}


def _rendered(case: dict[str, Any]) -> Any:
    context, options = FIXTURE["context"], case.get("options", {})
    blocks = {
        "trim_blocks": options.get("trimBlocks", False),
        "lstrip_blocks": options.get("lstripBlocks", False),
    }
    if "value" in case:
        return Renderer(context).value(case["value"])
    if case.get("compat"):
        syntax = Syntax.cookiecutter(**blocks)
        return Renderer({**context, "cookiecutter": context["values"]}, syntax).text(case["source"])
    return Renderer(context, Syntax(**blocks)).text(case["source"])


def of_nunjucks(case: dict[str, Any]) -> Outcome:
    return {key: case[key] for key in ("expected", "undefined", "error") if key in case}


def text_of(case: dict[str, Any]) -> str:
    return str(case.get("value", case.get("source", "")))


def failures(cases: Iterable[dict[str, Any]], key: str = "") -> list[str]:
    """Those that come out otherwise than `key` says, or else than Nunjucks. Types count: 1 is not "1"."""
    found = []
    for case in cases:
        wanted, got = case[key] if key else of_nunjucks(case), rendered(case)
        if json.dumps(got, sort_keys=True) != json.dumps(wanted, sort_keys=True):
            found.append(f"{text_of(case)!r} {case.get('options', '')} gives {got}, not {wanted}")
    return found


def kind_of(case: dict[str, Any]) -> str:
    if "value" in case:
        return "value"
    return "compat" if case.get("compat") else "options" if "options" in case else "source"


@pytest.mark.parametrize("kind", ["value", "source", "options", "compat"])
def test_renders_as_nunjucks_does(kind: str) -> None:
    cases = [case for case in CASES if kind_of(case) == kind and "difference" not in case]
    assert len(cases) >= {"value": 150, "source": 700, "options": 30, "compat": 25}[kind]
    assert failures(cases) == []


def test_what_differs_is_said_and_differs_as_said() -> None:
    different = [case for case in CASES if "difference" in case]
    assert failures(different, "ours") == []
    assert [text_of(case) for case in different if case["ours"] == of_nunjucks(case)] == []
    assert {case["difference"] for case in different} == set(FIXTURE["differences"])


def test_no_case_stands_there_twice() -> None:
    keys = [json.dumps([text_of(case), kind_of(case), case.get("options")]) for case in CASES]
    assert sorted(keys) == sorted(set(keys))


def test_the_documentation_lists_every_difference() -> None:
    written = DOCS.read_text().partition(BEGIN)[2].partition(END)[0]
    assert written == differences_as_table()


def differences_as_table() -> str:
    different = sum("difference" in case for case in CASES)
    counted = f"{len(CASES):,} expressions and skeletons are rendered by both, "
    counted += f"{different} of them differently, on purpose:"
    rows = [counted, "", "| difference | why | for example |", "|---|---|---|"]
    for told in FIXTURE["differences"].values():
        [example] = [case for case in CASES if text_of(case) == told["example"] and "difference" in case]
        shown = f"`{text_of(example)}` gives {_words(example, example['ours'])}"
        shown += f", there {_words(example, of_nunjucks(example))}"
        rows.append(f"| {told['what']} | {told['why']} | {shown.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def _words(case: dict[str, Any], outcome: Outcome) -> str:
    """A value of template.yaml with its type, else the text; both on one line."""
    if "expected" not in outcome:
        return "an error" if "error" in outcome else "nothing"
    found = json.dumps(outcome["expected"], ensure_ascii=False) if "value" in case else outcome["expected"]
    return f"`{' '.join(found.split())[:80]}`"


@pytest.mark.service
def test_the_real_nunjucks_gives_what_the_cases_say(tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        pytest.fail("This test needs Node, for the real Nunjucks. Debian: apt-get install nodejs npm")
    folder: Path = settings.PORTICO_HOME / "test-node-nunjucks"
    install = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        *PACKAGES,
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    shutil.copy(HERE / "generate.js", folder / "generate.js")
    again = tmp_path / "again.json"
    command = [node, str(folder / "generate.js"), str(HERE / "cases.json"), str(again)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert again.read_text() == (HERE / "cases.json").read_text()
