"""Taking a location and all that came from it out of the catalogue. Who may, and why, is for the callers to say."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from catalog import custom_kinds, org, problem_store, store
from catalog.ingest_record import NAMED
from catalog.models import Location, Problem
from catalog.naming import location_ref
from control import audit
from control.models import User


def take_away(location: Location, *, by: User | None, why: str = "") -> list[Location]:
    """Remove `location` with its entities and what a discovery found; the record keeps what that was.

    Called in a transaction that holds the catalogue's lock. Returns the locations that may have a claim to what went
    and are owed a read now: the caller rings for them.
    """
    heirs = {heir.pk for child in location.children.all() for heir in take_away(child, by=by, why=why)}
    refs = store.remove_entities_of(location)
    heirs.update(heir.pk for heir in claimants_of(refs))
    audit.record(
        "location.removed",
        actor=by,
        subject_ref=location_ref(location),
        summary=f"Removed {location} with {len(refs)} entities",
        detail=why,
        before={"type": location.type, "target": location.target, "entities": refs[:NAMED]},
    )
    location.delete()
    if refs:
        problem_store.follow_references([], [], refs)
        store.raise_revision(at=timezone.now())
        org.sync_if_concerned(refs)
        custom_kinds.owe_reads(refs, at=timezone.now())
    return list(Location.objects.filter(pk__in=heirs))


def claimants_of(refs: Iterable[str]) -> list[Location]:
    """The locations that describe one of `refs` too, in vain: to be read once these are gone."""
    conflicts = Problem.objects.filter(code=Problem.Code.CONFLICT, entity_ref__in=list(refs))
    return list(Location.objects.filter(pk__in=conflicts.values("location")))
