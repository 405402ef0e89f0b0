"""Taking one entity out of the catalogue: meant for what is left over. What its file still describes comes back."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from catalog import org, problem_store, store
from catalog.models import Entity, Location
from control import audit
from control.errors import Refused
from control.models import User


@transaction.atomic
def remove_entity(entity_id: UUID, *, by: User) -> None:
    """Remove it, and have its file parsed at the next read. What `by` cannot see, or is gone, is left as it is."""
    store.lock_catalogue()
    found = Entity.objects.visible_to(by).filter(pk=entity_id).select_related("location").light().first()
    if found is None:
        return
    if not _may_remove(found, by):
        raise Refused(
            "Only its owners, who registered its location, or an administrator may remove an entity. Ask one of them."
        )
    audit.record(
        "entity.removed",
        actor=by,
        subject_ref=found.ref,
        summary=f"Removed {found.ref}, which came from {found.location}",
        before={"location": str(found.location), "path": found.source_path},
    )
    found.location.files.filter(key=found.source_path).update(digest="")
    store.remove_entity(found.pk, found.ref)
    problem_store.follow_references([], [], [found.ref])
    store.raise_revision(at=timezone.now())
    org.sync_if_concerned([found.ref])
    Location.objects.filter(pk=found.location_id).update(
        entity_count=Entity.objects.filter(location=found.location_id).count()
    )


def _may_remove(entity: Entity, by: User) -> bool:
    if by.is_staff or entity.location.registered_by_id == by.pk:
        return True
    return entity.owner_ref == by.entity_ref or by.groups.filter(name=entity.owner_ref).exists()
