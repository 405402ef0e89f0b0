"""Taking one entity out of the catalogue: what is left over, on a page; anything, as clients of the API may ask."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from catalog import custom_kinds, location_removal, locations, org, problem_store, store
from catalog.models import Entity
from catalog.ownership import may_change
from control import audit
from control.errors import Refused, TooLate
from control.models import User


@transaction.atomic
def remove_orphan(entity_id: UUID, *, by: User) -> None:
    """Remove what stays only because its file or document is broken or gone.

    Raises `Refused` for who may not change it, `TooLate` when it is gone or described again. The record keeps it.
    """
    store.lock_catalogue()
    entity = Entity.objects.select_related("location").filter(pk=entity_id).first()
    if entity is None:
        raise TooLate("This entity is not in the catalogue any more, so there is nothing to remove.")
    if not may_change(by, entity):
        raise Refused("Only its owners and administrators may remove an orphan. Ask one of them.")
    if entity.orphaned_at is None:
        raise TooLate(
            f"{entity.ref} is described in {entity.source_path}, so it would come back with the next read. Delete it "
            "there, and it leaves the catalogue by itself."
        )
    _take_out(entity, by, "entity.orphan_removed", f"Removed the orphan {entity.ref}")


@transaction.atomic
def remove_entity(entity_id: UUID, *, by: User) -> None:
    """Remove it, and have its file parsed at the next read. What `by` cannot see, or is gone, is left as it is."""
    store.lock_catalogue()
    entity = Entity.objects.visible_to(by).filter(pk=entity_id).select_related("location").first()
    if entity is None:
        return
    if entity.location.registered_by_id != by.pk and not may_change(by, entity):
        raise Refused(
            "Only its owners, who registered its location, or an administrator may remove an entity. Ask one of them."
        )
    entity.location.files.filter(key=entity.source_path).update(digest="")
    _take_out(entity, by, "entity.removed", f"Removed {entity.ref}, which came from {entity.location}")


def _take_out(entity: Entity, by: User, action: str, summary: str) -> None:
    heirs = location_removal.claimants_of([entity.ref])
    audit.record(
        action,
        actor=by,
        subject_ref=entity.ref,
        summary=summary,
        before={
            "location": str(entity.location),
            "path": entity.source_path,
            "owner": entity.owner_ref,
            "digest": entity.digest,
        },
    )
    store.remove_entity(entity)
    problem_store.follow_references([], [], [entity.ref])
    problem_store.count_again(entity.location, [entity.ref])
    store.count_entities(entity.location)
    store.raise_revision(at=timezone.now())
    org.sync_if_concerned([entity.ref])
    custom_kinds.owe_reads([entity.ref], at=timezone.now())
    locations.owe_reads(heirs)
