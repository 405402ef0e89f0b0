"""Prove, seal and export the record: `manage.py audit verify | seal | export`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from control import audit
from control.models import AuditEvent, AuditSeal

EXPORT_CHUNK = 2_000  # events held in memory at once


class Command(BaseCommand):
    help = (
        "Verify that no sealed audit event was changed, seal what is new, or export the record as JSON Lines."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["verify", "seal", "export"])

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        getattr(self, f"_{what}")()

    def _verify(self) -> None:
        findings = list(audit.verify())
        for finding in findings:
            self.stderr.write(finding.words)
        if findings:
            raise CommandError(f"{len(findings)} of {AuditSeal.objects.count()} seals are broken.")
        sealed = sum(len(ids) for ids in AuditSeal.objects.values_list("event_ids", flat=True).iterator())
        self.stdout.write(f"{AuditSeal.objects.count()} seals over {sealed} events are whole.")

    def _seal(self) -> None:
        self.stdout.write(f"{audit.seal()} events sealed.")

    def _export(self) -> None:
        for event in AuditEvent.objects.order_by("id").iterator(chunk_size=EXPORT_CHUNK):
            sys.stdout.write(audit.canonical(event).decode() + "\n")
