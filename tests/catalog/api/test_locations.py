"""Locations, previews, refresh, removal, validation and analysis over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.models import Entity, Location
from control.models import AuditEvent, User
from tests import factories
from tests.catalog.api.conftest import Caller
from tests.catalog.api.test_reading import error, names
from tests.catalog.places import Place, component

pytestmark = pytest.mark.django_db
TARGET = "https://git.example.org/acme/payments/blob/main/catalog-info.yaml"
URL = {"type": "url", "target": TARGET}


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A folder that may be registered by anybody."""
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    found = tmp_path / "registered"
    found.mkdir()
    (found / "catalog-info.yaml").write_text(component("payments"))
    return found


def test_a_location_is_registered_listed_and_read_back(maya_calls: Caller, maya: User) -> None:
    body = maya_calls.post("/locations", URL, status=201)
    location = body["location"]
    assert body["entities"] == []
    assert location["entityRef"].startswith("location:default/generated-")
    assert (location["type"], location["target"]) == ("url", TARGET)
    assert maya_calls.get("/locations") == [{"data": location}]
    assert maya_calls.get(f"/locations/{location['id']}") == location
    row = Location.objects.get()
    assert row.registered_by == maya
    assert row.next_read_at is not None
    assert AuditEvent.objects.filter(action="location.registered", actor=maya).count() == 1


def test_registering_twice_is_a_conflict_unless_a_refresh_is_meant(maya_calls: Caller) -> None:
    maya_calls.post("/locations", URL, status=201)
    Location.objects.update(refresh_asked_at=None)
    refused = maya_calls.post("/locations", URL, status=409)
    assert error(refused) == ("ConflictError", f"Location url:{TARGET} already exists")
    assert Location.objects.get().refresh_asked_at is None
    maya_calls.post("/locations", URL, status=201, onConflict="refresh")
    assert Location.objects.get().refresh_asked_at is not None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "magic", "target": "x"}, "Registered locations must be of an allowed type"),
        ({"type": "url", "target": "nowhere"}, "“nowhere” is not a web address"),
        ({"type": "file", "target": "/etc/passwd"}, "/etc/passwd is outside the folders"),
        ({"type": "url"}, "request/body must have required property 'target'"),
    ],
)
def test_what_cannot_be_registered_is_400(maya_calls: Caller, body: dict[str, str], message: str) -> None:
    name, words = error(maya_calls.post("/locations", body, status=400))
    assert name == "InputError"
    assert words.startswith(message)
    assert not Location.objects.exists()


def test_a_dry_run_says_what_would_come_and_writes_nothing(maya_calls: Caller, folder: Path) -> None:
    factories.entity("component:default/refunds")
    (folder / "more.yaml").write_text(component("refunds") + "---\nkind: Broken\n")
    target = f"{folder}/*.yaml"
    before = Entity.objects.count(), Location.objects.count(), AuditEvent.objects.count()
    body = maya_calls.post("/locations", {"type": "file", "target": target}, status=201, dryRun="true")
    assert body["exists"] is False
    assert sorted(names(body["entities"])) == ["payments", "refunds"]
    [problem] = [problem for problem in body["problems"] if "apiVersion" in problem["message"]]
    assert (Path(problem["path"]).name, problem["line"]) == ("more.yaml", 11)
    assert body["entities"][0]["relations"] == [{"type": "ownedBy", "targetRef": "group:default/payments"}]
    assert body["location"]["target"] == target
    assert (Entity.objects.count(), Location.objects.count(), AuditEvent.objects.count()) == before


def test_a_dry_run_of_what_cannot_be_read_is_400(maya_calls: Caller, folder: Path) -> None:
    missing = {"type": "file", "target": f"{folder}/none.yaml"}
    assert "There is no file" in error(maya_calls.post("/locations", missing, status=400, dryRun="true"))[1]
    private = {"type": "url", "target": "http://127.0.0.1:9/catalog-info.yaml"}
    maya_calls.post("/locations", private, status=400, dryRun="true")


def test_a_registered_place_exists_already_in_a_dry_run(maya_calls: Caller, folder: Path) -> None:
    body = {"type": "file", "target": f"{folder}/catalog-info.yaml"}
    maya_calls.post("/locations", body, status=201)
    assert maya_calls.post("/locations", body, status=201, dryRun="true")["exists"] is True


