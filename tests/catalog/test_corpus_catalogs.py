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
from catalog.refs import ref_of
from catalog.relations import INVERSE
from catalog.validate import faults_of, kind_of
from catalog.yaml12 import Document, decode, documents
from tests.catalog.places import Place

ACCEPTED, REJECTED = "accepted", "rejected"
UNKNOWN, BROKEN, EMPTY = "kind not known to the released model", "YAML error", "empty document (ignored)"
_MCP = "newer than the release that judged: an API of type mcp-server names remotes instead of a definition"
# Every verdict that is not Backstage's: file, document, what we say, and why. There is no other one.
DELIBERATE = {
    ("backstage__backstage__catalog-model-examples/apis/backstage-mcp-server-api.yaml", 1, ACCEPTED): _MCP,
    ("backstage__demo__examples-mcp-server-api.yaml", 1, ACCEPTED): _MCP,
}
VERDICTS = {ACCEPTED: 332, UNKNOWN: 18, REJECTED: 14, BROKEN: 3, EMPTY: 1}


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


def test_our_verdicts_are_those_of_backstage_but_for_the_deliberate_ones(judged: list[Judged]) -> None:
    differing = {(each.file, each.index, each.ours) for each in judged if each.ours != each.theirs}
    assert differing == DELIBERATE.keys()
    assert Counter(each.ours for each in judged) == VERDICTS


def test_every_refusal_says_what_to_do(judged: list[Judged]) -> None:
    for each in judged:
        if each.ours in (REJECTED, BROKEN):
            assert len(each.reason) > 20, each
            assert each.reason.endswith("."), each


def single_files(corpus: Path) -> list[Path]:
    return sorted(path for path in (corpus / "catalogs").rglob("*.y*ml"))


@pytest.mark.slow
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


@dataclass(frozen=True)
class Whole:
    """What a tree of Locations holds: entities, relations of both directions, what is not there, unread targets."""

    folder: str
    entities: int
    relations: int
    dangling: set[str]
    unread: int


EXAMPLES = Whole(
    "backstage__backstage__catalog-model-examples",
    66,
    147,
    {
        *("airesource:default/security-review", "airesource:default/typescript-best-practices"),
        *("api:default/wayback-archive", "api:default/wayback-search"),  # their definitions are on the web
        *(
            "group:default/grpc@example.com",
            "group:default/streetlights@example.com",
        ),  # owners by e-mail address
        *("group:default/yoda@dagobah.space", "group:default/guest"),
    },
    unread=4,
)
DEFRA = Whole(
    "DEFRA__adp-software-templates__catalog-model",
    67,
    109,
    {
        f"group:default/{name}"
        for name in (
            *("animal-plant-health-agency", "core-defra", "environment-agency", "fcp-ea-walleys-quarry"),
            *("marine-management-organisation", "natural-england", "ncea-search", "rural-payments-agency"),
        )
    },
    unread=10,
)


@pytest.mark.django_db
@pytest.mark.parametrize("tree", [EXAMPLES, DEFRA], ids=lambda tree: tree.folder)
def test_trees_of_locations_load_whole_with_all_relations(corpus: Path, tmp_path: Path, tree: Whole) -> None:
    """All that is there is read; what points to the web or out of the tree is said, and nothing else is wrong."""
    shutil.copytree(corpus / "catalogs" / tree.folder, tmp_path / "tree")
    place = Place(tmp_path / "tree", is_org_source=True)
    place.read()
    assert place.refs == described_in(tmp_path / "tree")
    assert len(place.refs) == tree.entities
    assert Relation.objects.count() == tree.relations
    assert {p.target_ref for p in place.problems if p.code == "dangling"} == tree.dangling
    assert {p.target_ref for p in place.problems if p.code == "dangling"} == lead_nowhere()
    assert sum(p.code == "unreadable" for p in place.problems) == tree.unread
    assert {problem.code for problem in place.problems} == {"unreadable", "dangling"}


def described_in(folder: Path) -> set[str]:
    """The references of every document that Locations lead to without network, found in the plainest way."""
    found, seen = set(), set()
    queue = sorted(folder.glob("*.yaml"))
    while queue:
        path = queue.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for document in documents(decode(path.read_bytes())):
            is_remote = "$text: https://" in document.text
            if document.value and not is_remote and verdict(document)[0] in (ACCEPTED, UNKNOWN):
                found.add(ref_of(document.value))
                targets = document.value["spec"].get("targets") or []
                queue += [(path.parent / target).resolve() for target in targets if isinstance(target, str)]
    return found


def lead_nowhere() -> set[str]:
    """Targets of relations that are no entity; every other relation stands at both ends."""
    nowhere = set()
    known = dict(Entity.objects.values_list("ref", "pk"))
    for relation in Relation.objects.select_related("source"):
        if relation.target_ref not in known:
            nowhere.add(relation.target_ref)
            continue
        inverse = INVERSE[relation.type]
        assert Relation.objects.filter(
            source_id=known[relation.target_ref], type=inverse, target_ref=relation.source.ref
        ).exists(), relation
    return nowhere


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
