"""Celery's side of reading: the row says what is owed, a message is only the bell."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task

from catalog import ingest as ingestion

logger = logging.getLogger(__name__)
# Cloning and reading the largest location allowed; the parts have tighter limits of their own.
READ_LIMIT_SECONDS = 1_800


@shared_task(name="catalog.ingest", ignore_result=True, time_limit=READ_LIMIT_SECONDS)
def ingest(location_id: str) -> None:
    outcome = ingestion.ingest(UUID(location_id))
    if outcome and outcome.owes_others:
        ring_for_due()


@shared_task(name="catalog.refresh_due", ignore_result=True)
def refresh_due() -> None:
    for location_id in ingestion.claim_due():
        ring(location_id)


def ring(location_id: UUID) -> None:
    """Call a worker. If nobody hears, `refresh_due` calls again: what is owed stands in the row."""
    try:
        ingest.delay(str(location_id))
    except Exception:  # the broker may be away; the row is committed
        logger.warning("No worker could be called for location %s", location_id, exc_info=True)


def ring_for_due() -> None:
    """One bell for many locations: who hears it looks which are owed a read."""
    try:
        refresh_due.delay()
    except Exception:  # as above
        logger.warning("No worker could be called for what is due", exc_info=True)