def test_a_location_moves_and_keeps_its_entities_until_the_new_place_was_read(
    maya_calls: Caller, maya: User
) -> None:
    location = factories.location(TARGET, type="url", registered_by=maya)
    factories.entity(location=location)
    moved = {"type": "url", "target": f"{TARGET}.new"}
    body = maya_calls.put(f"/locations/{location.pk}", moved)
    assert body["id"] == str(location.pk)
    assert body["target"] == f"{TARGET}.new"
    assert Entity.objects.count() == 1
    event = AuditEvent.objects.get(action="location.moved")
    assert (event.before["target"], event.after["target"]) == (TARGET, f"{TARGET}.new")


def test_a_kept_answer_does_not_outlive_the_move_of_its_location(maya_calls: Caller, maya: User) -> None:
    location = factories.location("https://git.example.com/acme/old.yaml", type="url", registered_by=maya)
    factories.entity("component:default/moved", location=location)
    origin = "backstage.io/managed-by-origin-location"
    path = "/entities/by-name/component/default/moved"
    assert maya_calls.get(path)["metadata"]["annotations"][origin].endswith("/old.yaml")
    new = "https://git.example.com/acme/new.yaml"
    maya_calls.put(f"/locations/{location.pk}", {"type": "url", "target": new})
    assert maya_calls.get(path)["metadata"]["annotations"][origin].endswith("/new.yaml")


def test_moving_is_for_who_registered_it_and_never_onto_another(
    maya_calls: Caller, admin_calls: Caller, maya: User
) -> None:
    theirs = factories.location(TARGET, type="url")
    refused = maya_calls.put(f"/locations/{theirs.pk}", {"type": "url", "target": f"{TARGET}.x"}, status=403)
    assert error(refused)[0] == "NotAllowedError"
    other = factories.location(f"{TARGET}.other", type="url")
    body = {"type": "url", "target": other.target}
    assert error(admin_calls.put(f"/locations/{theirs.pk}", body, status=409))[0] == "ConflictError"
    theirs.refresh_from_db()
    assert theirs.target == TARGET


def test_a_source_of_people_is_moved_by_administrators_alone(
    maya_calls: Caller, admin_calls: Caller, maya: User
) -> None:
    source = factories.location(TARGET, type="url", registered_by=maya, is_org_source=True)
    body = {"type": "url", "target": f"{TARGET}.mine"}
    maya_calls.put(f"/locations/{source.pk}", body, status=403)
    admin_calls.put(f"/locations/{source.pk}", body)


def test_a_location_is_removed_by_who_registered_it(maya_calls: Caller, maya: User) -> None:
    mine = factories.location(TARGET, type="url", registered_by=maya)
    theirs = factories.location(f"{TARGET}.x", type="url")
    factories.entity(location=mine)
    maya_calls.delete(f"/locations/{theirs.pk}", status=403)
    maya_calls.delete(f"/locations/{mine.pk}")
    missing = maya_calls.delete(f"/locations/{mine.pk}", status=404)
    assert error(missing) == ("NotFoundError", f"Found no location with ID {mine.pk}")
    assert not Entity.objects.exists()


@pytest.mark.parametrize("id", ["5b1e7d1c-0000-4000-8000-000000000000", "no-uuid"])
def test_a_location_that_is_not_there_is_404(maya_calls: Caller, id: str) -> None:
    assert error(maya_calls.get(f"/locations/{id}", status=404))[1] == f"Found no location with ID {id}"
    maya_calls.put(f"/locations/{id}", URL, status=404)


def test_the_location_of_an_entity_is_found_and_that_of_its_location_entity(maya_calls: Caller) -> None:
    entity = factories.entity("component:default/payments")
    found = maya_calls.get("/locations/by-entity/component/default/payments")
    assert found["id"] == str(entity.location_id)
    name = found["entityRef"].partition("/")[2]
    assert maya_calls.get(f"/locations/by-entity/location/default/{name}") == found
    missing = maya_calls.get("/locations/by-entity/component/default/none", status=404)
    assert error(missing) == ("NotFoundError", "found no entity for ref component:default/none")


def test_locations_are_asked_in_pages(maya_calls: Caller) -> None:
    for number in range(5):
        factories.location(f"{TARGET}.{number}", type="url")
    factories.location()
    body = maya_calls.post("/locations/by-query", {"limit": 2, "query": {"type": "url"}})
    found, pages = body["items"], 1
    while cursor := body["pageInfo"].get("nextCursor"):
        body = maya_calls.post("/locations/by-query", {"limit": 2, "cursor": cursor})
        found += body["items"]
        pages += 1
        assert body["totalItems"] == 5
    assert (pages, sorted(item["target"] for item in found)) == (3, [f"{TARGET}.{n}" for n in range(5)])
    assert maya_calls.post("/locations/by-query", None)["totalItems"] == 6
    one = maya_calls.post("/locations/by-query", {"query": {"target": {"$hasPrefix": f"{TARGET}.3"}}})
    assert one["totalItems"] == 1
    assert (
        maya_calls.post("/locations/by-query", {"query": {"$not": {"id": {"$exists": True}}}})["totalItems"]
        == 0
    )


