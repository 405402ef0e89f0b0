"""A location that stays unreadable is told to who registered it and whose entities it holds, once for each failure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from catalog import ingest
from catalog.models import Location
from control.models import Happening, Notice, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(maya: User, tomas: User, tmp_path: Path, settings: Any) -> Location:
    """Registered by Maya, with an entity of the payments team; its file is not there."""
    settings.PORTICO_FILE_ROOTS = [tmp_path]
    place = factories.location(f"{tmp_path}/catalog-info.yaml", type="file", registered_by=maya)
    factories.entity(location=place, owner_ref="group:default/payments")
    return place


def told(user: User) -> list[tuple[str, bool]]:
    rows = Notice.objects.filter(user=user).order_by("id")
    return [
        (row.happening.title.partition(":")[0], row.read_at is not None)
        for row in rows.select_related("happening")
    ]


def failing_for(place: Location, minutes: int) -> None:
    Location.objects.filter(pk=place.pk).update(failing_since=timezone.now() - timedelta(minutes=minutes))


def test_a_first_failure_is_no_news_and_one_that_stays_is(place: Location, maya: User, tomas: User) -> None:
    ingest.ingest(place.pk)
    assert Happening.objects.count() == 0
    failing_for(place, 11)
    ingest.ingest(place.pk)
    ingest.ingest(place.pk)
    assert told(maya) == told(tomas) == [("Cannot be read", False)]
    assert "What was read before stays." in Happening.objects.get().detail


def test_a_place_that_is_read_once_is_told_at_once(place: Location, maya: User) -> None:
    Location.objects.filter(pk=place.pk).update(is_read_once=True)
    ingest.ingest(place.pk)
    assert told(maya) == [("Cannot be read", False)]


def test_a_good_read_settles_it_and_a_new_failure_is_news(
    place: Location, maya: User, tmp_path: Path
) -> None:
    failing_for(place, 11)
    ingest.ingest(place.pk)
    file = tmp_path / "catalog-info.yaml"
    file.write_text(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: payments}\nspec: {type: x}\n"
    )
    assert ingest.ingest(place.pk).failure == ""  # type: ignore[union-attr]  # nobody else reads it
    assert told(maya) == [("Cannot be read", True)]
    assert Happening.objects.get().settled_words == "It can be read again."
    file.unlink()
    failing_for(place, 12)
    ingest.ingest(place.pk)
    assert told(maya) == [("Cannot be read", True), ("Cannot be read", False)]


def test_others_hear_nothing(place: Location, root_admin: User) -> None:
    failing_for(place, 11)
    ingest.ingest(place.pk)
    assert told(root_admin) == []
