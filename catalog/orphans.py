"""Taking an orphan out of the catalogue: an entity that stays only because its file or document is broken or gone."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from catalog import custom_kinds, locations, org, problem_store, store
from catalog.models import Entity
from catalog.ownership import may_change
from control import audit
from control.errors import Refused, TooLate
from control.models import User


@transaction.atomic
def remove(entity_id: UUID, *, by: User) -> None:
    """Raises `Refused` for who may not change it, `TooLate` when it is gone or described again. The record keeps it."""
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
    heirs = locations.claimants_of([entity.ref])
    _record(entity, by)
    store.remove_entity(entity)
    problem_store.follow_references([], [], [entity.ref])
    problem_store.count_again(entity.location, [entity.ref])
    store.count_entities(entity.location)
    store.raise_revision(at=timezone.now())
    org.sync_if_concerned([entity.ref])
    custom_kinds.owe_reads([entity.ref], at=timezone.now())
    locations.owe_reads(heirs)


def _record(entity: Entity, by: User) -> None:
    audit.record(
        "entity.orphan_removed",
        actor=by,
        subject_ref=entity.ref,
        summary=f"Removed the orphan {entity.ref}",
        before={
            "location": str(entity.location),
            "path": entity.source_path,
            "owner": entity.owner_ref,
            "digest": entity.digest,
        },
    )
