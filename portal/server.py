"""The one command: `python -m portal.server [--port N]`, which script/server runs once everything is installed.

Takes the data folder for itself, brings up PostgreSQL unless DATABASE_URL names one, prepares the database, and runs
web, worker and schedule until it is told to stop. Django is not loaded here; children do that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from django.core.exceptions import ImproperlyConfigured

from portal import environment as env
from portal import supervisor
from portal.embedded import CannotStart, Server
from portal.home import InUse, sole_user
from portal.postgres_files import UnusableData
from portal.welcome import welcome

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "portico"
LAST_PORT = 65_535


class Refusal(Exception):
    """Portico cannot start; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    signal.signal(signal.SIGTERM, _stop)
    try:
        options = _options(arguments)
        return _serve(options.host, options.port)
    except (Refusal, InUse, CannotStart, UnusableData, ImproperlyConfigured) as refusal:
        sys.stderr.write(f"\nPortico did not start. {refusal}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/server", description="Start Portico.")
    parser.add_argument(
        "--port", type=int, default=env.number("PORT", 8000, least=1), help="default: PORT, or 8000"
    )
    parser.add_argument("--host", default=env.text("HOST", "127.0.0.1"), help="default: HOST, or 127.0.0.1")
    return parser.parse_args(arguments)


def _serve(host: str, port: int) -> int:
    home = env.folder("PORTICO_HOME", ROOT / "var")
    _check_tools()
    with _data_of(home):
        ended = supervisor.end_leftovers(str(home))
        if ended:
            say(f"Ended {ended} processes that an earlier start left behind.")
        _check_port(host, port)
        with _database(home) as database:
            environment = {
                **os.environ,
                **database,
                "PORTICO_HOME": str(home),
                "PORT": str(port),
                supervisor.MARK: str(home),
            }
            _prepare(environment)
            say("Starting web, worker and schedule …")
            code = supervisor.run(host, port, environment, when_ready=lambda: say(welcome(home, host, port)))
    say(
        "Stopped."
        if code == 0
        else "Stopped, because a process could not be kept running: its reason is above."
    )
    return code


@contextmanager
def _data_of(home: Path) -> Iterator[None]:
    try:
        with sole_user(home, "script/server"):
            yield
    except InUse as holder:
        raise Refusal(
            f"Another Portico already works on {home}: {holder}. Stop that one first, or set PORTICO_HOME to "
            f"another folder and choose another --port."
        ) from None
    except PermissionError as error:
        raise Refusal(
            f"{error.filename} may not be written by this user. Set PORTICO_HOME to a folder of yours."
        ) from error


def _check_tools() -> None:
    if shutil.which("git") is None:
        raise Refusal(
            "git is missing, which reads and makes repositories. Install it (Debian: apt-get install git)."
        )


def _check_port(host: str, port: int) -> None:
    if not 1 <= port <= LAST_PORT:
        raise Refusal(f"There is no port {port}. Choose one from 1 to {LAST_PORT}: script/server --port 8000")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refusal(
                f"Port {port} on {host} cannot be used ({(error.strerror or str(error)).lower()}). "
                f"Choose another one: script/server --port {port + 1}"
            ) from error


@contextmanager
def _database(home: Path) -> Iterator[dict[str, str]]:
    """What children must know about the database; embedded PostgreSQL runs within the block."""
    if env.text("DATABASE_URL"):
        yield {}
        return
    first = "" if (home / "postgres" / "PG_VERSION").exists() else " (first start: making its files)"
    say(f"Starting PostgreSQL{first} …")
    server = Server(home / "postgres", home / "run", home / "log" / "postgres.log")
    try:
        url = server.start(DATABASE)
        _remember(home / "run" / "database-url", url)
        yield {"DATABASE_URL": url, "PORTICO_EMBEDDED": "1"}
    finally:
        server.stop()


def _remember(path: Path, url: str) -> None:
    """For `manage.py` in another shell. It holds no password: the server knows its users by their accounts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(url)


def _prepare(environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=False)
    if done.returncode == -signal.SIGINT:
        raise KeyboardInterrupt
    if done.returncode:
        raise Refusal("The database could not be prepared: its reason is above.")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
