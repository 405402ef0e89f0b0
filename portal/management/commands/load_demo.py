"""Loads the demo organisation; what is there already stays as it is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal import demo

STORY = {"asks": "asks for access", "decides": "decides requests", "administers": "administers the portal"}


class Command(BaseCommand):
    help = "Load the demo organisation: repositories, people, rules, catalogue and a little history."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PORTICO_DEMO:
            raise CommandError(
                "This would let twelve people sign in with a password that everybody knows. If this database is for "
                "trying things out, set PORTICO_DEMO=1 and run it again."
            )
        summary = demo.load(settings.PORTICO_HOME, database_url=settings.DATABASE_URL, say=self.stdout.write)
        if not summary.lines:
            self.stdout.write("The demo is loaded already; nothing was changed.")
        self._print_sign_ins(summary)

    def _print_sign_ins(self, summary: demo.DemoSummary) -> None:
        self.stdout.write(f"\nSign in at {settings.PORTICO_URL} with the password {demo.PASSWORD}:\n")
        for person in summary.people:
            if person.story:
                self.stdout.write(f"  {person.username:<15} {person.title:<18} {STORY[person.story]}")
        others = [person.username for person in summary.people if not person.story]
        self.stdout.write(f"  and {', '.join(others)}")
