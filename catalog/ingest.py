"""From a location to the catalogue: read everything, then write it in one transaction.

Reading happens outside of any transaction and may take minutes; one reader per location, by a lock that ends with
its connection, so a dead reader's location is free at once. Writing happens under the catalogue's lock and is a fixed
number of statements. A failed read changes nothing but says so; an unchanged one writes nothing but when it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog import custom_kinds, discovery, location_notices, org, problem_store, store
from catalog.errors import Postponed, Unreadable
from catalog.ingest_record import record_failure, record_ingestion
from catalog.models import Entity, Location, SourceFile
from catalog.openings import opened
from catalog.reading import FileRead, Reading, State, read_location
from catalog.sources import Source
from control.sole_worker import sole_worker

logger = logging.getLogger(__name__)
_LOCK_CLASS = 7_340_003
_OUR_FAULT = (
    "Portico met an error of its own while reading this location; its log has the details. Nothing was changed. Tell "
    "whoever runs it."
)
_REMOVED = "The location was removed while it was read."
PROGRESS_SECONDS = 0.5  # between two progress lines
# Without a sign of life for so long, a location is offered to another reader; the lock decides whether it gets it.
SIGN_OF_LIFE = timedelta(seconds=60)
DUE_AT_ONCE = 500
MANY = 2_000  # entities written at once, from which the database's own upkeep is not waited for


@dataclass(frozen=True)
class Outcome:
    """What a read did. `failure` is empty when it succeeded, `postponed` unless the host asked to wait.

    Of a discovery the numbers are the locations below it.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    problems: int = 0
    failure: str = ""
    postponed: str = ""
    owes_others: bool = False  # other locations are owed a read now


def claim_due(*, at: datetime | None = None) -> list[UUID]:
    """The locations that are owed a read now. Each is offered again when nobody gave a sign of life meanwhile."""
    at = at or timezone.now()
    with transaction.atomic():
        due = (
            Location.objects.due(at)
            .select_for_update(skip_locked=True)
            .values_list("pk", flat=True)[:DUE_AT_ONCE]
        )
        found = list(due)
        Location.objects.filter(pk__in=found).update(next_read_at=at + SIGN_OF_LIFE)
    return found


Opener = Callable[[Location], AbstractContextManager[Source]]


def ingest(location_id: UUID, *, opener: Opener = opened) -> Outcome | None:
    """Read one location. None when somebody else is reading it, or it is gone."""
    with sole_worker(_LOCK_CLASS, str(location_id)) as is_ours:
        location = Location.objects.filter(pk=location_id).first() if is_ours else None
        if location is None:
            return None
        started = timezone.now()
        signs = _SignsOfLife(location)
        try:
            outcome = _read_and_write(location, signs, started, opener)
            if outcome.added + outcome.changed + outcome.removed >= MANY:
                store.settle()
            return outcome
        except Postponed as error:
            return _postponed(location, error)
        except Unreadable as error:
            return _failed(location, str(error), started)
        except Exception:  # the edge of the work: it must be seen at the location, not only in a log
            logger.exception("Location %s could not be ingested", location_id)
            return _failed(location, _OUR_FAULT, started)
        finally:
            signs.over()


