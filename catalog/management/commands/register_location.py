"""Register a location from the shell, and read it at once: the way to add the first ones, and sources of people."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog import ingest, locations
from catalog.ingest_words import in_words
from catalog.models import Location
from control.errors import InvalidParameters


class Command(BaseCommand):
    help = "Register a place as a location of the catalogue, and read it with all that it leads to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("type", choices=Location.Type.values)
        parser.add_argument(
            "target",
            help="an absolute path or pattern (file); an https address (url); a git address, with #path/inside after "
            "it (git); an organisation or group, with #/path?name=…&topic=… after it (…-discovery), or alone (…-org); "
            "the address of a portal, with #filter after it (backstage)",
        )
        parser.add_argument(
            "--org", action="store_true", help="take people and teams from it, who decide about requests"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            location = locations.register(
                options["type"], options["target"], by=None, is_org_source=options["org"]
            )
        except InvalidParameters as refusal:
            raise CommandError(str(refusal)) from refusal
        outcome = ingest.ingest(location.pk)
        if outcome and outcome.failure:
            raise CommandError(f"{location} is registered, but cannot be read. {outcome.failure}")
        self.stdout.write(f"{location}: {in_words(outcome)}")
        self._problems(location)
        for child in location.children.filter(read_at=None).order_by("target"):
            self.stdout.write(f"{child.target}: {in_words(ingest.ingest(child.pk))}")
            self._problems(child)

    def _problems(self, location: Location) -> None:
        for problem in location.problems.order_by("path", "line")[:20]:
            self.stdout.write(f"  {problem.path}:{problem.line or 1}: {problem.message}")
