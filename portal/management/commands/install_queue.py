"""Puts the job queue's schema into the database, once; later calls find it there and change nothing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal import queue


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CELERY_BROKER_URL.startswith("pgmq"):
            self.stdout.write("Jobs go through CELERY_BROKER_URL: nothing to install.")
            return
        version = queue.install()
        self.stdout.write(
            f"Queue schema (pgmq {version}) installed." if version else "Queue schema is there."
        )
