"""Register a location from the shell, and read it at once: the way to add the first ones, and sources of people."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog import ingest, locations
from catalog.models import Location
from control.errors import InvalidParameters


class Command(BaseCommand):
    help = "Register a file, web address or git repository as a location of the catalogue, and read it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("type", choices=Location.Type.values)
        parser.add_argument(
            "target",
            help="an absolute path or pattern; an https address; or a git address, with #path/inside after it",
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
        if outcome is None:
            self.stdout.write(f"{location} is registered; a worker is reading it already.")
        elif outcome.failure:
            raise CommandError(f"{location} is registered, but cannot be read. {outcome.failure}")
        else:
            self.stdout.write(
                f"{location}: {outcome.added} added, {outcome.changed} changed, {outcome.removed} removed, "
                f"{outcome.problems} problems."
            )
            for problem in location.problems.order_by("path", "line")[:20]:
                self.stdout.write(f"  {problem.path}:{problem.line or 1}: {problem.message}")
