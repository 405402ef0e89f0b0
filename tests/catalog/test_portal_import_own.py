"""Taking over the catalogue of a real Portico, over its own API: what comes is what is stored there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from catalog.models import Entity, Location
from catalog.portal_import import ORIGIN, portal_source
from catalog.yaml12 import load
from control import tokens
from tests import factories
from tests.catalog.places import Place, component, team

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 1_100  # three pages


def imported(live_server: LiveServer, secret: str, *, is_org_source: bool) -> dict[str, dict[str, Any]]:
    """What a second Portico would store, by reference."""
    location = Location(type="backstage", target=live_server.url, is_org_source=is_org_source)
    with portal_source(location, token=secret) as source:
        return {key: load(source.read(key).decode()) for key in source.entries()}


def stored() -> dict[str, dict[str, Any]]:
    return dict(Entity.objects.values_list("ref", "document"))


def as_written(document: dict[str, Any]) -> dict[str, Any]:
    """Without what the API adds to every entity: the namespace, and where it was read."""
    metadata = dict(document["metadata"])
    annotations = {
        key: value
        for key, value in metadata.pop("annotations", {}).items()
        if not key.startswith("backstage.io/") and key != ORIGIN
    }
    metadata.setdefault("namespace", "default")
    return {**document, "metadata": {**metadata, **({"annotations": annotations} if annotations else {})}}


def test_every_entity_of_a_portico_is_reproduced(
    live_server: LiveServer, settings: Settings, tmp_path: Path
) -> None:
    settings.PORTICO_READING_ALLOW = [live_server.url.partition("://")[2]]
    place = Place(tmp_path, is_org_source=True)
    place.write("all.yaml", "---\n".join(component(f"service-{number}") for number in range(COUNT)))
    place.write("team.yaml", team("payments", "tomas"))
    place.read()
    reader = factories.user("reader")
    secret = tokens.issue(owner=reader, by=reader, name="import")[1]
    found = imported(live_server, secret, is_org_source=True)
    assert len(found) >= COUNT + 1
    want = {ref: as_written(document) for ref, document in stored().items()}
    got = {ref: as_written(document) for ref, document in found.items() if ref in want}
    assert got == want
    assert "group:default/payments" not in imported(live_server, secret, is_org_source=False)
