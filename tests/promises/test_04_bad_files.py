"""Promise 4: a bad file changes nothing and is explained, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.models import Entity
from tests.catalog.places import Place, component, entity

GOOD = component("payments")
BROKEN = {
    "unclosed quote": ("name: payments", "name: 'payments", "quote"),
    "name with blanks": ("name: payments", "name: pay ments", "for example pay-ments"),
    "key twice": ("kind: Component", "kind: Component\nkind: API", "stands here and in line"),
    "owner lost": ("  owner: payments\n", "", "owner is missing"),
    "a list for a text": ("owner: payments", "owner: [payments]", "is a list"),
    "a tab": ("  owner: payments", "\towner: payments", "."),
    "unknown root field": ("spec:", "links: []\nspec:", "cannot stand at the top"),
    "placeholder to nothing": (
        "  owner: payments",
        "  owner: payments\n  x: {$text: ./none.txt}",
        "none.txt",
    ),
    "control character": ("description: What", "description: \x07What", "control character"),
    "aliases in a circle": ("  owner: payments", "  owner: payments\n  x: &a [*a]", "alias of itself"),
    "too deep": ("  owner: payments", "  owner: payments\n  x: " + "[" * 150 + "]" * 150, "levels deep"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_document_that_broke_keeps_its_last_good_version_and_says_why(
    case: str, db: None, tmp_path: Path
) -> None:
    good, bad, words = BROKEN[case]
    place = Place(tmp_path / "place")
    place.write("all.yaml", component("first") + "---\n" + GOOD + "---\n" + component("last"))
    place.read()
    before = entity("component:default/payments")
    place.write(
        "all.yaml",
        component("first", lifecycle="new") + "---\n" + GOOD.replace(good, bad) + "---\n" + component("last"),
    )
    place.read()
    after = entity("component:default/payments")
    assert (after.document, after.changed_at) == (before.document, before.changed_at)
    assert after.orphaned_at is not None
    assert entity("component:default/first").lifecycle == "new"
    assert place.refs == {"component:default/first", "component:default/payments", "component:default/last"}
    [problem] = [p for p in place.problems if p.code != "dangling"]
    assert problem.path == "all.yaml"
    assert problem.line is not None
    assert 10 <= problem.line <= 22
    assert words in problem.message


@pytest.mark.parametrize("case", BROKEN)
def test_the_document_that_was_mended_is_read_and_the_problem_is_gone(
    case: str, db: None, tmp_path: Path
) -> None:
    good, bad, _ = BROKEN[case]
    place = Place(tmp_path / "place")
    place.write("all.yaml", GOOD.replace(good, bad))
    place.read()
    assert place.refs == set()
    assert place.location.problem_count >= 1
    place.write("all.yaml", GOOD)
    place.read()
    assert place.refs == {"component:default/payments"}
    assert [p for p in place.problems if p.code != "dangling"] == []


def test_bytes_that_are_no_text_change_nothing(db: None, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    path = place.write("a.yaml", GOOD)
    place.read()
    for garbage in (b"\x00\xff\xfe" * 1000, b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"kind: \xe9"):
        path.write_bytes(garbage)
        place.read()
        assert place.refs == {"component:default/payments"}
        assert "UTF-8" in place.problems[0].message or "character" in place.problems[0].message


def test_a_bomb_of_aliases_is_refused_quickly_and_nothing_else(db: None, tmp_path: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    place = Place(tmp_path / "place")
    place.write("a.yaml", bomb + "---\n" + GOOD)
    place.read()
    assert place.refs == {"component:default/payments"}
    assert "aliases" in place.problems[0].message
    assert Entity.objects.count() == 1
