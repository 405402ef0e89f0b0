"""What pages say about a location: its state in a word, what registering one would do, who may remove it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from catalog.forms import RegisterForm
from catalog.models import Entity, Location, Problem
from catalog.presentation import place_words
from catalog.targets import ORG_SOURCES
from catalog.visibility import sight_of
from control.models import User

_ICONS = {
    Location.Type.FILE: "folder",
    Location.Type.URL: "globe",
    Location.Type.GIT: "folder-git-2",
    Location.Type.GITHUB_DISCOVERY: "boxes",
    Location.Type.GITLAB_DISCOVERY: "boxes",
    Location.Type.GITHUB_ORG: "users",
    Location.Type.GITLAB_ORG: "users",
    Location.Type.BACKSTAGE: "import",
}
_EFFECTS = {
    Location.Type.GIT: "Portico clones this git repository and reads its catalog-info.yaml, or the path after #.",
    Location.Type.URL: "Portico reads this one file from the web.",
    Location.Type.FILE: "Portico reads these files from this server's disk.",
    Location.Type.BACKSTAGE: "Portico takes over every entity of this portal through its catalogue API.",
    **dict.fromkeys(
        [Location.Type.GITHUB_DISCOVERY, Location.Type.GITLAB_DISCOVERY],
        "Portico lists the repositories and makes each one that has the file a location of its own. New ones are "
        "found, and those that are deleted leave.",
    ),
    **dict.fromkeys(
        [Location.Type.GITHUB_ORG, Location.Type.GITLAB_ORG],
        "Portico takes people and teams from it, and keeps following who is in which.",
    ),
}


@dataclass(frozen=True)
class LocationRow:
    location: Location
    mark: str  # ok, warn, bad, running, unknown
    words: str
    place: str
    icon: str
    is_busy: bool  # a page about it asks again soon


def troubled(user: User) -> Q:
    """Which locations have problems, as far as `user` may know of them."""
    is_failing = Q(failing_since__isnull=False)
    if sight_of(user).is_whole:
        return is_failing | Q(problem_count__gt=0)
    return is_failing | Q(Exists(Problem.objects.visible_to(user).filter(location=OuterRef("pk"))))


def with_seen_counts(locations: Iterable[Location], user: User) -> list[Location]:
    """The locations, to be shown: their counts are of what `user` sees. Two queries, none for who sees everything."""
    listed = list(locations)
    if sight_of(user).is_whole:
        return listed
    entities = _per_location(Entity.objects.visible_to(user), listed)
    problems = _per_location(Problem.objects.visible_to(user), listed)
    for location in listed:
        location.entity_count, location.problem_count = (
            entities.get(location.pk, 0),
            problems.get(location.pk, 0),
        )
    return listed


def _per_location(found: QuerySet[Any], listed: list[Location]) -> dict[UUID, int]:
    return dict(found.filter(location__in=listed).order_by().values_list("location").annotate(Count("pk")))


def row(location: Location) -> LocationRow:
    mark, words = state_of(location)
    return LocationRow(
        location=location,
        mark=mark,
        words=words,
        place=place_words(location),
        icon=_ICONS[Location.Type(location.type)],
        is_busy=mark == "running",
    )


def state_of(location: Location) -> tuple[str, str]:
    """A mark and a word for it. What is under way comes before what was found last time."""
    if location.reading_since:
        return "running", "Reading"
    if is_postponed(location):
        return "unknown", f"Waits until {timezone.localtime(location.postponed_until):%H:%M}"
    if is_owed(location):
        return "running", "Waiting to be read"
    if location.failing_since:
        return "bad", "Cannot be read"
    if location.problem_count:
        return "warn", f"{location.problem_count:,} problem{'' if location.problem_count == 1 else 's'}"
    return ("ok", "Read") if location.read_at else ("unknown", "Not read yet")


def is_postponed(location: Location) -> bool:
    """Its host asked to be left alone, and the time has not come yet."""
    return location.postponed_until is not None and location.postponed_until > timezone.now()


def is_owed(location: Location) -> bool:
    """Somebody asked for a read that has not happened since."""
    asked = location.refresh_asked_at
    last = max(filter(None, (location.read_at, location.failing_since)), default=None)
    return asked is not None and (last is None or asked > last)


def may_remove(location: Location, user: User) -> bool:
    """Whether to offer it; the rule itself is in `locations.remove`."""
    if location.parent_id:
        return False
    return user.is_staff or location.registered_by_id == user.pk


def effect_of(form: RegisterForm) -> list[str]:
    """What registering this would do, in sentences; empty while nothing sensible is typed."""
    if not form.is_bound or not form.is_valid():
        return []
    every = settings.PORTICO_REFRESH_SECONDS // 60 or 1
    type = Location.Type(form.cleaned_data["type"])
    return [
        _EFFECTS[type],
        "What the file points to is read too. Each entity is checked, and a bad one never takes its neighbours along.",
        f"It is read again every {every} min, and whenever somebody asks.",
        *(
            ["People and teams are taken from it, and teams approve requests."]
            if form.cleaned_data.get("is_org_source") or type in ORG_SOURCES
            else []
        ),
    ]
