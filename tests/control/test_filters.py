"""The filter language, in memory."""

from __future__ import annotations

import pytest

from control.filters import EVERYTHING, FilterError, parse

TERMS = frozenset(
    {"kind", "kind=component", "spec.type", "spec.type=service", "metadata.tags=java", "metadata.tags"}
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("kind=component", True),
        ("KIND=Component", True),
        (" kind = component , spec.type = service ", True),
        ("kind=component,spec.type=library", False),
        ("kind=api,kind=component", True),
        ("spec.type", True),
        ("spec.owner", False),
        ("spec.owner=", False),
        (["kind=api", "metadata.tags=java"], True),
        (["kind=api", "kind=group"], False),
    ],
)
def test_a_filter_matches_as_backstage_says(text: str | list[str], matches: bool) -> None:
    assert parse(text).matches(TERMS) is matches


@pytest.mark.parametrize("text", ["", " , ", "=x", "kind=a,=b", []])
def test_what_is_no_filter_is_refused(text: str | list[str]) -> None:
    with pytest.raises(FilterError):
        parse(text)


def test_no_filter_at_all_matches_everything() -> None:
    assert EVERYTHING.matches(frozenset())
