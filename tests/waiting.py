"""Waiting for something that another process does, with short polls and a clear failure."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    is_true: Callable[[], object], seconds: float, what: str, evidence: Callable[[], str] = lambda: ""
) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{evidence()}")
        time.sleep(0.05)
