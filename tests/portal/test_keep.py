"""Keeping a process running: it is started again, but not for ever, and it never outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from portal.keep import SUPERVISOR, Keeper
from tests.portal.running import ROOT
from tests.waiting import wait_until

FOREVER = "import time; time.sleep(600)"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the keeper would have waited; and this process keeps its own signals."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    return []


def test_a_process_that_dies_at_once_is_tried_five_times_with_longer_pauses(
    waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    keeper = Keeper(
        "worker", [sys.executable, "-c", "raise SystemExit(3)"], supervisor=os.getpid(), pause=waits.append
    )
    assert keeper.run() == 1
    assert waits == [1, 2, 3, 4]
    said = capsys.readouterr().out
    assert "worker ended by itself (code 3); starting it again in 1 s." in said
    assert "worker ended 5 times within a minute: giving up." in said


def kept(supervisor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "portal.keep", "web", "--", sys.executable, "-c", FOREVER],
        cwd=ROOT,
        env={**os.environ, SUPERVISOR: str(supervisor)},
    )


def children_of(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def test_it_ends_its_process_when_told_to() -> None:
    keeper = kept(os.getpid())
    wait_until(lambda: children_of(keeper.pid), 30, "the process runs")
    child = children_of(keeper.pid)[0]
    keeper.terminate()
    assert keeper.wait(30) == 0
    assert is_gone(child)


def test_it_ends_its_process_when_the_supervisor_is_gone() -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", FOREVER])
    keeper = kept(supervisor.pid)
    wait_until(lambda: children_of(keeper.pid), 30, "the process runs")
    child = children_of(keeper.pid)[0]
    supervisor.kill()
    supervisor.wait()
    assert keeper.wait(30) == 0
    assert is_gone(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_its_process_ends_even_when_the_keeper_is_killed() -> None:
    keeper = kept(os.getpid())
    wait_until(lambda: children_of(keeper.pid), 30, "the process runs")
    child = children_of(keeper.pid)[0]
    keeper.kill()
    keeper.wait()
    wait_until(lambda: is_gone(child), 30, "the process is gone")
