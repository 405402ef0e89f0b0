"""How far a change or an outage goes: everything an entity depends on, and everything that depends on it, step by step.

One query for each step and direction, at most `STEPS`, however many entities there are; a component depends on the
APIs it consumes, an API on whoever provides it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from catalog import refs
from catalog.models import Entity, Relation
from catalog.neighbours import Neighbour, entities_by_ref
from control.models import User

STEPS = 4
LIMIT = 200  # entities listed for each direction
_EDGES_PER_STEP = 2_000

DOWN = ("dependsOn", "consumesApi", "apiProvidedBy")
UP = ("dependencyOf", "apiConsumedBy", "providesApi")
# A relation as it reads from the farther end: what `a dependsOn b` says about b.
_FROM_THERE = {
    "dependsOn": "used by",
    "consumesApi": "consumed by",
    "apiProvidedBy": "provides",
    "dependencyOf": "depends on",
    "apiConsumedBy": "consumes",
    "providesApi": "provided by",
}


@dataclass
class Reach:
    """`edges` are (nearer, farther) references, each pair once."""

    neighbours: list[Neighbour] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    cut: bool = False  # more was found than is listed

    @property
    def direct(self) -> int:
        return sum(neighbour.distance == 1 for neighbour in self.neighbours)

    def at(self, distance: int) -> list[Neighbour]:
        return [neighbour for neighbour in self.neighbours if neighbour.distance == distance]


def reach(entity: Entity, types: tuple[str, ...], *, user: User) -> Reach:
    """What is reached from `entity` over relations of `types`, nearest first; `STEPS` + 1 queries at most."""
    found: dict[str, tuple[int, str]] = {}  # ref: (steps from the entity, how it is reached)
    edges: dict[tuple[str, str], None] = {}
    cut = False
    frontier = {entity.ref}
    for distance in range(1, STEPS + 1):
        following: set[str] = set()
        for near, far, type in _step(frontier, types, user):
            if far == entity.ref:
                continue
            if far not in found:
                if len(found) == LIMIT:
                    cut = True
                    continue
                found[far] = (distance, f"{_FROM_THERE[type]} {refs.short(near)}")
                following.add(far)
            edges[near, far] = None
        frontier = following
        if not frontier:
            break
    entities = entities_by_ref(found)
    neighbours = [Neighbour(ref, entities.get(ref), via, steps) for ref, (steps, via) in found.items()]
    return Reach(neighbours, list(edges), cut)


def _step(frontier: set[str], types: tuple[str, ...], user: User) -> list[tuple[str, str, str]]:
    rows = (
        Relation.objects.visible_to(user)
        .filter(source__ref__in=frontier, type__in=types)
        .order_by("source__ref", "target_ref")
    )
    return list(rows.values_list("source__ref", "target_ref", "type")[:_EDGES_PER_STEP])
