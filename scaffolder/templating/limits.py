"""How much a rendering may cost. Every step and every grown value is paid from one budget, so no loop and no
doubling of texts can take a worker down."""

from __future__ import annotations

import time
from collections.abc import Callable

from scaffolder.templating.errors import LimitReached

MAX_STEPS = 1_000_000
MAX_SECONDS = 10.0
MAX_TEXT = 8_000_000  # characters of one value or one rendered file
MAX_ITEMS = 100_000  # of one list
MAX_DEPTH = 60  # of nested data, and of macros that call each other
_STEPS_BETWEEN_CLOCK_READINGS = 2_000
_CHARACTERS_PER_STEP = 50  # so that all texts of one rendering together stay bearable too
_ITEMS_PER_STEP = 10


class Budget:
    """Paid while rendering; raises `LimitReached` when it is spent."""

    def __init__(
        self,
        *,
        seconds: float = MAX_SECONDS,
        steps: int = MAX_STEPS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._ends_at, self._seconds = clock, clock() + seconds, seconds
        self._most = steps
        self._steps, self._next_reading = 0, 0
        self.depth = 0

    def pay(self, steps: int = 1) -> None:
        self._steps += steps
        if self._steps < self._next_reading:
            return
        self._next_reading = self._steps + _STEPS_BETWEEN_CLOCK_READINGS
        if self._steps > self._most:
            raise LimitReached(f"This takes more than {self._most:,} steps. Shorten its loops.")
        if self._clock() > self._ends_at:
            raise LimitReached(f"This takes longer than {self._seconds:g} s. Shorten its loops.")

    def room_for_text(self, length: float) -> None:
        """Call before a text of that many characters is made."""
        if length > MAX_TEXT:
            raise LimitReached(f"This makes a text of more than {MAX_TEXT:,} characters.")
        self.pay(1 + int(length) // _CHARACTERS_PER_STEP)

    def room_for_items(self, count: float) -> None:
        """Call before a list of that many items is made."""
        if count > MAX_ITEMS:
            raise LimitReached(f"This makes a list of more than {MAX_ITEMS:,} items.")
        self.pay(1 + int(count) // _ITEMS_PER_STEP)

    def handle(self, value: object, *, times: int = 1) -> None:
        """Call before something goes through the whole of a text, list or map, perhaps several times."""
        if isinstance(value, str):
            self.pay(1 + times * len(value) // _CHARACTERS_PER_STEP)
        elif isinstance(value, list | dict):
            self.pay(1 + times * len(value) // _ITEMS_PER_STEP)

    def descend(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitReached(f"This goes more than {MAX_DEPTH} levels deep.")

    def ascend(self) -> None:
        self.depth -= 1
