"""The same output as the real Nunjucks 3.2.4, recorded in nunjucks/cases.json (see generate.js beside it)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaffolder.templating import Syntax, TemplatingError, render

FIXTURE = json.loads((Path(__file__).parent / "nunjucks" / "cases.json").read_text())


def _named(case: dict[str, Any]) -> str:
    return f"{case['source']} {case.get('options', '')}".strip()


def _rendered(case: dict[str, Any]) -> str:
    options = case.get("options", {})
    blocks = {
        "trim_blocks": options.get("trimBlocks", False),
        "lstrip_blocks": options.get("lstripBlocks", False),
    }
    if case.get("compat"):
        return render(
            case["source"],
            {"cookiecutter": FIXTURE["context"]["values"]},
            syntax=Syntax.cookiecutter(**blocks),
        )
    return render(case["source"], FIXTURE["context"], syntax=Syntax(**blocks))


@pytest.mark.parametrize("case", [case for case in FIXTURE["cases"] if "expected" in case], ids=_named)
def test_renders_as_nunjucks_does(case: dict[str, Any]) -> None:
    assert _rendered(case) == case["expected"]


@pytest.mark.parametrize("case", [case for case in FIXTURE["cases"] if "error" in case], ids=_named)
def test_refuses_what_nunjucks_refuses(case: dict[str, Any]) -> None:
    with pytest.raises(TemplatingError):
        _rendered(case)
