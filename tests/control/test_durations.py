"""Lengths of time as people type them, and as pages show them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.durations import DurationError, compact_duration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("4h", 240),
        ("30m", 30),
        ("2h30m", 150),
        ("1d", 1440),
        ("4 h", 240),
        ("4\u00a0h", 240),
        ("30 min", 30),
        ("2 hours and 30 minutes", 150),
        ("1 day, 2 hours", 1560),
        (" 4H ", 240),
    ],
)
def test_reads_what_people_type(text: str, minutes: int) -> None:
    assert parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "4", "h", "0h", "0m", "-4h", "1.5h", "4hh", "30m2h", "2h2h", "4h!", "forever", "٤h"]
)
def test_refuses_the_rest_and_says_what_to_type(text: str) -> None:
    with pytest.raises(DurationError, match="Type it like 30m, 4h or 1d"):
        parse_duration(text)


def test_shows_numbers_and_units_that_never_part() -> None:
    assert format_duration(timedelta(hours=2, minutes=30)) == "2\u00a0h\u00a030\u00a0min"
    assert format_duration(timedelta(seconds=59)) == "0\u00a0min"


@given(st.integers(1, 90 * 24 * 60))
def test_what_is_written_reads_back_the_same(minutes: int) -> None:
    length = timedelta(minutes=minutes)
    assert parse_duration(compact_duration(length)) == length
    assert parse_duration(format_duration(length)) == length
