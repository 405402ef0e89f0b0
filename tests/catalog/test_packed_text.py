"""Source text is stored packed and comes back to the letter."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Entity
from catalog.packed_text import pack, unpack
from tests import factories

DESCRIPTOR = """apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: order-lookup
  annotations:
    github.com/project-slug: halfmoon/order-lookup
spec:
  type: service
  lifecycle: production
  owner: support
"""


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_to_the_letter(text: str) -> None:
    assert unpack(pack(text)) == text


def test_a_short_descriptor_becomes_less_than_half() -> None:
    assert len(pack(DESCRIPTOR)) < len(DESCRIPTOR) / 2


def test_what_was_packed_before_is_still_read() -> None:
    """In databases there is text of the first version: its dictionary must never change."""
    stored = bytes.fromhex("0123acb020b1125c29700100")
    assert unpack(stored) == "kind: Component\nmetadata:\n  name: payments\n"


@pytest.mark.django_db
def test_the_database_holds_it_packed_and_python_sees_text() -> None:
    factories.entity("component:default/payments", source_text=DESCRIPTOR)
    assert Entity.objects.get().source_text == DESCRIPTOR
    with connection.cursor() as cursor:
        cursor.execute("SELECT source_text FROM catalog_entity")
        assert bytes(cursor.fetchone()[0]) == pack(DESCRIPTOR)
