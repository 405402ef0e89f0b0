"""How quick access is when there is much of it: a decision, a check of a right, an inbox.

    python bench/access.py [RULES GRANTS WAITING]      1000 rules, 100000 live grants, 5000 waiting requests

Prints a line for each question: what it takes at p50 and p95, in this process, over a PostgreSQL of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

SIZES = (1_000, 100_000, 5_000)
ROUNDS = 200  # of each question
AIMS = {"decide": 10.0, "check": 1.0, "inbox": 100.0}  # milliseconds


def main() -> None:
    rules, grants, waiting = map(int, sys.argv[1:4]) if len(sys.argv) > 3 else SIZES
    from measuring.alone import in_scratch

    with in_scratch() as scratch:
        measure(scratch, rules, grants, waiting)


def measure(scratch: Path, rules: int, grants: int, waiting: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    for command in (["migrate"], ["install_queue"], ["collectstatic", "--no-input"]):
        call_command(*command, verbosity=0)
    from measuring import much_access

    room = much_access.fill(scratch, rules, grants, waiting)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for what, aim, ask in room.questions():
        report(what, AIMS[aim], ask)


def report(what: str, aim: float, ask: Callable[[], object]) -> None:
    for _ in range(10):
        ask()
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1_000)
    took.sort()
    p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
    met = "yes" if p95 <= aim else "no"
    print(f"| {what} | {p50:.2f} / {p95:.2f} | ≤ {aim:g} | {met} |", flush=True)


if __name__ == "__main__":
    main()
