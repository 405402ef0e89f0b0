"""What a host holds in a test: repositories with files, teams with people. Tests change it between two reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.catalog.places import component

OWNER = "acme"
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Repository:
    id: int
    name: str
    owner: str = OWNER
    files: dict[str, str] = field(default_factory=dict)
    branch: str = "main"
    topics: list[str] = field(default_factory=list)
    visibility: str = "private"
    archived: bool = False
    fork: bool = False
    pushes: int = 1
    refusal: int = 0  # the status that everything inside of it is answered with
    is_truncated: bool = False
    former_names: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def pushed_at(self) -> str:
        return (_BEGIN + timedelta(minutes=self.pushes)).isoformat().replace("+00:00", "Z")

    def push(self, path: str, text: str) -> None:
        self.files[path] = text
        self.pushes += 1

    def delete(self, path: str) -> None:
        del self.files[path]
        self.pushes += 1

    def rename(self, name: str) -> None:
        self.former_names.append(self.full_name)
        self.name = name

    def to_blobs(self, branch: str) -> list[str] | None:
        """The paths on a branch; None when there is no such branch."""
        return sorted(self.files) if branch in (self.branch, "HEAD") else None


@dataclass
class Team:
    id: int
    name: str  # slug, or the path of a group below the first
    title: str
    parent: int = 0
    members: list[str] = field(default_factory=list)


@dataclass
class World:
    owner: str = OWNER
    is_organisation: bool = True
    repositories: list[Repository] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)  # username → name

    def add(self, name: str, text: str | None = "", **fields: object) -> Repository:
        """A repository with a descriptor of a component of its name; `text` None is one without a descriptor."""
        number = 1_000 + len(self.repositories)
        repository = Repository(number, name, self.owner, **fields)  # type: ignore[arg-type]  # of its fields
        if text is not None:
            repository.files["catalog-info.yaml"] = text or component(name)
        repository.files["README.md"] = f"# {name}\n"
        self.repositories.append(repository)
        return repository

    def __getitem__(self, name: str) -> Repository:
        return next(one for one in self.repositories if one.name == name)

    def by_name(self, full_name: str) -> Repository | None:
        return next((one for one in self.repositories if one.full_name == full_name), None)

    def by_former_name(self, full_name: str) -> Repository | None:
        return next((one for one in self.repositories if full_name in one.former_names), None)

    def by_id(self, id: str) -> Repository | None:
        return next((one for one in self.repositories if str(one.id) == id), None)
