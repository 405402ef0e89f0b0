"""A PostgreSQL of its own for one measurement, and settings to match; both are gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_scratch() -> Iterator[Path]:
    """The folder that everything lies in. Enter it before Django is set up: the environment is changed for good."""
    scratch = Path(tempfile.mkdtemp(prefix="portico-bench-"))
    scratch.chmod(0o755)
    os.environ.update(
        PORTICO_HOME=str(scratch), DJANGO_SETTINGS_MODULE="portal.settings", PORTICO_LOG_LEVEL="ERROR"
    )
    os.environ.update(PORTICO_DEMO="0", PORTICO_ALLOWED_HOSTS="testserver")
    from portal.embedded import Server

    server = Server(scratch / "data", scratch / "sockets", scratch / "log")
    os.environ.update(DATABASE_URL=server.start("portico_bench"), PORTICO_EMBEDDED="1")
    try:
        yield scratch
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)
