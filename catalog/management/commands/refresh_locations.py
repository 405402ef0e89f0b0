"""Read every location again, here and now; the schedule does the same for those that are due."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog import ingest
from catalog.ingest_words import in_words
from catalog.models import Location


class Command(BaseCommand):
    help = "Read locations of the catalogue again. Exits with 1 when one could not be read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--due", action="store_true", help="only those whose time has come")

    def handle(self, *args: Any, **options: Any) -> None:
        ids = (
            ingest.claim_due()
            if options["due"]
            else list(Location.objects.order_by("registered_at").values_list("pk", flat=True))
        )
        failed = 0
        for location in Location.objects.filter(pk__in=ids).order_by("registered_at"):
            outcome = ingest.ingest(location.pk)
            failed += bool(outcome and outcome.failure)
            self.stdout.write(f"{location}: {in_words(outcome)}")
        if failed:
            raise CommandError(
                f"{failed} of {len(ids)} locations could not be read; what came from them stays."
            )
