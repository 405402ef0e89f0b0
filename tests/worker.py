"""A real Celery worker on the test database, for tests of what only a worker can do: run, die, come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import connection
from kombu import pools

from portal.broker import IN_DATABASE, transport_options
from portal.celery import QUEUE, app
from tests.waiting import wait_until

READY_SECONDS = 60
COMMAND = (
    "-m celery -A portal.celery worker -l info -c 2 --without-gossip --without-mingle --without-heartbeat"
)


class RealWorker:
    """Within its block, tasks that this process sends reach the worker through the queue in the test database."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pgmq.purge_queue(%s)", [QUEUE])
        _send_through(IN_DATABASE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        _send_through("memory://")

    @property
    def environment(self) -> dict[str, str]:
        database = connection.settings_dict
        url = os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{database['NAME']}"
        return {
            **os.environ,
            "DATABASE_URL": url,
            "PORTICO_EMBEDDED": "1",
            "PORTICO_HOME": str(settings.PORTICO_HOME),
            "PORTICO_LEASE_SECONDS": str(settings.PORTICO_LEASE_SECONDS),
        }

    def start(self, **environment: str) -> None:
        """Returns once the worker listens."""
        with self.log.open("ab") as log:
            log.truncate(0)
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND.split()],
                env={**self.environment, **environment},
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(
            lambda: " ready." in self.output, READY_SECONDS, "the worker is ready", lambda: self.output
        )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9 of the worker and all its processes, as when the machine takes them."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        os.killpg(self._process.pid, how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


def _send_through(broker_url: str) -> None:
    pools.reset()  # type: ignore[no-untyped-call]  # closes them, and forgets that they were closed
    app.conf.broker_url = app.conf.broker_write_url = app.conf.broker_read_url = broker_url
    app.conf.broker_transport_options = transport_options(broker_url, connection.settings_dict)
    app.set_current()
    app._pool = None
    app.amqp._producer_pool = None
