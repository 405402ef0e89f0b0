"""Keeps one process of Portico running: `python -m portal.keep NAME -- COMMAND…`.

It is started again when it dies, later each time; after too many deaths this gives up, and the supervisor stops
everything. It is told to end when the supervisor wants it, and when the supervisor itself is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from types import FrameType

from portal.lifeline import die_with_parent

SUPERVISOR = "PORTICO_SUPERVISOR"  # process id, in the environment
DEATHS_ALLOWED = 5
WITHIN_SECONDS = 60
# The supervisor kills after 5 s. Jobs that are cut off are taken up again at the next start.
POLITE_SECONDS = 4
LOOK_EVERY_SECONDS = 0.2


class Keeper:
    def __init__(
        self, name: str, command: list[str], supervisor: int, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = name
        self.pause = pause
        self.command = command
        self.supervisor = supervisor
        self.deaths: deque[float] = deque(maxlen=DEATHS_ALLOWED)
        self.is_ending = False

    def run(self) -> int:
        """Until told to end (0), or until the process died too often (1)."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        while True:
            code = self._run_once()
            if self.is_ending:
                return 0
            delay = self._delay_after_death()
            if delay is None:
                _say(f"{self.name} ended {DEATHS_ALLOWED} times within a minute: giving up.")
                return 1
            _say(f"{self.name} ended by itself ({_in_words(code)}); starting it again in {delay} s.")
            self.pause(delay)

    def _run_once(self) -> int:
        process = subprocess.Popen(
            self.command, start_new_session=True, preexec_fn=die_with_parent(signal.SIGTERM)
        )
        while not self.is_ending:
            try:
                return process.wait(LOOK_EVERY_SECONDS)
            except subprocess.TimeoutExpired:
                if not _is_alive(self.supervisor):
                    self.is_ending = True
        return _stop(process)

    def _delay_after_death(self) -> int | None:
        """Seconds to wait: 1, 2, 3, … for deaths in quick succession. None when it is enough."""
        now = time.monotonic()
        recent = [at for at in self.deaths if now - at < WITHIN_SECONDS]
        self.deaths.append(now)
        return None if len(recent) + 1 >= DEATHS_ALLOWED else len(recent) + 1

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.is_ending = True


def _stop(process: subprocess.Popen[bytes]) -> int:
    """Politely, then its whole session by force."""
    process.terminate()
    try:
        return process.wait(POLITE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _in_words(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _, name, _, *command = sys.argv
    sys.exit(Keeper(name, command, int(os.environ[SUPERVISOR])).run())
