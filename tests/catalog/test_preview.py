"""What registering would add, shown before it is done, and the first file for a place without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from catalog import preview as previews
from catalog.models import Entity, Location
from catalog.preview import preview
from catalog.starter import starter
from catalog.validate import faults_of
from control.models import AuditEvent, User
from tests import factories
from tests.catalog.pages import HOSTILE
from tests.catalog.places import component, team

pytestmark = pytest.mark.django_db
PREVIEW = "/locations/register/preview/"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    found = tmp_path / "shop"
    found.mkdir()
    return found


def test_it_says_what_is_new_what_stands_and_what_is_wrong(folder: Path, maya: User) -> None:
    standing = factories.entity("component:default/refunds")
    (folder / "a.yaml").write_text(f"{component('payments')}---\n{component('refunds')}---\n{team('x')}")
    (folder / "b.yaml").write_text("kind: [")
    found = preview("file", f"{folder}/*.yaml", by=maya)
    assert [(entity.ref, entity.stands_in, entity.line) for entity in found.entities] == [
        ("component:default/payments", "", 1),
        ("component:default/refunds", str(standing.location), 10),
    ]
    assert [(Path(problem.path).name, problem.line) for problem in found.problems] == [
        ("a.yaml", 20),
        ("b.yaml", 2),
    ]
    assert "cannot come from this location" in found.problems[0].message
    assert not found.is_registered


def test_nothing_is_written_by_looking(folder: Path, maya: User) -> None:
    (folder / "a.yaml").write_text(component("payments"))
    preview("file", f"{folder}/*.yaml", by=maya)
    assert [model.objects.count() for model in (Location, Entity, AuditEvent)] == [0, 0, 0]


def test_what_is_kept_to_be_shown_is_bounded(
    folder: Path, maya: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST", 3)
    (folder / "a.yaml").write_text("---\n".join(component(f"c-{n}") for n in range(7)))
    found = preview("file", f"{folder}/*.yaml", by=maya)
    assert (len(found.entities), found.total) == (3, 7)


def test_the_page_shows_it_and_leads_on_to_registering(
    folder: Path, maya: User, client_for: Callable[[User], Client]
) -> None:
    (folder / "a.yaml").write_text(component("payments") + "---\nkind: Broken\n")
    client = client_for(maya)
    assert PREVIEW in client.get("/locations/register/").content.decode()
    page = client.post(PREVIEW, {"target": f"{folder}/*.yaml", "type": "file"}).content.decode()
    assert "component:default/payments" in page
    assert "a.yaml:11" in page
    assert "1 new one" in page.replace("\u00a0", " ")
    assert "Register and read" in page
    assert not Location.objects.exists()
    client.post("/locations/register/", {"target": f"{folder}/*.yaml", "type": "file"})
    assert Location.objects.count() == 1


def test_a_place_without_a_file_is_offered_one(
    folder: Path, tomas: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(tomas)
    response = client.post(PREVIEW, {"target": str(folder), "type": "file"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "Nothing was registered." in page
    assert "owner: group:default/payments" in page
    assert "does not push" in page
    saved = client.get("/locations/register/catalog-info.yaml", {"target": str(folder)})
    assert 'filename="catalog-info.yaml"' in saved["Content-Disposition"]
    document = yaml.safe_load(saved.content)
    assert document["metadata"]["name"] == "shop"
    assert faults_of(document) == []


def test_an_address_that_makes_no_sense_is_explained_at_the_field(
    maya: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(maya)
    response = client.post(PREVIEW, {"target": f"https://x/{HOSTILE}"})
    assert response.status_code == 422
    assert "<script>alert" not in response.content.decode()
    assert client.post(PREVIEW, {"target": "/etc/passwd"}).status_code == 422
    assert client.get(PREVIEW).status_code == 302


def test_looking_wants_a_session(client: Client) -> None:
    assert client.post(PREVIEW, {"target": "https://example.org/x"}).status_code == 302


@pytest.mark.parametrize(
    ("target", "name", "slug"),
    [
        ("https://github.com/acme/Payments.git", "payments", "acme/Payments"),
        ("git@gitlab.com:acme/deep/pay_ments.git", "pay-ments", "acme/deep/pay_ments"),
        ("https://github.com/acme/mono/tree/main/services/basket", "basket", "acme/mono"),
        ("https://git.example.org/acme/payments", "payments", None),
        ("", "my-component", None),
        ("https://x/!!!/???", "my-component", None),
    ],
)
def test_a_first_file_is_named_after_its_place_and_always_valid(
    maya: User, target: str, name: str, slug: str | None
) -> None:
    first = starter(target, by=maya)
    assert faults_of(yaml.safe_load(first.text)) == []
    assert first.name == name
    assert [*first.document["metadata"].get("annotations", {}).values()] == ([slug] if slug else [])
