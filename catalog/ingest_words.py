"""What a read did, in a line for people."""

from __future__ import annotations

from catalog.ingest import Outcome


def in_words(outcome: Outcome | None) -> str:
    if outcome is None:
        return "a worker is reading it already."
    if outcome.failure:
        return f"could not be read. {outcome.failure}"
    if outcome.postponed:
        return outcome.postponed
    return (
        f"{outcome.added:,} added, {outcome.changed:,} changed, {outcome.removed:,} removed, "
        f"{outcome.problems:,} problems."
    )
