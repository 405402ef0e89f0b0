"""Where the nodes and lines of a dependency graph are drawn, for any width.

Columns stand at fractions of the width and nodes keep their size in pixels, so letters are never scaled. That works in
plain SVG because a nested <svg x="b"> shifts its percentages: inside it, x="m%" lies at m % of the whole width plus b.
What runs through the gap between two columns is one such nested <svg>; its lines begin and end inside the nodes, which
are opaque, drawn afterwards and hide the ends. `_graph.html` writes it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from catalog.letters import fit, width_of
from catalog.neighbours import Neighbour

NODE_WIDTH, NODE_HEIGHT = 182, 40
SUBJECT_HEIGHT = 64
_GAP = 13  # between two nodes of a column
_HEAD = 30  # column titles
_FOOT = 8
_PER_COLUMN = 6
_LANE_STEP, _LANES_WIDTH = 12, 70  # between the verticals of a gap, and how wide all of them may be
_STAGGER = 9  # of the outer columns, so that lines of two lanes never run along the same height
_ROOM = NODE_WIDTH - 38 - 4  # for words, right of the icon
_NAME_SIZE, _SUBJECT_SIZE, _FACT_SIZE = 13, 15.5, 11.5  # the subject's letters are bold, so a little wider


@dataclass(frozen=True)
class Node:
    """One box. `y` is its top; `kind` is subject, node or more."""

    ref: str
    name: str
    fact: str
    icon: str
    url: str
    y: int
    height: int = NODE_HEIGHT
    kind: str = "node"
    state: str = ""
    whole_name: str = ""
    whole_fact: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.whole_name}, {self.whole_fact}" if self.whole_fact else self.whole_name

    @property
    def is_long(self) -> bool:
        """A subject whose name needs the smaller letters of the other nodes."""
        return self.is_subject and width_of(self.whole_name, _SUBJECT_SIZE) > _ROOM

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    @property
    def is_subject(self) -> bool:
        return self.kind == "subject"

    @property
    def icon_y(self) -> int:
        return self.middle - 8

    @property
    def name_y(self) -> int:
        return self.middle - 4 if self.fact else self.middle + 4

    @property
    def fact_y(self) -> int:
        return self.middle + 13


@dataclass(frozen=True)
class Arrow:
    path: str
    state: str = ""


@dataclass
class Column:
    """`at` is the column's place in percent of the width, `left` where its nodes begin, in pixels from there."""

    title: str
    at: str
    left: float
    nodes: list[Node] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)  # heads at the left edges of its nodes

    width = NODE_WIDTH

    @property
    def centre(self) -> float:
        return self.left + NODE_WIDTH / 2

    @property
    def icon_x(self) -> float:
        return self.left + 12

    @property
    def text_x(self) -> float:
        return self.left + 38


@dataclass(frozen=True)
class Segment:
    """A straight line; x in percent of the width."""

    x1: str
    y1: int
    x2: str
    y2: int
    state: str = ""


@dataclass
class Lane:
    """The lines of one node through a gap, over a vertical of their own; all shifted by `shift` pixels."""

    shift: float
    segments: list[Segment]


@dataclass
class Graph:
    columns: list[Column]
    lanes: list[Lane]
    height: int
    subject_index: int
    below: list[Node]  # hang under the subject

    @property
    def foot(self) -> int:
        """The lower end of the axes."""
        return self.height - 4

    @property
    def middle(self) -> Column:
        return self.columns[self.subject_index]

    @property
    def subject(self) -> Node:
        return self.middle.nodes[0]

    @property
    def stem(self) -> str:
        """The line with its arrow from the subject to the first node below it, as a path; empty without one."""
        if not self.below:
            return ""
        x, top, end = self.middle.centre, self.subject.y + SUBJECT_HEIGHT, self.below[0].y
        return f"M{x:g} {top}V{end}M{x - 4:g} {end - 7}L{x:g} {end - 1}L{x + 4:g} {end - 7}"


@dataclass(frozen=True)
class Side:
    """A column before it is placed: neighbours and how many there are in all."""

    title: str
    neighbours: Sequence[Neighbour]
    total: int


