"""Reading settings from the environment: what is meant is taken, what is not understood is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import environment as env

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("word", "meant"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("", False), ("NO", False)]
)
def test_a_yes_or_no_is_read(monkeypatch: pytest.MonkeyPatch, word: str, meant: bool) -> None:
    monkeypatch.setenv("PORTICO_DEMO", word)
    assert env.flag("PORTICO_DEMO", not meant) is meant


def test_neither_yes_nor_no_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_DEMO", "perhaps")
    with pytest.raises(
        ImproperlyConfigured, match=r"PORTICO_DEMO='perhaps' is not a yes or no\. Use 1 or 0\."
    ):
        env.flag("PORTICO_DEMO", True)


@pytest.mark.parametrize("raw", ["0", "-3", "five", "1.5"])
def test_a_number_that_is_none_or_too_small_is_refused(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("PORTICO_SWEEP_SECONDS", raw)
    with pytest.raises(ImproperlyConfigured, match=r"PORTICO_SWEEP_SECONDS=.* whole number of at least 1"):
        env.number("PORTICO_SWEEP_SECONDS", 5, least=1)


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("X", " ")
    assert env.number("X", 5) == 5
    assert env.text("X", "word") == "word"
    assert env.words("X", "a, b,") == ["a", "b"]
    assert env.folder("X", tmp_path) == tmp_path


def test_a_mapping_that_is_not_json_is_refused_without_quoting_its_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORTICO_CONNECTORS", '{"logs": {"password": "hush"')
    with pytest.raises(ImproperlyConfigured, match="PORTICO_CONNECTORS is not JSON") as refusal:
        env.mapping("PORTICO_CONNECTORS", {})
    assert "hush" not in str(refusal.value)


def test_every_variable_that_settings_read_is_documented() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "portal" / "settings.py").read_text()))
    documented = set(
        re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE)
    )
    assert read - documented - {"PORTICO_EMBEDDED"} == set()
