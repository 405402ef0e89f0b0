"""Finding the repositories of an organisation that have a descriptor; each file found is a location of its own.

`look` asks the host and writes nothing but its kept answers; `reconcile` makes the locations below the discovery what
was found. Nothing goes but what is positively gone: a repository that a complete listing does not name and the host
does not know any more, or a file that a complete list of its repository's files lacks. What could not be looked at
stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.utils import timezone

from catalog import location_removal, problem_store, selection, store
from catalog.errors import Unreadable
from catalog.hosts import addresses
from catalog.hosts.asking import asked
from catalog.hosts.listing import Host, Repository, Whereabouts
from catalog.ingest_record import NAMED
from catalog.models import Location, Problem
from catalog.naming import location_ref
from catalog.reading import Trouble
from catalog.targets import DISCOVERIES
from control import audit

TYPES = DISCOVERIES
Progress = Callable[[str], None]


@dataclass
class Look:
    """What a complete listing named. Files are known by `repository number:path`, whatever they are called today."""

    files: dict[str, str] = field(default_factory=dict)  # → address
    unsure: set[str] = field(default_factory=set)  # repositories about which nothing is concluded
    gone: dict[str, str] = field(default_factory=dict)  # repository → why
    troubles: list[Trouble] = field(default_factory=list)
    repositories: int = 0


@dataclass(frozen=True)
class Found:
    """What became of the locations below a discovery."""

    added: int
    moved: int
    removed: int
    problems: int


def look(location: Location, progress: Progress) -> Look:
    """Ask the host. Raises `Unreadable` or `Postponed` when the listing is not complete; then nothing is concluded."""
    type = TYPES[Location.Type(location.type)]
    url, selected = selection.parse(location.target)
    with asked(location, type, url) as host:
        return _Looker(location, host, type, selected, progress).look()


class _Looker:
    def __init__(
        self,
        location: Location,
        host: Host,
        type: str,
        selected: selection.Selection,
        progress: Progress,
    ) -> None:
        self._location, self._host, self._type = location, host, type
        self._selection, self._progress = selected, progress
        self._found = Look()

    def look(self) -> Look:
        listed: set[str] = set()
        for repository in self._host.repositories():
            listed.add(repository.id)
            self._repository(repository)
            self._progress(f"Looked at {len(listed):,} repositories, {len(self._found.files):,} files found")
        self._found.repositories = len(listed)
        self._vanished(listed)
        return self._found

    def _repository(self, repository: Repository) -> None:
        branch = self._selection.branch or repository.branch
        if not branch:
            return
        if not self._selection.takes(repository):
            self._found.gone[repository.id] = f"{repository.full_name} is not selected any more."
            return
        try:
            paths = self._host.paths(repository, branch, self._selection)
        except Unreadable as error:
            self._not_concluded(repository.id, repository.full_name, str(error))
            return
        if not paths.is_complete:
            self._not_concluded(
                repository.id,
                repository.full_name,
                f"{repository.full_name} has more files than its host lists at once, so some may be missing. Name a "
                "narrower path, or register its files one by one.",
            )
        for path in paths.paths:
            address = addresses.file_address(repository.url, branch, path, self._type)
            self._found.files[f"{repository.id}:{path}"] = address

    def _not_concluded(self, id: str, name: str, message: str) -> None:
        self._found.unsure.add(id)
        self._found.troubles.append(Trouble(Problem.Code.UNREADABLE, message, name))

    def _vanished(self, listed: set[str]) -> None:
        """A repository may slip through a listing that changes while it is paged: so the host is asked about each."""
        known = {_repository_of(child): child for child in self._location.children.all()}
        missing = {id: child for id, child in known.items() if id not in listed}
        if missing and not listed:
            raise Unreadable(
                f"{self._location.target} lists no repository at all, where there were some. The token may have lost "
                "its rights. Nothing is taken away."
            )
        for id, child in missing.items():
            self._ask_about(id, child)

    def _ask_about(self, id: str, child: Location) -> None:
        address = addresses.parse(child.target)
        name = address.repository if address else child.target
        try:
            answer = self._host.whereabouts(id, name)
        except Unreadable as error:
            self._not_concluded(id, name, str(error))
            return
        if answer is Whereabouts.THERE:
            self._found.unsure.add(id)
        else:
            self._found.gone[id] = f"{name} is not there any more."


def _repository_of(child: Location) -> str:
    return child.found_as.partition(":")[0]


def reconcile(location: Location, found: Look) -> Found:
    """Called in a transaction that holds the catalogue's lock and the row of `location`."""
    children = {child.found_as: child for child in location.children.select_for_update()}
    moved = sum([_move(children[name], address) for name, address in found.files.items() if name in children])
    removed = list(_gone(children, found))
    for child, why in removed:
        for heir in location_removal.take_away(child, by=None, why=why):
            Location.objects.filter(pk=heir.pk).update(next_read_at=timezone.now())
    added = _add(location, {name: a for name, a in found.files.items() if name not in children})
    problem_store.replace(location, found.troubles)
    problem_store.count_again(location, [])
    return Found(added, moved, len(removed), len(found.troubles))


def _gone(children: dict[str, Location], found: Look) -> Iterator[tuple[Location, str]]:
    for name, child in children.items():
        repository = _repository_of(child)
        if name in found.files or repository in found.unsure:
            continue
        yield child, found.gone.get(repository, f"{child.target} is not in its repository any more.")


def _move(child: Location, address: str) -> bool:
    """Its repository or branch has another name now; it is the same file, so its entities stay."""
    if child.target == address or Location.objects.filter(type=child.type, target=address).exists():
        return False
    audit.record(
        "location.moved",
        actor=None,
        subject_ref=location_ref(child),
        summary=f"{child} is now {address}",
        before={"target": child.target},
        after={"target": address},
    )
    child.target, child.next_read_at = address, timezone.now()
    child.save(update_fields=["target", "next_read_at"])
    store.raise_revision(at=timezone.now())  # its entities say where they come from
    return True


def _add(location: Location, files: dict[str, str]) -> int:
    """What is registered already, by somebody or found by another discovery, stays as it is."""
    url = Location.Type.URL
    there = set(Location.objects.filter(type=url, target__in=files.values()).values_list("target", flat=True))
    fresh = [
        Location(
            type=url,
            target=address,
            parent=location,
            found_as=name,
            is_org_source=location.is_org_source,
            registered_by=location.registered_by,
            next_read_at=timezone.now(),
        )
        for name, address in files.items()
        if address not in there
    ]
    if not fresh:
        return 0
    Location.objects.bulk_create(fresh, batch_size=500, ignore_conflicts=True)
    audit.record(
        "location.discovered",
        actor=None,
        subject_ref=location_ref(location),
        summary=f"Found {len(fresh):,} files in {location}",
        after={"count": len(fresh), "targets": [child.target for child in fresh[:NAMED]]},
    )
    return len(fresh)
