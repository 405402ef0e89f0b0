"""Identifiers grow with time, so that new rows go to the end of every index."""

from __future__ import annotations

import time

from catalog.ids import new_id


def test_later_ones_are_greater_and_all_are_of_version_seven() -> None:
    first = new_id()
    time.sleep(0.002)
    later = [new_id() for _ in range(1_000)]
    assert all(first < one for one in later)
    assert len(set(later)) == 1_000
    assert {(one.version, one.variant) for one in later} == {(7, "specified in RFC 4122")}
