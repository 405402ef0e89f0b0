"""Catalogue files that other people wrote, judged document by document as Backstage's own libraries judge them."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog import placeholders
from catalog.models import Entity, Relation
from catalog.validate import faults_of, kind_of
from catalog.yaml12 import Document, decode, documents
from tests.catalog.places import Place

ACCEPTED, REJECTED = "accepted", "rejected"
UNKNOWN, BROKEN, EMPTY = "kind not known to the released model", "YAML error", "empty document (ignored)"
EQUAL_AT_LEAST = 0.97
# Newer than the release that judged: APIs of type mcp-server name remotes instead of a definition.
DELIBERATE = {
    ("backstage__backstage__catalog-model-examples/apis/backstage-mcp-server-api.yaml", 1),
    ("backstage__demo__examples-mcp-server-api.yaml", 1),
}


@dataclass(frozen=True)
class Judged:
    file: str
    index: int
    theirs: str
    ours: str
    reason: str


def verdict(document: Document | None) -> tuple[str, str]:
    if document is None or (document.value is None and document.error is None):
        return EMPTY, ""
    if document.error:
        return BROKEN, f"line {document.error.line}: {document.error}"
    value = placeholders.resolved(document.value, lambda target: b"text: resolved")
    faults = faults_of(value)
    if faults:
        return REJECTED, faults[0].message
    return (ACCEPTED, "") if kind_of(value) else (UNKNOWN, "")


@pytest.fixture(scope="module")
def judged(corpus: Path) -> list[Judged]:
    return list(judge(corpus / "catalogs"))


def judge(folder: Path) -> Iterator[Judged]:
    theirs: dict[str, dict[int, str]] = defaultdict(dict)
    with (folder / "VERDICT.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            theirs[row["file"]][int(row["document"])] = row["verdict"]
    for name, verdicts in theirs.items():
        found = {document.index: document for document in documents(decode((folder / name).read_bytes()))}
        assert found.keys() <= verdicts.keys(), f"{name} has documents that Backstage does not see"
        for index, expected in verdicts.items():
            ours, reason = verdict(found.get(index))
            yield Judged(name, index, expected, ours, reason)


def test_our_verdicts_are_those_of_backstage(
    judged: list[Judged], capsys: pytest.CaptureFixture[str]
) -> None:
    differing = [each for each in judged if each.ours != each.theirs]
    with capsys.disabled():
        Counter(each.ours for each in judged)
        for _each in differing:
            pass
    assert 1 - len(differing) / len(judged) >= EQUAL_AT_LEAST
    assert {(each.file, each.index) for each in differing} <= DELIBERATE


def test_every_refusal_says_what_to_do(judged: list[Judged]) -> None:
    for each in judged:
        if each.ours in (REJECTED, BROKEN):
            assert len(each.reason) > 20, each
            assert each.reason.endswith("."), each


def single_files(corpus: Path) -> list[Path]:
    return sorted(path for path in (corpus / "catalogs").rglob("*.y*ml"))


@pytest.mark.django_db
def test_no_bad_document_takes_its_neighbours_along(
    corpus: Path, judged: list[Judged], tmp_path: Path
) -> None:
    """Each file is read as a location of its own, without network; what others broke is said, the rest is there."""
    expected: dict[str, int] = Counter(each.file for each in judged if each.ours in (ACCEPTED, UNKNOWN))
    problems = 0
    for number, path in enumerate(single_files(corpus)):
        name = path.relative_to(corpus / "catalogs").as_posix()
        place = Place(tmp_path / str(number), is_org_source=True)
        shutil.copy(path, place.folder / "catalog-info.yaml")
        (place.folder / "catalog-info.yaml").chmod(0o644)
        place.read()
        refused = [
            p for p in place.problems if p.severity == "error" and p.code in ("invalid", "yaml", "conflict")
        ]
        unread = {p.entity_ref for p in place.problems if "could not be read" in p.message and p.path}
        twice = len({(p.path, p.line) for p in refused if p.code == "conflict"})
        pulled = len(unread)  # placeholders that point to other files
        assert place.location.entity_count == expected[name] - twice - pulled, (
            name,
            [p.message for p in place.problems],
        )
        assert all(problem.message and problem.line for problem in refused), name
        problems += len(refused)
        Entity.objects.all().delete()
    assert problems > 15


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tree", "entities"),
    [
        ("backstage__backstage__catalog-model-examples", 66),
        ("DEFRA__adp-software-templates__catalog-model", 67),
    ],
)
def test_trees_of_locations_load_whole(corpus: Path, tmp_path: Path, tree: str, entities: int) -> None:
    """All that is there is read; what points to the web or out of the tree is said, and nothing else is wrong."""
    shutil.copytree(corpus / "catalogs" / tree, tmp_path / "tree")
    place = Place(tmp_path / "tree", is_org_source=True)
    place.read()
    assert place.location.entity_count == entities
    assert {problem.code for problem in place.problems} == {"unreadable", "dangling"}
    assert (
        Relation.objects.filter(source__location=place.location, is_stated_by_target=True).count()
        > entities / 2
    )


@pytest.mark.django_db
def test_unknown_kinds_and_fields_survive(corpus: Path, judged: list[Judged], tmp_path: Path) -> None:
    """What is stored is the document as it was read, whatever the model knows of it."""
    checked = 0
    for name in sorted({each.file for each in judged if each.ours == UNKNOWN}):
        place = Place(tmp_path / str(checked))
        shutil.copy(corpus / "catalogs" / name, place.folder / "x.yaml")
        place.read()
        values: list[Any] = [document.value for document in documents((place.folder / "x.yaml").read_text())]
        for stored in Entity.objects.filter(location=place.location):
            assert stored.document in values
            checked += 1
        Entity.objects.all().delete()
    assert checked >= 15
