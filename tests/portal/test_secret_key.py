"""The key of the embedded default: made once, kept, read by nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from portal.secret_key import kept_secret_key

ROOT = Path(__file__).resolve().parent.parent.parent
AT_ONCE = 6


def test_the_key_stays_the_same(tmp_path: Path) -> None:
    first = kept_secret_key(tmp_path / "home")
    assert kept_secret_key(tmp_path / "home") == first
    assert len(first) >= 50


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    kept_secret_key(tmp_path)
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_at_once_agree_and_leave_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import sys; sys.stdin.read(); from pathlib import Path; from portal.secret_key import kept_secret_key;"
        f"print(kept_secret_key(Path({str(tmp_path)!r})))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()  # all read to here: now they go on together
        process.stdin = None
    keys = {process.communicate()[0].strip() for process in started}
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]
