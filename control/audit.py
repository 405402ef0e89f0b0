"""The record: append-only events, sealed in batches into a hash chain.

`record` is the only writer of events and runs in the transaction of the change. `seal` runs apart, so that writers
never wait: it covers whole transactions that are known to be finished, in ranges, so a late commit is never missed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from control.middleware import request_id
from control.models import AuditEvent, AuditSeal, Intent, User

SYSTEM_NAME = "Portico"
# What is longer is cut: a name must not keep a change from being recorded.
LONGEST_NAME, LONGEST_SUMMARY = 200, 500
SEAL_BATCH = 5_000  # events hashed in one seal: bounds memory and the length of the transaction
_SEAL_LOCK = 7_340_001  # any number, the same in every process


def record(
    action: str,
    *,
    actor: User | None,
    summary: str,
    on_behalf_of: User | None = None,
    subject_ref: str = "",
    intent: Intent | None = None,
    detail: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write one event in the caller's transaction. `actor` None is the portal itself; an agent acts for its owner
    without that being said."""
    behind = on_behalf_of or (actor.acts_for if actor else None)
    return AuditEvent.objects.create(
        action=action,
        actor=actor,
        actor_name=(actor.label if actor else SYSTEM_NAME)[:LONGEST_NAME],
        on_behalf_of_name=(behind.label if behind else "")[:LONGEST_NAME],
        subject_ref=subject_ref or (intent.subject_ref if intent else ""),
        intent=intent,
        summary=summary[:LONGEST_SUMMARY],
        detail=detail,
        before=dict(before or {}),
        after=dict(after or {}),
        request_id=request_id.get(),
    )


def canonical(event: AuditEvent) -> bytes:
    """The bytes of an event that are sealed: every column, keys sorted, times in UTC."""
    fields = {field.attname: getattr(event, field.attname) for field in AuditEvent._meta.concrete_fields}
    fields["at"] = event.at.astimezone(UTC).isoformat()
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), cls=DjangoJSONEncoder).encode()


def chain_hash(previous: str, events: Iterable[AuditEvent]) -> str:
    digest = hashlib.sha256(previous.encode())
    for event in events:
        digest.update(hashlib.sha256(canonical(event)).digest())
    return digest.hexdigest()


@transaction.atomic
def seal() -> int:
    """Seal the finished transactions since the last seal, oldest first; returns how many events that were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEAL_LOCK])
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        horizon: int = cursor.fetchone()[0]  # every transaction below it has ended
    last = AuditSeal.objects.order_by("-id").first()
    events = list(_unsealed(last.through_transaction if last else 0, horizon)[: SEAL_BATCH + 1])
    if len(events) > SEAL_BATCH:
        horizon = _cut(events)
        events = [event for event in events if (event.transaction or 0) < horizon]
    if not events:
        return 0
    previous = last.hash if last else ""
    AuditSeal.objects.create(
        through_transaction=horizon,
        event_ids=[event.pk for event in events],
        previous=previous,
        hash=chain_hash(previous, events),
    )
    return len(events)


def _unsealed(since: int, before: int) -> Any:
    return AuditEvent.objects.filter(transaction__gte=since, transaction__lt=before).order_by(
        "transaction", "id"
    )


def _cut(events: list[AuditEvent]) -> int:
    """Where a full batch ends: before its last transaction, or after it when that one fills the batch alone."""
    final = events[-1].transaction or 0
    return final if (events[0].transaction or 0) < final else final + 1


@dataclass(frozen=True)
class Finding:
    seal_id: int
    words: str


def verify() -> Iterator[Finding]:
    """What is wrong with the sealed record; nothing when it is whole. Reads one seal's events at a time."""
    previous, since = "", 0
    for sealed in AuditSeal.objects.order_by("id").iterator(chunk_size=100):
        events = list(_unsealed(since, sealed.through_transaction))
        if sealed.previous != previous:
            yield Finding(
                sealed.pk, f"Seal {sealed.pk} does not follow the seal before it: one was removed or changed."
            )
        missing = set(sealed.event_ids) - {event.pk for event in events}
        added = {event.pk for event in events} - set(sealed.event_ids)
        if missing:
            yield Finding(sealed.pk, f"Seal {sealed.pk}: events {sorted(missing)} are gone.")
        if added:
            yield Finding(sealed.pk, f"Seal {sealed.pk}: events {sorted(added)} were slipped in later.")
        if not missing and not added and chain_hash(sealed.previous, events) != sealed.hash:
            yield Finding(sealed.pk, f"Seal {sealed.pk}: the content of its events was changed.")
        previous, since = sealed.hash, sealed.through_transaction
