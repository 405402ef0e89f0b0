"""YAML as Backstage reads it: 1.2 core, each document alone, nothing that grows out of hand."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.yaml12 import YamlError, decode, documents, line_of, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2001-01-01", "2001-01-01"),
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("+1_000", "+1_000"),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".inf", None),
        ("~", None),
        ("", None),
        ("True", True),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("12345678901234567890", 12345678901234567890.0),
        ("<<", "<<"),
        ("{{ name }}", {"{ name }": None}),
        ("|\n    text", "text\n"),
    ],
)
def test_a_plain_value_means_what_the_core_schema_says(text: str, value: Any) -> None:
    assert load(f"a: {text}") == {"a": value}


def test_keys_become_texts_as_in_javascript() -> None:
    assert load("1: a\ntrue: b\n~: c") == {"1": "a", "true": "b", "": "c"}
    with pytest.raises(YamlError, match="stands here and in line 1"):
        load("1: a\n1.0: b")


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(YamlError, match="“a” stands here and in line 11") as caught:
        load("a: 1\nb: 2\na: 3\n", first_line=11)
    assert caught.value.line == 13


def found(text: str) -> list[tuple[int, int, Any]]:
    return [(d.index, d.line, d.error.line if d.error else d.value) for d in documents(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# only words\n", []),
        ("a: 1", [(1, 1, {"a": 1})]),
        ("---\na: 1\n---\n", [(1, 1, {"a": 1}), (2, 3, None)]),
        ("a: 1\r\n---\r\nb: 2\r\n", [(1, 1, {"a": 1}), (2, 2, {"b": 2})]),
        ("%YAML 1.2\n---\na: 1\n...\n# end\n", [(1, 1, {"a": 1})]),
        ("# first\n---\na: 1\n", [(1, 1, {"a": 1})]),
        ("a: 1\n...\nb: 2\n", [(1, 1, {"a": 1}), (2, 3, {"b": 2})]),
        ("a: |\n  x\n  ---\n  y\n---\nb: 2\n", [(1, 1, {"a": "x\n---\ny\n"}), (2, 5, {"b": 2})]),
        ("a: 1\n---\nb: 'x\n---\nc: 3\n", [(1, 1, {"a": 1}), (2, 2, 4), (3, 4, {"c": 3})]),
        ("a: 1\n---\n\tb: 2\n---\nc: 3\n", [(1, 1, {"a": 1}), (2, 2, 3), (3, 4, {"c": 3})]),
    ],
)
def test_documents_are_told_apart_and_fail_alone(text: str, expected: list[Any]) -> None:
    assert found(text) == expected


def test_text_may_be_utf8_or_utf16_with_its_mark() -> None:
    assert decode("\ufeffname: ü".encode()) == "name: ü"
    assert decode("name: ü".encode("utf-16")) == "name: ü"
    with pytest.raises(YamlError, match="UTF-8") as caught:
        decode(b"a: 1\nb: \xe9\n")
    assert caught.value.line == 2


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000 + "a", "? " * 100_000 + "a", "{a: " * 5_000])
def test_deep_nesting_is_refused_and_does_not_end_the_process(text: str) -> None:
    with pytest.raises(YamlError):
        load("a:\n " + text)


def test_aliases_that_grow_are_refused() -> None:
    text = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 100) + "]\n"
    with pytest.raises(YamlError, match="aliases"):
        load(text)
    assert load("a: &a [1]\nb: *a\n") == {"a": [1], "b": [1]}


def test_the_line_of_a_value_is_found_by_its_path() -> None:
    text = "---\n# words\nmetadata:\n  name: x\n  tags:\n    - a\n    - b\n"
    assert line_of(text, ("metadata", "tags", 1), first_line=10) == 16
    assert line_of(text, ("metadata", "missing"), first_line=10) == 12
    assert line_of(text, ("spec",), first_line=10) == 12
