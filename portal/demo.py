"""Loads the demo organisation, so that the first start looks like a portal in use.

Each step happens once for a database: it can be repeated after a crash without doing anything twice, and leaves a mark
when it is done, so that what a person removes later stays removed. Content lives under `demo/`; this module only
hands it to the functions that everybody uses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from catalog import ingest, locations
from catalog.models import Location
from control import policy
from control.errors import ControlError
from control.models import User
from portal import demo_history, demo_logs, demo_repositories
from portal.demo_repositories import DEMO, Repository

ORGANISATION = "Halfmoon Books"
# The same for everybody, and printed: the demo is loaded into the embedded database or on request, never by itself
# into a database that somebody brought.
PASSWORD = "portico-demo"  # noqa: S105
READ_TIMEOUT_SECONDS = 60  # a demo repository is read in less than one
_LOAD_LOCK = 7_340_020


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    title: str
    story: str = ""  # what this person does in the guided tour: asks, decides, administers
    is_staff: bool = False

    @property
    def ref(self) -> str:
        return f"user:default/{self.username}"


@dataclass
class DemoSummary:
    """What one call did, one line for each step, and who can sign in."""

    people: list[Person]
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Say = Callable[[str], None]


def _say_nothing(_line: str) -> None:
    return


def people() -> list[Person]:
    return [Person(**row) for row in yaml.safe_load((DEMO / "people.yaml").read_text())["people"]]


def load(home: Path, *, database_url: str, say: Say = _say_nothing) -> DemoSummary:
    """Load what is missing. Safe to call at every start and from two processes at once: the second one waits."""
    summary = DemoSummary(people())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOAD_LOCK])
    try:
        for name, step in _Steps(home, database_url, summary).in_order():
            _once(home, name, step, summary, say)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOAD_LOCK])
    return summary


def _once(home: Path, name: str, step: Callable[[], str], summary: DemoSummary, say: Say) -> None:
    mark = home / "demo" / _database_identity() / name
    if mark.exists():
        return
    line = step()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    summary.lines.append(line)
    say(line)


def _database_identity() -> str:
    """Marks belong to one database: a new one, even under the old name, gets everything again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.system_identifier, d.oid FROM pg_control_system() c, pg_database d"
            " WHERE d.datname = current_database()"
        )
        server, database = cursor.fetchone()
    return f"{server}-{database}"


class _Steps:
    """The steps of one load; each returns the line that says what it did."""

    def __init__(self, home: Path, database_url: str, summary: DemoSummary) -> None:
        self.home = home
        self.database_url = database_url
        self.summary = summary

    def in_order(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("repositories", self.make_repositories),
            ("people", self.make_people),
            ("logs", self.make_log_store),
            ("policy", self.publish_policy),
            ("locations", self.read_locations),
            ("history", self.make_history),
        ]

    @cached_property
    def administrator(self) -> User:
        person = next(person for person in self.summary.people if person.is_staff)
        return User.objects.get(username=person.username)

    @property
    def has_demo_rules(self) -> bool:
        before = policy.in_force()
        return before is not None and before.digest == policy.digest_of(policy.load([DEMO / "policy"]))

    def make_repositories(self) -> str:
        made = demo_repositories.create(
            self.home, {person.username: person.name for person in self.summary.people}
        )
        return f"{len(made)} git repositories of {ORGANISATION} in {self.home / 'git'}"

    @transaction.atomic
    def make_people(self) -> str:
        kept = make_password(PASSWORD)  # slow on purpose, so once for all: everybody has the same one
        for person in self.summary.people:
            if not User.objects.filter(username=person.username).exists():
                _make_person(person, kept)
        return f"{len(self.summary.people)} people can sign in"

    def make_log_store(self) -> str:
        refusal = demo_logs.create(self.database_url, DEMO / "logs.sql")
        if not refusal:
            return f"Database {demo_logs.DATABASE}, for requests of production logs"
        self.summary.notes.append(
            f"The server refused the database {demo_logs.DATABASE} ({refusal}), so requests of production logs open "
            "nothing. Let this role create databases and roles, or leave it so."
        )
        return f"No database {demo_logs.DATABASE}"

    def publish_policy(self) -> str:
        """The rules that a fresh Portico ships with give way; rules that somebody wrote stay."""
        shipped = policy.digest_of(policy.load([policy.DEFAULT_PATH]))
        before = policy.in_force()
        if settings.PORTICO_POLICY_PATHS or (before and before.digest != shipped):
            return "Rules of your own are in force and stay"
        revision = policy.publish([DEMO / "policy"], by=self.administrator)
        return f"Rules in force: {len(revision.documents)} documents, revision {revision.short}"

    def read_locations(self) -> str:
        repositories = demo_repositories.all_repositories()
        failures = [failure for repository in repositories if (failure := self._read(repository))]
        self.summary.notes.extend(failures)
        return f"{len(repositories) - len(failures)} locations read into the catalogue"

    def _read(self, repository: Repository) -> str:
        """Returns "", or why it could not be read. A worker that is at it already is waited for."""
        target = f"{repository.bare(self.home).as_uri()}#{repository.entry}"
        location = Location.objects.filter(
            type=Location.Type.GIT, target=target
        ).first() or locations.register(
            Location.Type.GIT, target, by=self.administrator, is_org_source=repository.has_people
        )
        deadline = time.monotonic() + READ_TIMEOUT_SECONDS
        while (outcome := ingest.ingest(location.pk)) is None:
            if time.monotonic() > deadline:
                return f"{target} is still being read by a worker."
            time.sleep(0.2)
        return outcome.failure

    def make_history(self) -> str:
        """Left out where other rules are in force: what they would make of these requests is not for a demo to try."""
        if not self.has_demo_rules:
            return "No history: it would need the rules of the demo"
        try:
            return demo_history.make()
        except ControlError as refusal:
            self.summary.notes.append(f"The history is not whole: {refusal}")
            return "A part of the history"


def _make_person(person: Person, kept_password: str) -> None:
    first_name, _, last_name = person.name.partition(" ")
    User.objects.create(
        username=person.username,
        email=f"{person.username}@example.org",
        password=kept_password,
        first_name=first_name,
        last_name=last_name,
        entity_ref=person.ref,
        is_staff=person.is_staff,
    )
