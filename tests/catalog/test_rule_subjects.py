"""What rules may read of entities and people: their documents, and of people only what organisation sources say."""

from __future__ import annotations

import pytest

from catalog.subjects import resolve
from control.subjects import attributes_of
from tests import factories

pytestmark = pytest.mark.django_db


def test_conditions_see_the_document_of_an_entity() -> None:
    factories.entity("component:default/payments", type="service", metadata={"labels": {"tier": "1"}})
    found = resolve("component:default/payments")
    assert found is not None
    document = found.document()
    assert document["metadata"]["labels"] == {"tier": "1"}
    assert document["spec"]["type"] == "service"


@pytest.mark.parametrize(("is_org_source", "expected"), [(True, {"clearance": "high"}), (False, None)])
def test_only_an_organisation_source_speaks_of_people(is_org_source: bool, expected: object) -> None:
    """Anybody may register a file that calls somebody cleared."""
    source = factories.location(is_org_source=is_org_source)
    factories.entity("user:default/maya.okafor", location=source, metadata={"labels": {"clearance": "high"}})
    assert attributes_of("user:default/maya.okafor").get("metadata", {}).get("labels") == expected
    assert attributes_of("user:default/nobody") == {}
