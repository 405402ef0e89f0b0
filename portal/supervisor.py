"""Runs web, worker and schedule side by side with readable logs, until one gives up or somebody says stop.

The running together is honcho's; each process is kept alive by `portal.keep`.
"""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import psutil
from honcho.manager import Manager
from honcho.printer import Printer

from portal.keep import SUPERVISOR

# Marks every process of one start, so that the next start can tell what was left over.
MARK = "PORTICO_RUN_HOME"
LEFTOVER_SECONDS = 5
WEB_WORKERS = 2
WEB_THREADS = 4  # for each worker; every one may hold a database connection
READY_POLL_SECONDS = 0.2


def commands(host: str, port: int) -> dict[str, str]:
    celery = "-m celery -q -A portal.celery"
    return {
        "web": f"-m granian --interface wsgi --host {host} --port {port} --workers {WEB_WORKERS}"
        f" --blocking-threads {WEB_THREADS} --respawn-failed-workers --no-ws --log-level warning"
        " portal.wsgi:application",
        "worker": f"{celery} worker -l info --without-gossip --without-mingle --without-heartbeat",
        "schedule": f"{celery} beat -l warning",
    }


def run(host: str, port: int, environment: Mapping[str, str], *, when_ready: Callable[[], None]) -> int:
    """Blocks until everything has ended. 0 after a signal, 1 when a process could not be kept running."""
    manager = Manager(Printer(sys.stdout))
    marked = {
        **environment,
        SUPERVISOR: str(os.getpid()),
        "PYTHONUNBUFFERED": "1",
        # Celery's worry is pickled messages; ours are JSON.
        "PYTHONWARNINGS": "ignore:You're running the worker",
    }
    for name, command in commands(host, port).items():
        kept = [sys.executable, "-m", "portal.keep", name, "--", sys.executable, *command.split()]
        manager.add_process(name, f"exec {shlex.join(kept)}", env=marked)
    waiting = threading.Thread(target=_announce, args=(host, port, manager, when_ready), daemon=True)
    waiting.start()
    manager.loop()
    was_asked_to = manager.returncode in {130, 143}  # 128 + the signal, as shells count
    return 0 if was_asked_to else 1


def _announce(host: str, port: int, manager: Manager, when_ready: Callable[[], None]) -> None:
    while not is_ready(host, port):
        if manager.returncode is not None:
            return
        time.sleep(READY_POLL_SECONDS)
    when_ready()


def is_ready(host: str, port: int) -> bool:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  # compared, not bound
    try:
        with urllib.request.urlopen(f"http://{name}:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end_leftovers(home: str) -> int:
    """End what an earlier start on `home` left running; how many processes that were."""
    found = list(_marked(home))
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, LEFTOVER_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(found)


def _marked(home: str) -> Iterator[psutil.Process]:
    mine = os.getpid()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != mine and process.environ().get(MARK) == home:
                yield process
