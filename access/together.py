"""Several wishes sent as one: all of them are written, or none.

Each stays a request of its own, decided by its own rule and its own people; a batch remembers that they were asked
together (docs/decisions/015).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.urls import reverse

from access.models import Batch, BatchLine
from control import clock, intents
from control.capability import Draft
from control.companions import Together
from control.errors import InvalidParameters, Refused
from control.models import Intent, State, User

MOST_LINES = 20


def submit(drafts: Sequence[Draft], *, by: User, key: UUID) -> Batch:
    """Write all of `drafts` (of `by`), or none. `key` makes a repeated submission harmless.

    Raises `InvalidParameters`, and `Refused` for the first line that the rules refuse.
    """
    if not 1 <= len(drafts) <= MOST_LINES:
        raise InvalidParameters(
            {"what": f"Ask for at least one thing, and for {MOST_LINES} at most at once."}
        )
    if earlier := _earlier(key, by):
        return earlier
    try:
        return _write(drafts, by, key)
    except IntegrityError:
        if earlier := _earlier(key, by):
            return earlier
        raise


def _earlier(key: UUID, by: User) -> Batch | None:
    batch = Batch.objects.filter(pk=key).first()
    if batch and batch.requested_by_id != by.pk:
        raise Refused("This form was sent by somebody else already. Open a new one.")
    return batch


@transaction.atomic
def _write(drafts: Sequence[Draft], by: User, key: UUID) -> Batch:
    batch = Batch(id=key, requested_by=by, requested_at=clock.now())
    batch.save(force_insert=True)
    for draft in drafts:
        intent = intents.submit(draft)
        if intent.state == State.DENIED:
            message = intent.decisions.latest("id").explanation.get("message", "")
            raise Refused(f"{intent.title}: {message} Nothing was sent.")
        BatchLine.objects.create(batch=batch, intent=intent)
    return batch


def others_of(intents: Sequence[Intent]) -> dict[UUID, list[Intent]]:
    """What was asked for together with each; those that were asked for alone are left out. One query."""
    theirs = BatchLine.objects.filter(intent__in=intents)
    lines = BatchLine.objects.filter(batch__in=theirs.values("batch")).select_related("intent").order_by("pk")
    together: dict[UUID, list[Intent]] = {}
    for line in lines[: MOST_LINES * max(len(intents), 1)]:
        together.setdefault(line.batch_id, []).append(line.intent)
    asked = {intent.pk for intent in intents}
    return {
        one.pk: [other for other in batch if other.pk != one.pk]
        for batch in together.values()
        for one in batch
        if one.pk in asked and len(batch) > 1
    }


def companions_of(intents: Collection[UUID]) -> dict[UUID, Together]:
    """For the inbox, which shows as one what was sent as one. One query."""
    batches = BatchLine.objects.filter(intent__in=intents).values("batch")
    lines = BatchLine.objects.filter(batch__in=batches).order_by("pk").values_list("batch_id", "intent_id")
    found: dict[UUID, list[UUID]] = {}
    for batch, intent in lines[: MOST_LINES * max(len(intents), 1)]:
        found.setdefault(batch, []).append(intent)
    asked = set(intents)
    return {
        intent: Together(batch, reverse("access:together", args=[batch]), tuple(theirs))
        for batch, theirs in found.items()
        for intent in theirs
        if intent in asked and len(theirs) > 1
    }


def words_of(others: Sequence[Intent]) -> str:
    """For whoever decides one that was asked for together with `others`; empty without others."""
    if not others:
        return ""
    named = ", ".join(f"{one.title} ({one.get_state_display().lower()})" for one in others)
    return f"Asked for together with {named}. You decide this one."
