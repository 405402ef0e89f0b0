"""Take over the catalogue of a running Backstage or another Portico, once.

To follow it by itself, register it as a location of type `backstage` instead.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Count

from catalog import ingest, locations
from catalog.ingest_words import in_words
from catalog.models import Location
from catalog.portal_import import portal_source
from control.errors import InvalidParameters


class Command(BaseCommand):
    help = "Import every entity of a portal with Backstage's catalogue API. Again brings it up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="address of the portal, like https://backstage.example.com")
        parser.add_argument(
            "--token-file", type=Path, help="file with a token for its API; nothing of it is kept"
        )
        parser.add_argument(
            "--filter",
            action="append",
            default=[],
            help="kind=component,spec.type=service; several are OR-ed",
        )
        parser.add_argument(
            "--org", action="store_true", help="people and teams too, who decide about requests here then"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        token = self._token(options["token_file"])
        filters = ";".join(options["filter"])
        target = f"{options['url']}#{filters}" if filters else options["url"]
        with transaction.atomic() if options["dry_run"] else _nothing():
            self._import(target, token, is_org_source=options["org"])
            if options["dry_run"]:
                transaction.set_rollback(True)
                self.stdout.write("Nothing was changed: this was a dry run.")

    def _token(self, path: Path | None) -> str:
        try:
            return path.read_text().strip() if path else ""
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error

    def _import(self, target: str, token: str, *, is_org_source: bool) -> None:
        try:
            location = locations.register(
                Location.Type.BACKSTAGE, target, by=None, is_org_source=is_org_source, is_read_once=True
            )
        except InvalidParameters as refusal:
            raise CommandError(str(refusal)) from refusal
        outcome = ingest.ingest(location.pk, opener=partial(portal_source, token=token))
        if outcome is None or outcome.failure or outcome.postponed:
            raise CommandError(f"{location}: {in_words(outcome)}")
        self.stdout.write(f"{location}: {in_words(outcome)}")
        self._say_what_is_there(location)

    def _say_what_is_there(self, location: Location) -> None:
        counted = location.entities.values("kind").annotate(count=Count("pk")).order_by("kind")
        for row in counted:
            self.stdout.write(f"  {row['count']:,} × {row['kind']}")
        for problem in location.problems.exclude(code="dangling").order_by("path")[:20]:
            self.stdout.write(f"  {problem.path}: {problem.message}")
        if not location.is_org_source:
            self.stdout.write(
                "  People and teams are left out. Add --org if they shall decide about requests here."
            )


@contextmanager
def _nothing() -> Iterator[None]:
    yield
