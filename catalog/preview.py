"""What registering a place would add, found out by reading it; nothing is written and nobody is told.

It reads as an ingestion does, with the same guards and limits, but only so much as people will look at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from catalog import custom_kinds, targets
from catalog.entity_rows import EntityRow
from catalog.models import Entity, Location
from catalog.openings import opened
from catalog.reading import Trouble, read_location
from control.errors import InvalidParameters
from control.models import User

MOST = 500  # entities that are kept to be shown; the others are a number


@dataclass(frozen=True)
class PreviewedEntity:
    ref: str
    document: dict[str, Any]
    path: str
    line: int
    relations: list[tuple[str, str]]
    stands_in: str = ""  # the location that describes it already

    @property
    def exists(self) -> bool:
        return bool(self.stands_in)


@dataclass(frozen=True)
class Preview:
    """`total` counts all entities, of which at most `MOST` are listed."""

    location: Location  # not saved
    entities: list[PreviewedEntity] = field(default_factory=list)
    total: int = 0
    problems: list[Trouble] = field(default_factory=list)
    is_registered: bool = False


class _Kept:
    """The first rows; the rest is only counted."""

    def __init__(self) -> None:
        self.rows: list[EntityRow] = []
        self.total = 0

    def __call__(self, rows: list[EntityRow]) -> None:
        self.rows += rows[: MOST - len(self.rows)]
        self.total += len(rows)


def preview(type: str, target: str, *, by: User) -> Preview:
    """Read the place. Raises `InvalidParameters` for a target that makes no sense, `Unreadable` for one that fails.

    People and teams are shown as what they would be here: not allowed, unless an administrator marks the location.
    """
    try:
        checked = targets.checked_target(type, target, outside_roots=False)
    except targets.TargetRefused as error:
        raise InvalidParameters({"target": str(error)}) from error
    location, kept = Location(type=type, target=checked, registered_by=by), _Kept()
    with opened(location) as source:
        reading = read_location(
            source,
            {},
            is_org_source=False,
            defined=custom_kinds.in_force(),
            emit=kept,
            progress=_quiet,
        )
    return Preview(
        location,
        _with_places(kept.rows, by),
        kept.total,
        reading.troubles,
        Location.objects.visible_to(by).filter(type=type, target=checked).exists(),
    )


def _quiet(_line: str) -> None:
    """Nobody watches."""


def _with_places(rows: list[EntityRow], user: User) -> list[PreviewedEntity]:
    visible = Entity.objects.visible_to(user).filter(ref__in=[row.ref for row in rows])
    places = {
        ref: f"{type}:{target}"
        for ref, type, target in visible.values_list("ref", "location__type", "location__target")
    }
    return [
        PreviewedEntity(
            row.ref,
            json.loads(row.document),
            row.source_path,
            row.source_line,
            row.relations,
            places.get(row.ref, ""),
        )
        for row in rows
    ]