def draw(
    subject: Neighbour,
    title: str,
    left: Sequence[Side],
    right: Sequence[Side],
    *,
    edges: Iterable[tuple[str, str]],
    below: Sequence[Neighbour] = (),
    more_url: str = "",
) -> Graph:
    """Place the columns `left` (nearest last), the subject and `right` (nearest first).

    `edges` are (user, used) references; only those between adjacent columns are drawn.
    """
    below = below[:3]
    heights = [_column_height(side) for side in (*left, *right)]
    under = len(below) * (NODE_HEIGHT + _GAP)
    height = max([*heights, SUBJECT_HEIGHT + 2 * under])
    count = len(left) + 1 + len(right)
    titles = [*(side.title for side in left), title, *(side.title for side in right)]
    columns = [_column(index, count, titles[index]) for index in range(count)]
    top = _HEAD + (height - SUBJECT_HEIGHT) // 2
    columns[len(left)].nodes = [_node(subject, top, kind="subject")]
    for column, side in zip([*columns[: len(left)], *columns[len(left) + 1 :]], (*left, *right), strict=True):
        column.nodes = _nodes(side, _HEAD + (height - _column_height(side)) // 2, more_url)
    for column in (*columns[: len(left)][:-1], *columns[len(left) + 2 :]):
        column.nodes = [replace(node, y=node.y + _STAGGER) for node in column.nodes]
    hanging = [
        _node(neighbour, top + SUBJECT_HEIGHT + 20 + index * (NODE_HEIGHT + _GAP))
        for index, neighbour in enumerate(below)
    ]
    pairs = set(edges)
    lanes = [
        lane
        for index, (near, far) in enumerate(pairwise(columns))
        for lane in _lanes(index, count, near, far, pairs)
    ]
    bottom = max(
        [_HEAD + height + (_STAGGER if count > 3 else 0), *(node.y + node.height for node in hanging)]
    )
    return Graph(columns, lanes, bottom + _FOOT, len(left), hanging)


def _column_height(side: Side) -> int:
    shown = min(len(side.neighbours), _PER_COLUMN)
    boxes = shown + (side.total > shown)
    return max(boxes * (NODE_HEIGHT + _GAP) - _GAP, 0)


def _column(index: int, count: int, title: str) -> Column:
    part = index / (count - 1) if count > 1 else 0
    return Column(title, _percent(part), -NODE_WIDTH * part)


def _nodes(side: Side, top: int, more_url: str) -> list[Node]:
    shown = side.neighbours[:_PER_COLUMN]
    nodes = [_node(neighbour, top + index * (NODE_HEIGHT + _GAP)) for index, neighbour in enumerate(shown)]
    if side.total > len(shown):
        y = top + len(shown) * (NODE_HEIGHT + _GAP)
        words = f"{side.total - len(shown)} more"
        nodes.append(Node("", words, "", "ellipsis", more_url, y, kind="more", whole_name=words))
    return nodes


def _node(neighbour: Neighbour, y: int, kind: str = "node") -> Node:
    return Node(
        ref=neighbour.ref,
        name=fit(neighbour.name, _NAME_SIZE, _ROOM),
        fact=fit(neighbour.words, _FACT_SIZE, _ROOM),
        icon=neighbour.icon,
        url=neighbour.url,
        y=y,
        height=SUBJECT_HEIGHT if kind == "subject" else NODE_HEIGHT,
        kind=kind,
        state=neighbour.state if kind == "node" else "",
        whole_name=neighbour.name,
        whole_fact=neighbour.words,
    )


def _lanes(index: int, count: int, near: Column, far: Column, pairs: set[tuple[str, str]]) -> list[Lane]:
    """The lines between two columns, gathered at the side with fewer nodes; arrow heads go to the farther column."""
    drawn = [(user, used) for user in near.nodes for used in far.nodes if _is_drawn(user, used, pairs)]
    far.arrows = [
        _arrow(far, y, state) for y, state in {used.middle: used.state for _, used in drawn}.items()
    ]
    end = 0 if len({user.y for user, _ in drawn}) <= len({used.y for _, used in drawn}) else 1
    hubs = sorted({pair[end].y for pair in drawn})
    step = min(_LANE_STEP, _LANES_WIDTH / max(len(hubs), 1))
    before, after = index / (count - 1), (index + 1) / (count - 1)
    middle = NODE_WIDTH / 2 * (1 - before - after)
    return [
        Lane(
            shift=middle + (number - (len(hubs) - 1) / 2) * step,
            segments=_segments([pair for pair in drawn if pair[end].y == y], before, after),
        )
        for number, y in enumerate(hubs)
    ]


def _arrow(column: Column, y: int, state: str) -> Arrow:
    x = column.left
    return Arrow(f"M{x - 7:g} {y - 4}L{x - 1:g} {y}L{x - 7:g} {y + 4}", state)


def _segments(drawn: list[tuple[Node, Node]], before: float, after: float) -> list[Segment]:
    """Each stretch once, so that no line is drawn thicker than another; marked ones last, on top."""
    start, trunk, end = (_percent(part) for part in (before, (before + after) / 2, after))
    found: dict[Segment, None] = {}
    for user, used in sorted(drawn, key=lambda pair: pair[1].state or pair[0].state):
        state = used.state or user.state
        found[Segment(start, user.middle, trunk, user.middle, user.state)] = None
        found[Segment(trunk, used.middle, end, used.middle, used.state)] = None
        if user.middle != used.middle:
            found[Segment(trunk, user.middle, trunk, used.middle, state)] = None
    return list(found)


def _is_drawn(user: Node, used: Node, pairs: set[tuple[str, str]]) -> bool:
    if "more" in (user.kind, used.kind):
        return user.is_subject or used.is_subject
    return (user.ref, used.ref) in pairs


def _percent(part: float) -> str:
    return f"{part * 100:g}%"
