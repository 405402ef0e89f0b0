"""One table a size, in Markdown: what was measured, what Backstage took for the same, and whether the aim is met.

Backstage's figures are of a backend with current packages of npm, PostgreSQL and no sign-in, on two cores of the same
kind, with data of this kind; at 100,000 entities it was not measured, so those of 50,000 stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LARGE = 50_000  # from here on the second column of what Backstage took counts


@dataclass(frozen=True)
class Row:
    """`number` and `second` are what aims are held against: a rate, CPU seconds, megabytes; the producer says which."""

    name: str
    result: str
    detail: Sequence[str] = ()
    number: float = 0.0
    second: float = 0.0
    p95_ms: float = 0.0


@dataclass(frozen=True)
class Aim:
    """`times` × Backstage's figures, of one client and of eight; or what `is_met` says of a row and a size."""

    small: tuple[float, ...] = ()  # Backstage at 10,000: one client, eight clients
    large: tuple[float, ...] = ()  # at 50,000
    times: tuple[float, float] = (1, 1)
    times_large: tuple[float, float] = (1, 1)
    words: str = ""
    is_met: Callable[[Row, int], bool] | None = field(default=None)


AIMS = {
    "ingest until related and searchable": Aim(
        words="≥ 1,410 entities/s, ≤ 1.0 CPU s per 1,000",
        is_met=lambda row, size: row.number >= 1_410 and row.second <= size / 1_000,
    ),
    "refresh with nothing changed": Aim(
        words="≤ 2 CPU s per 10,000", is_met=lambda row, size: row.second <= max(2.0, size / 5_000)
    ),
    "database size": Aim(
        words="≤ ¼ of 322 MB per 10,000",
        is_met=lambda row, size: row.number <= max(1, size / 10_000) * 322 / 4,
    ),
    "by-name": Aim((1_025, 2_234), (1_022, 2_384)),
    "by-query kind+type, ordered, 20": Aim((38, 70), (8.3, 11), (20, 20), (100, 100)),
    "by-query full text": Aim((95, 135), (6.5, 7.2), (5, 5), (50, 50)),
    "three facets": Aim((37, 55), (7.7, 12), (10, 10), (50, 50)),
    "search": Aim((169, 334), (54, 108), (2, 2), (5, 5)),
    "entities by owner": Aim((357, 877), (330, 780)),
    "memory of a web process": Aim(words="≤ ½ of 684 MB", is_met=lambda row, _: row.number <= 342),
}


def print_table(size: int, rows: Sequence[Row]) -> None:
    print(f"\n### {size:,} entities\n")
    head = (
        "work",
        "1 / 8 clients",
        "p50 / p95 / p99 ms, 1 client",
        "8 clients",
        "CPU web ms",
        "PostgreSQL ms",
    )
    print(f"| {' | '.join(head)} | aim | met |\n|{'---|' * (len(head) + 2)}")
    for row in rows:
        detail = [*row.detail, "", "", "", ""][:4]
        print(f"| {' | '.join([row.name, row.result, *detail, *_judged(row, size)])} |", flush=True)


def _judged(row: Row, size: int) -> tuple[str, str]:
    aim = AIMS.get(row.name)
    if aim is None:
        return "", ""
    if aim.is_met:
        return aim.words, "yes" if aim.is_met(row, size) else "**no**"
    figures, times = (aim.large, aim.times_large) if size >= LARGE else (aim.small, aim.times)
    wanted = [figure * factor for figure, factor in zip(figures, times, strict=True)]
    is_met = row.number >= wanted[0] and row.second >= wanted[1]
    words = " / ".join(f"{number:,.0f}" for number in wanted)
    return f"≥ {words}", "yes" if is_met else "**no**"
