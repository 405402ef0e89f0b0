"""Terms as keys: what a stored entity answers in memory, and that nothing but the very term is found."""

from __future__ import annotations

import pytest

from catalog.models import Entity
from catalog.terms import COLUMNS, key_of, keys_of, terms_of
from control.filters import parse
from tests import factories

DOCUMENT = {
    "kind": "Component",
    "metadata": {"name": "payments", "tags": ["java"], "labels": {"Tier": "One"}},
    "spec": {"type": "service", "replicas": 3, "isPublic": True, "nothing": None},
}


def test_every_value_is_a_term_with_its_path_in_lower_case() -> None:
    assert terms_of(DOCUMENT) >= {
        *("kind=component", "metadata.tags=java", "metadata.tags.java=true", "metadata.labels.tier=one"),
        *("spec.replicas=3", "spec.ispublic=true", "spec.nothing"),
    }
    assert "spec.nothing=null" not in terms_of(DOCUMENT)


def test_what_has_a_column_is_not_stored_a_second_time() -> None:
    stored = keys_of(terms_of(DOCUMENT))
    assert key_of("metadata.name=payments") in stored
    assert not {key_of(path) for path in COLUMNS} & set(stored)


def test_keys_fit_the_database_and_stay_as_they_are() -> None:
    """Keys are in the database: another way to make them would find nothing there."""
    assert key_of("metadata.tags=java") == 3811455174277402855
    assert all(-(2**63) <= key_of(f"spec.x={i}") < 2**63 for i in range(1_000))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("kind=component,spec.type=service", True),
        ("spec.lifecycle", False),
        ("metadata.tags=java,metadata.namespace=default", True),
        ("metadata.tags=jav", False),
        ("metadata.tags=java=", False),
    ],
)
def test_a_stored_entity_answers_filters_in_memory(text: str, matches: bool) -> None:
    factories.entity("component:default/payments", type="service", tags=["java"])
    assert parse(text).matches(Entity.objects.get().terms) is matches
