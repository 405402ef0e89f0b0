"""CPU seconds and memory of groups of processes, by the system's own accounting."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def cpu_seconds(roots: Iterable[int]) -> float:
    """Of these processes, their living children, and what the kernel remembers of children that ended."""
    total = 0.0
    for root in roots:
        process = psutil.Process(root)
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        for child in process.children(recursive=True):
            own = child.cpu_times()
            total += own.user + own.system
    return total


def memory_bytes(root: int) -> list[int]:
    """Proportional size (what is shared counts by its share) of a process and each of its children."""
    process = psutil.Process(root)
    return [one.memory_full_info().pss for one in (process, *process.children(recursive=True))]
