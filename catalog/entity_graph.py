"""The two graphs of an entity: its neighbours on the Overview, two steps each way on Dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from catalog.graph import Side, draw
from catalog.models import Entity
from catalog.neighbours import Neighbour, RelationGroup, surroundings
from catalog.presentation import kind_words
from catalog.reach import DOWN, UP, Reach, reach
from control.models import User

COLUMNS_EACH_WAY = 2
USED_BY = ("Used by", "Used by those")
DEPENDS_ON = ("Depends on", "Those depend on")


def overview(entity: Entity, groups: Sequence[RelationGroup], *, user: User) -> dict[str, Any]:
    """`around` and `graph`; the graph is None for an entity that stands alone."""
    around = surroundings(entity, groups, user=user)
    if not around:
        return {"around": around, "graph": None}
    edges = [(n.ref, entity.ref) for n in around.left] + [(entity.ref, n.ref) for n in around.right]
    graph = draw(
        Neighbour(entity.ref, entity),
        f"This {kind_words(entity.kind).one.lower() if entity.kind != 'api' else 'API'}",
        [Side(_counted(around.left_title, around.left_total), around.left, around.left_total)],
        [Side(_counted(around.right_title, around.right_total), around.right, around.right_total)],
        edges=edges,
        below=around.below,
        more_url=_dependencies_url(entity),
    )
    return {"around": around, "graph": graph}


def whole(entity: Entity, *, user: User) -> dict[str, Any]:
    """`down` and `up`, everything within reach, and a graph of the first two steps each way."""
    down, up = reach(entity, DOWN, user=user), reach(entity, UP, user=user)
    if not (down.neighbours or up.neighbours):
        return {"down": down, "up": up, "graph": None}
    edges = down.edges + [(far, near) for near, far in up.edges]
    left = [_side(up, distance, USED_BY[distance - 1]) for distance in range(_depth(up), 0, -1)]
    right = [_side(down, distance, DEPENDS_ON[distance - 1]) for distance in range(1, _depth(down) + 1)]
    graph = draw(
        Neighbour(entity.ref, entity),
        entity.label if len(entity.label) < 24 else kind_words(entity.kind).one,
        left or [Side(_counted("Used by", 0), [], 0)],
        right or [Side(_counted("Depends on", 0), [], 0)],
        edges=edges,
    )
    return {"down": down, "up": up, "graph": graph}


def _counted(title: str, count: int) -> str:
    return f"{title} {count:,}" if count else f"{title} nothing"


def _depth(found: Reach) -> int:
    return min(max((n.distance for n in found.neighbours), default=0), COLUMNS_EACH_WAY)


def _side(found: Reach, distance: int, title: str) -> Side:
    neighbours = found.at(distance)
    return Side(_counted(title, len(neighbours)), neighbours, len(neighbours))


def _dependencies_url(entity: Entity) -> str:
    return reverse("catalog:dependencies", args=[entity.kind, entity.namespace, entity.name])
