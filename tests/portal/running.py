"""A whole Portico as people start it: in its own process, on its own data and port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from portal.supervisor import MARK
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 240  # two cores, and other tests beside it
END_SECONDS = 60
# What tests themselves run under must not reach the Portico that they start.
_OURS = ("DATABASE_URL", "PORTICO_", "SECRET_KEY", "CELERY_", "DJANGO_", "PYTEST_", "PORT", "HOST")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Portico:
    """`home` is its PORTICO_HOME. `through` is put before the command: another user, a shell."""

    def __init__(self, home: Path, *, port: int = 0, through: Sequence[str] = (), **environment: str) -> None:
        self.home = home
        self.port = port or free_port()
        self.through = through
        self.environment = {"PORTICO_DEMO": "0", **environment}
        self.log = home.parent / f"{home.name}.{self.port}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Portico:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.through, sys.executable, "-m", "portal.server", "--port", str(self.port)],
                cwd=ROOT,
                env={**inherited, "PORTICO_HOME": str(self.home), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def start_and_wait(self) -> Portico:
        self.start()
        wait_until(self._is_decided, READY_SECONDS, "Portico is ready", lambda: self.output)
        assert "Portico is ready" in self.output, self.output
        return self

    def _is_decided(self) -> bool:
        return "Portico is ready" in self.output or self.has_ended

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        return self.end_by(signal.SIGINT)

    def end_by(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(END_SECONDS)

    def processes(self) -> list[psutil.Process]:
        """All that belongs to this home: the marked ones, the supervisor, PostgreSQL and its children."""
        return [process for process in psutil.process_iter() if self._belongs(process)]

    def _belongs(self, process: psutil.Process) -> bool:
        data = str((self.home / "postgres").resolve())
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            environment = process.environ()
            line = process.cmdline()
            is_ours = environment.get(MARK) == str(self.home) or environment.get("PORTICO_HOME") == str(
                self.home
            )
            return (
                is_ours or data in line or any(data in parent.cmdline() for parent in process.parents()[:1])
            )
        except psutil.Error:
            return False

    def kill_everything(self) -> None:
        """kill -9 of all, who are held still first: whoever sees another die would begin to tidy up."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(lambda: not self.processes(), END_SECONDS, "everything is dead", self._who)

    def wait_until_gone(self) -> None:
        wait_until(lambda: not self.processes(), END_SECONDS, "no process is left", self._who)

    def _who(self) -> str:
        return "\n".join(" ".join(process.cmdline()) for process in self.processes())


def occupied(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken
