"""Makes the database ready for this version: tables, queue, static files, and the demo where it is wanted.

Safe to run at every start and from several machines at once: one of them works, the others wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from control import policy, policy_sources
from control.errors import PolicyInvalid
from portal import demo
from portal.welcome import SIGN_INS

_PREPARE_LOCK = 7_340_000
STORY = {"asks": "asks for access", "decides": "decides requests", "administers": "administers the portal"}


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        self._connect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_PREPARE_LOCK])
        self._migrate()
        call_command("install_queue", stdout=self.stdout)
        self._publish_rules()
        self._say("Collecting static files …")
        call_command("collectstatic", interactive=False, verbosity=0)
        if settings.PORTICO_DEMO:
            self._load_demo()
        _remember_sign_ins(settings.PORTICO_HOME / SIGN_INS)

    def _connect(self) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            raise CommandError(
                f"The database of DATABASE_URL does not answer: {str(error).strip()} Check the address and that the "
                f"server runs."
            ) from error

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        owed = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if owed:
            self._say(f"Bringing the tables up to date: {len(owed)} migrations …")
            call_command("migrate", interactive=False, verbosity=0)

    def _publish_rules(self) -> None:
        """A set that cannot be taken leaves the one before in force; without one, nothing would be allowed."""
        try:
            policy_sources.publish_at_start()
        except PolicyInvalid as refusal:
            if policy.in_force() is None:
                raise CommandError(f"The rules of PORTICO_POLICY_PATHS cannot be taken.\n{refusal}") from None
            self._say(f"The rules have not changed, for PORTICO_POLICY_PATHS cannot be taken:\n{refusal}")

    def _load_demo(self) -> None:
        self._say("Loading the demo organisation, where it is not there yet …")
        summary = demo.load(settings.PORTICO_HOME, database_url=settings.DATABASE_URL, say=self._say)
        for note in summary.notes:
            self._say(note)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _remember_sign_ins(path: Path) -> None:
    """Only of the demo: other people's passwords are nobody's business."""
    if not settings.PORTICO_DEMO:
        path.unlink(missing_ok=True)
        return
    people = [person for person in demo.people() if person.story]
    lines = [f"Sign in with the password {demo.PASSWORD} as"]
    lines += [f"    {person.username:<14} {person.title:<18} {STORY[person.story]}" for person in people]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
