from __future__ import annotations

import time

import pytest

from scaffolder.errors import ActionFailed
from scaffolder.globs import matching

PATHS = [
    "a.txt",
    "b.md",
    "docs",
    "docs/a.txt",
    "docs/deep/c.md",
    ".github",
    ".github/workflows/ci.yml",
    "x/a.j2",
]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.txt"], {"a.txt"}),
        (["**/*.txt"], {"a.txt", "docs/a.txt"}),
        (["docs"], {"docs", "docs/a.txt", "docs/deep/c.md"}),
        (["docs/*"], {"docs/a.txt", "docs/deep/c.md"}),
        (["./docs/deep/"], {"docs/deep/c.md"}),
        ([".github/workflows"], {".github/workflows/ci.yml"}),
        (["{a,b}.*"], {"a.txt", "b.md"}),
        (["[ab].??"], {"b.md"}),
        (["[!a].md"], {"b.md"}),
        (["**/*.md", "!docs/**"], {"b.md"}),
        (["?.txt"], {"a.txt"}),
        (["nothing"], set()),
        ([], set()),
        (["a.txt(x"], set()),
    ],
)
def test_patterns_find_what_they_find_in_backstage(patterns: list[str], expected: set[str]) -> None:
    assert matching(PATHS, patterns) == expected


@pytest.mark.parametrize(
    "pattern",
    ["{a,b}" * 40, "*" * 400, "**/" * 160, "{" * 400, "[" * 400, "*a" * 60 + "c", "**/*a" * 90 + "c"],
)
def test_a_hostile_pattern_takes_no_time(pattern: str) -> None:
    started = time.monotonic()
    matching(["a" * 200 + "/" + "b" * 200], [pattern])
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("pattern", ["[z-a]", "x[b-a]y"])
def test_a_pattern_that_is_none_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ActionFailed, match="is no pattern for files"):
        matching(PATHS, [pattern])


def test_a_class_that_is_never_closed_is_text() -> None:
    assert matching(["[!]", "a"], ["[!]"]) == {"[!]"}


def test_names_with_blanks_and_signs_are_found() -> None:
    assert matching(["a b (1)+.txt"], ["a b (1)+.*"]) == {"a b (1)+.txt"}
