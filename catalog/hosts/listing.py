"""What hosts list, in terms that do not depend on the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Protocol

from catalog.selection import Selection


@dataclass(frozen=True)
class Repository:
    id: str  # stays when it is renamed
    name: str
    full_name: str
    url: str  # of its page
    branch: str  # the default one; empty when nothing was ever pushed
    topics: tuple[str, ...] = ()
    visibility: str = "public"
    is_archived: bool = False
    is_fork: bool = False
    pushed_at: str = ""  # empty: not told, or not exactly enough to rely on

    def kept(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_kept(cls, value: dict[str, Any]) -> Repository:
        return cls(**{**value, "topics": tuple(value["topics"])})


@dataclass(frozen=True)
class Paths:
    """The files of a repository that are meant; not `is_complete` when the host did not list all of its files."""

    paths: list[str]
    is_complete: bool = True


class Whereabouts(Enum):
    """What a host says of a repository that its listing does not name any more."""

    GONE = "gone"
    THERE = "there"


@dataclass(frozen=True)
class Person:
    username: str
    name: str = ""
    email: str = ""
    picture: str = ""
    url: str = ""


@dataclass
class Team:
    """`name` and `parent` as entities are called: the last is empty for one at the top."""

    name: str
    title: str
    description: str = ""
    picture: str = ""
    url: str = ""
    parent: str = ""
    members: list[str] = field(default_factory=list)


class Host(Protocol):
    """One organisation or group of a host, as discoveries and sources of people ask about it.

    All raise `Unreadable` (`Missing` where there is nothing) or `Postponed`.
    """

    def repositories(self) -> Iterator[Repository]: ...

    def paths(self, repository: Repository, branch: str, selection: Selection) -> Paths: ...

    def whereabouts(self, id: str, full_name: str) -> Whereabouts: ...

    def teams(self) -> list[Team]: ...

    def people(self) -> Iterator[Person]:
        """Asked after `teams`."""
        ...