class _SignsOfLife:
    """One line of progress for people, which also says that the reader lives. Written apart from the ingestion."""

    def __init__(self, location: Location) -> None:
        self._row = Location.objects.filter(pk=location.pk)
        self._shown_at = 0.0
        now = timezone.now()
        self._row.update(reading_since=now, progress="Opening", next_read_at=now + SIGN_OF_LIFE)

    def __call__(self, line: str, *, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._shown_at > PROGRESS_SECONDS:
            self._shown_at = time.monotonic()
            self._row.update(progress=line[:200], next_read_at=timezone.now() + SIGN_OF_LIFE)

    def over(self) -> None:
        self._row.update(reading_since=None, progress="")


def _read_and_write(location: Location, signs: _SignsOfLife, started: datetime, opener: Opener) -> Outcome:
    if location.type in discovery.TYPES:
        return _write_discovery(location, discovery.look(location, signs), started)
    known = {file.key: file for file in location.files.all()}
    stage = store.Stage()
    with opener(location) as source:
        reading = read_location(
            source,
            known,
            is_org_source=location.is_org_source,
            defined=custom_kinds.in_force(),
            emit=stage.add,
            progress=signs,
        )
        signs(f"Writing {len(reading.described):,} entities", at_once=True)
        return _write(location, reading, stage, known, source.revision, started)


@transaction.atomic
def _write_discovery(location: Location, look: discovery.Look, started: datetime) -> Outcome:
    store.lock_catalogue()
    row = Location.objects.select_for_update().filter(pk=location.pk).first()
    if row is None:
        return Outcome(failure=_REMOVED)
    found = discovery.reconcile(row, look)
    _succeeded(row, "", started)
    owes = bool(found.added or found.moved)
    return Outcome(found.added, found.moved, found.removed, found.problems, owes_others=owes)


@transaction.atomic
def _write(
    location: Location,
    reading: Reading,
    stage: store.Stage,
    known: dict[str, SourceFile],
    revision: str,
    started: datetime,
) -> Outcome:
    store.lock_catalogue()
    row = Location.objects.select_for_update().filter(pk=location.pk).first()
    if row is None:
        return Outcome(failure=_REMOVED)
    described, kept = reading.described, reading.kept
    is_same = all(file.state is State.SAME for file in reading.files) and known.keys() <= {
        f.key for f in reading.files
    }
    removed = [] if is_same else store.remove_all_but(row, described | kept)
    written = stage.apply(row, at=started)
    written.removed = removed
    is_marked = store.mark_orphans(row, kept, at=started)
    troubles = [*reading.troubles, *problem_store.conflicts(written.foreign)]
    if problem_store.replace(row, troubles) or is_marked or written or written.moved:
        store.raise_revision(at=started)
    _remember_files(row, reading.files, known, claimed_elsewhere={path for _, path, _, _ in written.foreign})
    if written:
        problem_store.follow_references([*written.added, *written.changed], written.added, removed)
        record_ingestion(row, written)
        org.sync_if_concerned([*written.added, *written.changed, *removed])
    problem_store.count_again(row, [*written.added, *removed])
    _succeeded(row, revision, started)
    custom_kinds.owe_reads([*written.added, *written.changed, *removed], at=timezone.now())
    return Outcome(
        len(written.added), len(written.changed), len(removed), len(reading.troubles) + len(written.foreign)
    )


def _remember_files(
    location: Location, files: list[FileRead], known: dict[str, SourceFile], *, claimed_elsewhere: set[str]
) -> None:
    """What each file held, for the next read. What could not be read now is remembered as it was."""
    gone = known.keys() - {file.key for file in files}
    if gone:
        location.files.filter(key__in=gone).delete()
    rows = [
        SourceFile(
            location=location,
            key=file.key,
            digest="" if file.key in claimed_elsewhere else file.digest,
            reads=file.reads,
            validators=file.validators,
            targets=[[t.key, t.pointer, t.line, t.is_optional] for t in file.targets],
            refs=[*file.refs, *sorted(file.kept)],
        )
        for file in files
        if file.state is State.PARSED
        or (file.state is State.SAME and file.validators != known[file.key].validators)
    ]
    SourceFile.objects.bulk_create(
        rows,
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["location", "key"],
        update_fields=["digest", "reads", "validators", "targets", "refs"],
    )


def _succeeded(location: Location, revision: str, started: datetime) -> None:
    if location.failing_since:
        location_notices.readable(location)
    asked_meanwhile = location.refresh_asked_at is not None and location.refresh_asked_at > started
    Location.objects.filter(pk=location.pk).update(
        read_at=started,
        failing_since=None,
        failure="",
        postponed_until=None,
        postponed_why="",
        revision=revision,
        entity_count=Entity.objects.filter(location=location).count(),
        refresh_asked_at=location.refresh_asked_at if asked_meanwhile else None,
        next_read_at=started if asked_meanwhile else _next_read(location),
    )


def _next_read(location: Location) -> datetime | None:
    if location.is_read_once:
        return None
    return timezone.now() + timedelta(seconds=settings.PORTICO_REFRESH_SECONDS)


def _postponed(location: Location, error: Postponed) -> Outcome:
    """The host asked to wait. What was asked for is still owed, at the time that it named."""
    Location.objects.filter(pk=location.pk).update(
        postponed_until=error.until, postponed_why=str(error), next_read_at=error.until
    )
    return Outcome(postponed=str(error))


@transaction.atomic
def _failed(location: Location, message: str, started: datetime) -> Outcome:
    """Nothing is concluded from a failure: entities stay, and the location says since when and why."""
    row = Location.objects.select_for_update().filter(pk=location.pk).first()
    if row is None:
        return Outcome(failure=message)
    if row.failing_since is None:
        record_failure(row, message)
    asked_meanwhile = row.refresh_asked_at is not None and row.refresh_asked_at > started
    location_notices.failing(row, message, at=started)
    row.failing_since = row.failing_since or started
    row.failure = message
    row.refresh_asked_at = row.refresh_asked_at if asked_meanwhile else None
    row.next_read_at = _next_read(row)
    row.postponed_until, row.postponed_why = None, ""
    row.save(
        update_fields=[
            *("failing_since", "failure", "refresh_asked_at", "next_read_at"),
            *("postponed_until", "postponed_why"),
        ]
    )
    return Outcome(failure=message)
