"""Where a graph is drawn: nothing overlaps, every line ends at its nodes, whatever the width."""

from __future__ import annotations

import itertools

import pytest

from catalog.graph import NODE_WIDTH, Graph, Side, draw
from catalog.letters import width_of
from catalog.models import Entity
from catalog.neighbours import Neighbour


def near(name: str, **fields: str) -> Neighbour:
    ref = f"component:default/{name}"
    return Neighbour(
        ref, Entity(ref=ref, kind="component", namespace="default", name=name, document={}, **fields)
    )


def graph(left: int = 3, right: int = 4, below: int = 1) -> Graph:
    users = [near(f"user-{number}") for number in range(left)]
    used = [near(f"used-{number}") for number in range(right)]
    subject = near("payments")
    edges = [(n.ref, subject.ref) for n in users] + [(subject.ref, n.ref) for n in used]
    return draw(
        subject,
        "This component",
        [Side("Used by", users, left)],
        [Side("Depends on", used, right)],
        edges=edges,
        below=[near(f"api-{number}") for number in range(below)],
        more_url="/more/",
    )


def end(percent: str, shift: float, width: int) -> float:
    return float(percent.rstrip("%")) / 100 * width + shift


@pytest.mark.parametrize("width", [600, 752, 992, 1376])
@pytest.mark.parametrize("sides", [(1, 0), (0, 1), (3, 4), (40, 2)])
def test_lines_begin_and_end_inside_the_nodes_they_join_at_any_width(
    width: int, sides: tuple[int, int]
) -> None:
    drawn = graph(*sides)
    boxes = [
        (end(c.at, c.left, width), node.y, end(c.at, c.left, width) + NODE_WIDTH, node.y + node.height)
        for c in drawn.columns
        for node in c.nodes
    ]
    gaps = [(right[2], left[0]) for right, left in itertools.pairwise(sorted(set(boxes)))]
    for lane in drawn.lanes:
        for line in lane.segments:
            x1, x2 = (end(x, lane.shift, width) for x in (line.x1, line.x2))
            if line.x1 == line.x2:
                assert any(before < x1 < after for before, after in gaps)
            else:
                assert any(a <= x <= c and b <= line.y1 <= d for a, b, c, d in boxes for x in (x1, x2))


@pytest.mark.parametrize("sides", [(0, 0, 0), (1, 9, 3), (200, 1, 2)])
def test_no_two_nodes_of_a_column_overlap_and_all_fit_the_height(sides: tuple[int, int, int]) -> None:
    drawn = graph(*sides)
    for nodes in [*(column.nodes for column in drawn.columns), [drawn.subject, *drawn.below]]:
        spans = sorted((node.y, node.y + node.height) for node in nodes)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
        assert all(top >= 0 and bottom <= drawn.height for top, bottom in spans)


def test_more_than_six_neighbours_become_a_number_that_leads_on() -> None:
    column = graph(left=18).columns[0]
    assert [node.name for node in column.nodes][-1] == "12 more"
    assert column.nodes[-1].url == "/more/"
    assert len(column.nodes) == 7


def test_every_edge_has_one_line_and_an_arrow_towards_what_is_depended_on() -> None:
    drawn = graph(2, 3)
    assert [sum(s.x1 != s.x2 for s in lane.segments) for lane in drawn.lanes] == [2 + 1, 1 + 3]
    assert [len(column.arrows) for column in drawn.columns] == [0, 1, 3]


def test_what_is_unknown_or_deprecated_marks_its_node_and_its_line() -> None:
    subject, old = near("payments"), near("card-network", lifecycle="deprecated")
    missing = Neighbour("resource:default/gone", None)
    edges = [(subject.ref, old.ref), (subject.ref, missing.ref)]
    drawn = draw(subject, "This", [Side("", [], 0)], [Side("Depends on 2", [old, missing], 2)], edges=edges)
    assert [(node.state, node.fact) for node in drawn.columns[2].nodes] == [
        ("warn", "deprecated"),
        ("unknown", "not in the catalogue"),
    ]
    assert {line.state for line in drawn.lanes[0].segments} == {"", "warn", "unknown"}


def test_long_names_are_cut_and_kept_whole_for_those_who_ask() -> None:
    drawn = draw(near("a" * 63), "This", [Side("", [], 0)], [Side("", [], 0)], edges=[])
    assert drawn.subject.name.endswith("…")
    assert "a" * 63 in drawn.subject.full_name


@pytest.mark.parametrize("name", ["payments", "Payments database", "WWWWWWWWWWWWWWWWWWWWWWWW", "i" * 60])
def test_names_end_inside_their_node_and_are_whole_in_the_list(name: str) -> None:
    node = draw(near(name), "", [Side("", [near(name)], 1)], [], edges=[]).columns[0].nodes[0]
    assert width_of(node.name, 13) <= NODE_WIDTH - 42
    assert node.whole_name == name
