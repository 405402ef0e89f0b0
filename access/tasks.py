"""Celery's doors into access. Each may run twice or never: the rows say what is owed."""

from __future__ import annotations

from celery import shared_task

from access import reconcile as reconciling
from access import sweep as sweeping


@shared_task(name="access.reconcile", ignore_result=True)
def reconcile(right_id: int) -> None:
    reconciling.reconcile(right_id)


@shared_task(name="access.sweep", ignore_result=True)
def sweep() -> None:
    sweeping.sweep()
