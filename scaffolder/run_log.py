"""Writing the log of a run: a first line at once, what follows closely in batches, secrets masked.

Lines wait in memory for at most `SECONDS_BETWEEN_WRITES`, as long as whoever works calls `flush_due` now and then.
"""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError

from scaffolder.models import Run, RunLog, RunStep
from scaffolder.sealing import Masker

SECONDS_BETWEEN_WRITES = 0.4
MAX_WAITING = 200  # lines
MAX_LINES = 20_000  # that actions may write in one execution; what happened to the steps is always written
MAX_LINE = 8_000  # characters
MAX_CHARACTERS = 4_000_000  # of what actions write in one execution
logger = logging.getLogger(__name__)


class RunJournal:
    """The log of one execution. `masker` may learn more secrets later; `step` is the one that writes now."""

    def __init__(self, run: Run, masker: Masker) -> None:
        self._run, self._masker = run, masker
        self.step: RunStep | None = None
        self._waiting: list[RunLog] = []
        self._written_at, self._lines_left, self._left = 0.0, MAX_LINES, MAX_CHARACTERS

    def command(self, text: str) -> None:
        self._add(RunLog.Level.COMMAND, text)

    def info(self, text: str) -> None:
        self._add(RunLog.Level.INFO, text)

    def ok(self, text: str) -> None:
        self._add(RunLog.Level.OK, text)

    def warning(self, text: str) -> None:
        self._add(RunLog.Level.WARNING, text)

    def error(self, text: str) -> None:
        self._add(RunLog.Level.ERROR, text)

    def _add(self, level: RunLog.Level, text: str) -> None:
        # Masked before it is cut into lines: a secret may have several.
        for line in _storable(self._masker.text(str(text))).splitlines() or [""]:
            cut = line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"
            if level != RunLog.Level.INFO or self._has_room(cut):
                self._queue(level, cut)
        self.flush_due()

    def _has_room(self, line: str) -> bool:
        """Whether actions may write this too. The line that is too much is told once."""
        if self._lines_left < 0 or self._left < 0:
            return False
        self._lines_left, self._left = self._lines_left - 1, self._left - len(line)
        if self._lines_left >= 0 and self._left >= 0:
            return True
        what = f"{MAX_LINES:,} lines" if self._lines_left < 0 else f"{MAX_CHARACTERS:,} characters"
        self._queue(RunLog.Level.WARNING, f"More than {what}: the rest is left out.")
        return False

    def _queue(self, level: RunLog.Level, line: str) -> None:
        self._waiting.append(RunLog(run=self._run, step=self.step, level=level, text=line))

    def flush_due(self) -> None:
        due = time.monotonic() - self._written_at >= SECONDS_BETWEEN_WRITES
        if due or len(self._waiting) >= MAX_WAITING:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._written_at = time.monotonic()
        try:
            RunLog.objects.bulk_create(waiting)
        except DatabaseError:  # the work matters more than its log
            logger.exception("%d lines of the log of run %s are lost", len(waiting), self._run.pk)


def _storable(text: str) -> str:
    """Without what PostgreSQL does not take: zero bytes, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