@pytest.mark.parametrize("body", [{"cursor": "xyz"}, {"query": {"$bogus": 1}}, {"limit": -1}])
def test_questions_for_locations_are_checked(maya_calls: Caller, body: dict[str, Any]) -> None:
    assert error(maya_calls.post("/locations/by-query", body, status=400))[0] == "InputError"


def test_refresh_has_the_location_read_again(maya_calls: Caller, maya: User) -> None:
    entity = factories.entity("component:default/payments")
    maya_calls.post("/refresh", {"entityRef": "Component:payments"})
    entity.location.refresh_from_db()
    assert entity.location.refresh_asked_at is not None
    assert AuditEvent.objects.filter(action="location.refresh_asked", actor=maya).count() == 1
    missing = maya_calls.post("/refresh", {"entityRef": "component:default/none"}, status=404)
    assert error(missing) == ("NotFoundError", "Entity component:default/none not found")
    maya_calls.post("/refresh", {}, status=400)


def test_an_entity_is_removed_and_comes_back_while_its_file_describes_it(
    admin_calls: Caller, shop: Place
) -> None:
    row = Entity.objects.get(ref="system:default/money")
    admin_calls.delete(f"/entities/by-uid/{row.pk}")
    assert not Entity.objects.filter(ref=row.ref).exists()
    payments = admin_calls.get("/entities/by-name/component/default/payments")
    assert any("system:default/money" in item["message"] for item in payments["status"]["items"])
    assert AuditEvent.objects.filter(action="entity.removed", subject_ref=row.ref).count() == 1
    admin_calls.delete(f"/entities/by-uid/{row.pk}")
    assert AuditEvent.objects.filter(action="entity.removed", subject_ref=row.ref).count() == 1
    shop.read()
    assert Entity.objects.filter(ref=row.ref).exists()


def test_a_stranger_removes_no_entity(maya_calls: Caller, tomas: User, call_as: Any) -> None:
    row = factories.entity(owner_ref="group:default/payments")
    refused = maya_calls.delete(f"/entities/by-uid/{row.pk}", status=403)
    assert error(refused)[0] == "NotAllowedError"
    assert Entity.objects.exists()
    call_as(tomas).delete(f"/entities/by-uid/{row.pk}")
    assert not Entity.objects.exists()


VALID = {
    "apiVersion": "backstage.io/v1alpha1",
    "kind": "Component",
    "metadata": {"name": "payments"},
    "spec": {"type": "service", "lifecycle": "production", "owner": "payments"},
}


def test_a_valid_entity_is_answered_with_nothing(maya_calls: Caller) -> None:
    assert maya_calls.post("/validate-entity", {"location": f"url:{TARGET}", "entity": VALID}) is None


def test_an_entity_is_refused_in_words(maya_calls: Caller) -> None:
    broken = {**VALID, "spec": {"type": "service"}}
    body = maya_calls.post("/validate-entity", {"location": f"url:{TARGET}", "entity": broken}, status=400)
    assert list(body) == ["errors"]
    assert body["errors"][0]["name"] == "InputError"
    assert "spec.lifecycle is missing" in body["errors"][0]["message"]
    foreign = {**VALID, "kind": "Nope"}
    body = maya_calls.post("/validate-entity", {"location": f"url:{TARGET}", "entity": foreign}, status=400)
    assert body["errors"][0]["message"].startswith("No processor recognized the entity nope:default/payments")
    body = maya_calls.post("/validate-entity", {"location": "nonsense", "entity": VALID}, status=400)
    assert error(body)[0] == "InputError"


def test_a_place_without_a_file_gets_a_first_document(tomas: User, call_as: Any) -> None:
    body = {"location": {"type": "url", "target": "https://github.localhost/example-org/smoke"}}
    found = call_as(tomas).post("/analyze-location", body)
    assert found["existingEntityFiles"] == []
    [generated] = found["generateEntities"]
    assert generated["entity"]["metadata"]["name"] == "smoke"
    assert generated["entity"]["spec"] == {"type": "other", "lifecycle": "unknown"}
    assert generated["fields"][0]["value"] == "group:default/payments"
    call_as(tomas).post("/analyze-location", {"location": {"type": "url", "target": "smoke"}}, status=400)
