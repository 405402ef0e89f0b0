"""From files to the catalogue: what comes, changes and goes, and that nothing goes by accident."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import ingest, locations
from catalog.models import CatalogRevision, Entity, Location, Problem
from control.models import AuditEvent, User
from tests.catalog.places import Place, component, entity, relations, team
from tests.waiting import wait_until

PATIENCE_SECONDS = 10


def test_a_described_entity_is_in_the_catalogue_with_its_columns(place: Place) -> None:
    place.write("a.yaml", component("payments-api", type="Service", system="checkout"))
    outcome = place.read()
    found = entity("component:default/payments-api")
    assert (outcome.added, outcome.failure) == (1, "")
    assert (found.kind, found.type, found.lifecycle) == ("component", "service", "production")
    assert (found.owner_ref, found.system_ref) == ("group:default/payments", "system:default/checkout")
    assert found.document["spec"]["type"] == "Service"
    assert (found.source_path, found.source_line) == ("a.yaml", 1)
    assert "metadata.name=payments-api" in found.terms


def test_both_ends_of_a_relation_are_there_whoever_comes_first(place: Place) -> None:
    place.write("a.yaml", component("payments", dependsOn="[component:ledger]"))
    place.read()
    place.write("b.yaml", component("ledger"))
    place.read()
    assert ("dependsOn", "component:default/ledger") in relations("component:default/payments")
    assert ("dependencyOf", "component:default/payments") in relations("component:default/ledger")


def test_a_relation_that_is_not_said_any_more_goes_at_both_ends(place: Place) -> None:
    place.write("b.yaml", component("ledger"))
    place.write("a.yaml", component("payments", dependsOn="[component:ledger]"))
    place.read()
    place.write("a.yaml", component("payments"))
    place.read()
    assert relations("component:default/ledger") == [("ownedBy", "group:default/payments")]
    assert relations("component:default/payments") == [("ownedBy", "group:default/payments")]


def test_a_relation_said_by_both_ends_stays_while_one_says_it(place: Place) -> None:
    place.write("b.yaml", component("ledger", dependencyOf="[component:payments]"))
    place.write("a.yaml", component("payments", dependsOn="[component:ledger]"))
    place.read()
    place.write("a.yaml", component("payments"))
    place.read()
    assert ("dependsOn", "component:default/ledger") in relations("component:default/payments")
    assert ("dependencyOf", "component:default/payments") in relations("component:default/ledger")


def test_an_entity_that_is_not_described_any_more_goes_and_the_record_says_so(place: Place) -> None:
    place.write("a.yaml", component("payments", dependsOn="[component:ledger]"))
    place.write("b.yaml", component("ledger"))
    place.read()
    (place.folder / "b.yaml").unlink()
    assert place.read().removed == 1
    assert place.refs == {"component:default/payments"}
    assert AuditEvent.objects.filter(action="entity.removed", subject_ref="component:default/ledger").exists()
    assert ("dependsOn", "component:default/ledger") in relations("component:default/payments")
    dangling = Problem.objects.get(target_ref="component:default/ledger")
    assert "not in the catalogue" in dangling.message


def test_an_unchanged_location_is_not_written(place: Place) -> None:
    for i in range(3):
        place.write(f"{i}.yaml", component(f"c{i}"))
    place.read()
    before = list(Entity.objects.values_list("ref", "changed_at"))
    revision = CatalogRevision.objects.get().number
    events = AuditEvent.objects.count()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert place.read() == ingest.Outcome()
    assert not [q["sql"] for q in queries if q["sql"].startswith("INSERT")]
    assert list(Entity.objects.values_list("ref", "changed_at")) == before
    assert CatalogRevision.objects.get().number == revision
    assert AuditEvent.objects.count() == events


def test_only_the_changed_file_is_written(place: Place) -> None:
    place.write("a.yaml", component("a"))
    place.write("b.yaml", component("b"))
    place.read()
    changed_at = entity("component:default/b").changed_at
    place.write("a.yaml", component("a", lifecycle="deprecated"))
    outcome = place.read()
    assert (outcome.added, outcome.changed, outcome.removed) == (0, 1, 0)
    assert entity("component:default/a").lifecycle == "deprecated"
    assert entity("component:default/b").changed_at == changed_at


def test_moving_a_document_within_its_file_is_no_change_of_it(place: Place) -> None:
    place.write("a.yaml", component("a"))
    place.read()
    changed_at = entity("component:default/a").changed_at
    place.write("a.yaml", component("first") + "---\n" + component("a"))
    place.read()
    moved = entity("component:default/a")
    assert (moved.changed_at, moved.source_line) == (changed_at, 10)


def test_the_first_location_keeps_an_entity_and_the_second_shows_the_conflict(
    place: Place, tmp_path: Path
) -> None:
    place.write("a.yaml", component("payments", owner="first"))
    place.read()
    other = Place(tmp_path / "other")
    other.write("b.yaml", component("payments", owner="second") + "---\n" + component("own"))
    other.read()
    assert entity("component:default/payments").owner_ref == "group:default/first"
    assert other.refs == {"component:default/own"}
    [conflict] = [problem for problem in other.problems if problem.code == "conflict"]
    assert (conflict.path, conflict.line) == ("b.yaml", 1)
    assert str(place.location) in conflict.message


def test_the_second_claimant_gets_the_entity_when_the_first_location_is_removed(
    place: Place, tmp_path: Path, root_admin: User
) -> None:
    place.write("a.yaml", component("payments", owner="first"))
    place.read()
    other = Place(tmp_path / "other")
    other.write("b.yaml", component("payments", owner="second"))
    other.read()
    Location.objects.filter(pk=other.location.pk).update(next_read_at=None)
    locations.remove(place.location.pk, by=root_admin)
    assert ingest.claim_due() == [other.location.pk]
    other.read()
    assert entity("component:default/payments").owner_ref == "group:default/second"
    assert not [problem for problem in other.problems if problem.code == "conflict"]


def test_an_entity_described_twice_in_one_location_is_taken_from_the_first_file(place: Place) -> None:
    place.write("a.yaml", component("payments", owner="first"))
    place.write("b.yaml", component("payments", owner="second"))
    place.read()
    assert entity("component:default/payments").owner_ref == "group:default/first"
    assert [(p.code, p.path) for p in place.problems if p.code == "conflict"] == [("conflict", "b.yaml")]


def test_a_file_read_before_is_told_of_a_later_claim_to_its_entity(place: Place) -> None:
    place.write("b.yaml", component("payments", owner="second"))
    place.read()
    place.write("a.yaml", component("payments", owner="first"))
    place.read()
    assert entity("component:default/payments").owner_ref == "group:default/first"
    assert [(p.code, p.path) for p in place.problems if p.code == "conflict"] == [("conflict", "b.yaml")]


def test_a_reference_to_nothing_is_a_warning_until_it_is_described(place: Place, tmp_path: Path) -> None:
    place.write("a.yaml", component("payments", owner="group:nobody", system="checkout"))
    place.read()
    assert {p.target_ref for p in place.problems} == {"group:default/nobody", "system:default/checkout"}
    assert place.location.problem_count == 2
    other = Place(tmp_path / "org", is_org_source=True)
    other.write("g.yaml", team("nobody"))
    other.read()
    assert [p.target_ref for p in place.problems] == ["system:default/checkout"]
    place.location.refresh_from_db()
    assert place.location.problem_count == 1


def test_people_and_teams_come_from_organisation_sources_alone(place: Place, maya: User) -> None:
    place.write("g.yaml", team("platform", "maya.okafor"))
    place.read()
    assert place.refs == set()
    [problem] = place.problems
    assert (problem.code, problem.line) == ("not_allowed", 1)
    assert not maya.groups.filter(name="group:default/platform").exists()


def test_members_of_an_organisation_source_are_members_of_the_group(
    db: None, tmp_path: Path, maya: User
) -> None:
    org = Place(tmp_path / "org", is_org_source=True)
    org.write("g.yaml", team("platform", "maya.okafor"))
    org.write(
        "u.yaml",
        """
        apiVersion: backstage.io/v1alpha1
        kind: User
        metadata: {name: maya.okafor}
        spec: {memberOf: []}
        """,
    )
    org.read()
    assert maya.groups.filter(name="group:default/platform").exists()
    org.write("g.yaml", team("platform"))
    org.read()
    assert not maya.groups.filter(name="group:default/platform").exists()


def test_location_entities_are_followed_and_missing_targets_are_problems(db: None, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", pattern="all.yaml")
    place.write(
        "all.yaml",
        """
        apiVersion: backstage.io/v1alpha1
        kind: Location
        metadata: {name: all}
        spec:
          targets:
            - ./a.yaml
            - ./missing.yaml
            - ./sub/*.yaml
            - ../outside.yaml
            - ./all.yaml
        """,
    )
    place.write("a.yaml", component("a"))
    place.write("sub/b.yaml", component("b"))
    place.read()
    assert place.refs == {"location:default/all", "component:default/a", "component:default/b"}
    assert entity("component:default/b").parent == entity("location:default/all")
    found = {(p.code, p.path, p.line) for p in place.problems if p.code != "dangling"}
    assert found == {("unreadable", "all.yaml", 7), ("unreadable", "all.yaml", 9)}


def test_a_target_that_cannot_be_read_now_keeps_what_it_described_and_what_is_below(
    db: None, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", pattern="all.yaml")
    pointer = (
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: {}}}\nspec: {{target: {}}}\n"
    )
    place.write("all.yaml", pointer.format("all", "./middle.yaml"))
    place.write("middle.yaml", pointer.format("middle", "./a.yaml"))
    place.write("a.yaml", component("a"))
    place.read()
    (place.folder / "middle.yaml").rename(place.folder / "away")
    place.write("a.yaml", component("a", lifecycle="deprecated"))
    place.read()
    assert place.refs == {"location:default/all", "location:default/middle", "component:default/a"}
    assert entity("location:default/middle").orphaned_at is not None
    assert entity("component:default/a").lifecycle == "deprecated"
    (place.folder / "away").rename(place.folder / "middle.yaml")
    place.read()
    assert entity("location:default/middle").orphaned_at is None
    assert place.problems == [p for p in place.problems if p.code == "dangling"]


def test_a_location_that_is_read_now_is_left_to_its_reader(
    place: Place, django_db_blocker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("a.yaml", component("a"))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT hashtext(%s)", [str(place.location.pk)])
            key = cursor.fetchone()[0]
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [ingest._LOCK_CLASS, key])
        assert ingest.ingest(place.location.pk) is None
    finally:
        other.close()  # the reader died; the server notices a moment later
    wait_until(lambda: not _is_held(key), PATIENCE_SECONDS, "the dead reader's lock is free")
    assert place.read().added == 1


def _is_held(key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [key % 2**32])
        return cursor.fetchone() is not None


@pytest.mark.slow
def test_the_number_of_queries_does_not_grow_with_the_number_of_entities(db: None, tmp_path: Path) -> None:
    counts = []
    for size in (30, 1_000):  # up to twenty have an event each
        place = Place(tmp_path / str(size))
        place.write("all.yaml", "---\n".join(component(f"c{size}-{i}", system="shop") for i in range(size)))
        with CaptureQueriesContext(connection) as queries:
            place.read()
        assert len(place.refs) == size
        counts.append(len(queries))
    assert counts[1] - counts[0] <= 6  # rows are copied, and warnings given their lines, in batches of 500


def test_the_location_says_when_it_was_read_and_is_due_again_later(place: Place) -> None:
    place.write("a.yaml", component("a"))
    place.read()
    assert place.location.read_at is not None
    assert place.location.reading_since is None
    assert place.location.entity_count == 1
    assert place.location.next_read_at is not None
    assert place.location.next_read_at > place.location.read_at
    assert ingest.claim_due() == []


def test_removing_a_location_takes_its_entities_and_records_them(place: Place, root_admin: User) -> None:
    place.write("a.yaml", component("a"))
    place.read()
    locations.remove(place.location.pk, by=root_admin)
    assert not Entity.objects.exists()
    event = AuditEvent.objects.get(action="location.removed")
    assert event.before["entities"] == ["component:default/a"]
    shutil.rmtree(place.folder)


def test_after_a_large_read_the_planner_knows_what_there_is(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MANY", 3)
    place.write("a.yaml", "---\n".join(component(f"service-{i}") for i in range(3)))
    place.read()
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'catalog_entity'::regclass")
        assert cursor.fetchone()[0] == 3
