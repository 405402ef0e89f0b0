"""What the audit record says about reading: one event per ingestion, and one per entity where there are few."""

from __future__ import annotations

from catalog.models import Location
from catalog.naming import location_ref
from catalog.store import Written
from control import audit

# Up to here each entity gets its own event, for its Activity tab; a first read of thousands is one event.
EACH = 20
NAMED = 200  # references named in the one event


def record_ingestion(location: Location, written: Written) -> None:
    counts = {"added": written.added, "changed": written.changed, "removed": written.removed}
    words = ", ".join(f"{len(refs):,} {verb}" for verb, refs in counts.items() if refs)
    audit.record(
        "catalog.ingested",
        actor=None,
        subject_ref=location_ref(location),
        summary=f"{words} from {location}",
        after={verb: refs[:NAMED] for verb, refs in counts.items() if refs},
    )
    if sum(map(len, counts.values())) <= EACH:
        for verb, refs in counts.items():
            for ref in refs:
                _record_entity(verb, ref, location)


def _record_entity(verb: str, ref: str, location: Location) -> None:
    words = {"added": "Found in", "changed": "Changed in", "removed": "Not described any more by"}
    audit.record(f"entity.{verb}", actor=None, subject_ref=ref, summary=f"{words[verb]} {location}")


def record_failure(location: Location, message: str) -> None:
    audit.record(
        "location.failed",
        actor=None,
        subject_ref=location_ref(location),
        summary=f"{location} could not be read",
        detail=message,
    )
