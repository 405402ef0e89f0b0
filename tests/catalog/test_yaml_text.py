"""What Portico writes as YAML is read back as what it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.yaml12 import load
from catalog.yaml_text import written

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # other tests run beside it
@given(st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=5))
def test_a_document_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    assert load(written(document)) == document


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "0o7",
        "0x1f",
        "yes",
        "null",
        "~",
        "- a",
        "a: b",
        "a #b",
        " a",
        "2026-01-01",
        "",
        "<<",
        "=",
        ".5",
    ],
)
def test_texts_that_look_like_something_else_stay_texts(text: str) -> None:
    assert load(written({"value": text, "list": [text]})) == {"value": text, "list": [text]}


def test_plain_texts_are_left_as_people_write_them() -> None:
    assert written({"kind": "User", "spec": {"memberOf": ["payments"], "profile": {}}}) == (
        "kind: User\nspec:\n  memberOf:\n    - payments\n  profile: {}\n"
    )
