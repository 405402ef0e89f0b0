"""Celery's door into the scaffolder. Runs themselves come through `control.tasks`."""

from __future__ import annotations

from celery import shared_task

from control import clock
from scaffolder import runs


@shared_task(name="scaffolder.forget_ended", ignore_result=True)
def forget_ended() -> None:
    runs.forget_ended(at=clock.now())
