"""Registering, refreshing and removing locations: what people, commands and templates call.

Each checks, changes, records and rings a worker once the change is committed. Reading itself is `ingest.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import location_removal, store, targets, tasks
from catalog.errors import AlreadyRegistered
from catalog.models import Location
from catalog.naming import location_ref
from control import audit
from control.errors import InvalidParameters, Refused
from control.models import User


def register(
    type: str,
    target: str,
    *,
    by: User | None,
    is_org_source: bool = False,
    is_read_once: bool = False,
) -> Location:
    """The location of this target, new or as it stands, with a read of it owed.

    `is_read_once` is for a new one that nobody shall read again by itself, and that the caller reads now.
    `by` None is the command line, which alone may name files outside PORTICO_FILE_ROOTS. Raises `InvalidParameters`
    for a target that makes no sense, `Refused` when somebody else than an administrator asks for an org source.
    """
    checked = _checked(type, target, by=by, is_org_source=is_org_source)
    return _registered(type, checked, by=by, is_org_source=is_org_source, is_read_once=is_read_once)[0]


def register_new(type: str, target: str, *, by: User) -> Location:
    """As `register`, for callers that want to know: raises `AlreadyRegistered` where it stands already."""
    checked = _checked(type, target, by=by)
    with transaction.atomic():
        location, is_new = _registered(type, checked, by=by, is_org_source=False)
        if not is_new:
            raise AlreadyRegistered(f"Location {location} already exists")
    return location


def _checked(type: str, target: str, *, by: User | None, is_org_source: bool = False) -> str:
    if (is_org_source or type in targets.ORG_SOURCES) and by is not None and not by.is_staff:
        raise Refused(
            "Only administrators may register a source of people and teams, because teams approve requests. "
            "Register it without that mark, or ask an administrator to do it."
        )
    try:
        return targets.checked_target(type, target, outside_roots=by is None)
    except targets.TargetRefused as error:
        raise InvalidParameters({"target": str(error)}) from error


def _registered(
    type: str, target: str, *, by: User | None, is_org_source: bool, is_read_once: bool = False
) -> tuple[Location, bool]:
    """The location, and whether it is new."""
    is_org_source = is_org_source or type in targets.ORG_SOURCES
    with transaction.atomic():
        fields = {"is_org_source": is_org_source, "is_read_once": is_read_once, "registered_by": by}
        location, is_new = _get_or_create(type, target, fields)
        before = {"is_org_source": location.is_org_source}
        if is_new:
            audit.record(
                "location.registered",
                actor=by,
                subject_ref=location_ref(location),
                summary=f"Registered {location}",
                after={"type": type, "target": target, "is_org_source": is_org_source},
            )
        elif is_org_source and not location.is_org_source:
            location.is_org_source = True
            location.files.all().delete()  # people in unchanged files are to be read now
            audit.record(
                "location.became_org_source",
                actor=by,
                subject_ref=location_ref(location),
                summary=f"People and teams are read from {location}",
                before=before,
                after={"is_org_source": True},
            )
        if by is None and location.type == Location.Type.FILE:
            location.is_outside_roots = True
        if is_read_once:
            location.save(update_fields=["is_org_source", "is_outside_roots"])
        else:
            _owe_a_read(location)
    return location, is_new


def _get_or_create(type: str, target: str, fields: dict[str, Any]) -> tuple[Location, bool]:
    """Insert first and look on a clash: two that register at once get the same row."""
    try:
        with transaction.atomic():
            return Location.objects.create(type=type, target=target, **fields), True
    except IntegrityError as error:
        if "location_registered_once" not in str(error):
            raise
        return Location.objects.select_for_update().get(type=type, target=target), False


def _owe_a_read(location: Location) -> None:
    now = timezone.now()
    location.refresh_asked_at = location.next_read_at = now
    location.save(update_fields=["is_org_source", "is_outside_roots", "refresh_asked_at", "next_read_at"])
    transaction.on_commit(partial(tasks.ring, location.pk))


@transaction.atomic
def ask_refresh(location_id: UUID, *, by: User | None) -> Location:
    """Read it again soon; asking twice is one read. Anybody may ask."""
    location = Location.objects.select_for_update().get(pk=location_id)
    _owe_a_read(location)
    audit.record(
        "location.refresh_asked",
        actor=by,
        subject_ref=location_ref(location),
        summary=f"Asked to read {location} again",
    )
    return location


def move(location_id: UUID, type: str, target: str, *, by: User) -> Location:
    """Read from somewhere else from now on. What it described stays until the new place was read well.

    Raises `InvalidParameters`, `AlreadyRegistered`, and `Refused` as `remove` does; a source of people moves only by an
    administrator, because its groups approve requests.
    """
    checked = _checked(type, target, by=by)
    try:
        with transaction.atomic():
            return _moved(location_id, type, checked, by=by)
    except IntegrityError as error:
        if "location_registered_once" not in str(error):
            raise
        raise AlreadyRegistered(f"Location {type}:{checked} already exists") from error


def _moved(location_id: UUID, type: str, target: str, *, by: User) -> Location:
    location = Location.objects.select_for_update(of=("self",)).select_related("parent").get(pk=location_id)
    _refuse_found(location)
    if not _may_change(location, by) or (location.is_org_source and not by.is_staff):
        raise Refused("Only who registered a location, or an administrator, may move it. Ask one of them.")
    before, subject_ref = {"type": location.type, "target": location.target}, location_ref(location)
    location.type, location.target, location.is_outside_roots, location.revision = type, target, False, ""
    location.is_org_source = location.is_org_source or type in targets.ORG_SOURCES
    location.save(update_fields=["type", "target", "revision"])
    location.files.all().delete()  # keys of the old place mean nothing at the new one
    store.raise_revision(at=timezone.now())  # its entities say where they come from
    audit.record(
        "location.moved",
        actor=by,
        subject_ref=subject_ref,
        summary=f"Moved {before['type']}:{before['target']} to {location}",
        before=before,
        after={"type": type, "target": target},
    )
    _owe_a_read(location)
    return location


def _may_change(location: Location, by: User) -> bool:
    return by.is_staff or location.registered_by_id == by.pk


@transaction.atomic
def remove(location_id: UUID, *, by: User) -> None:
    """Take a location and all that came from it out of the catalogue; the record keeps what that was."""
    store.lock_catalogue()
    location = Location.objects.select_for_update(of=("self",)).select_related("parent").get(pk=location_id)
    if not _may_change(location, by):
        raise Refused("Only who registered a location, or an administrator, may remove it. Ask one of them.")
    _refuse_found(location)
    owe_reads(location_removal.take_away(location, by=by))


def _refuse_found(location: Location) -> None:
    if location.parent:
        raise Refused(
            f"{location.target} was found by {location.parent.target} and would be found again. Remove that "
            "one, or narrow what it selects."
        )


def owe_reads(heirs: Iterable[Location]) -> None:
    """The second claimant of a name gets it now."""
    for heir in heirs:
        _owe_a_read(heir)
