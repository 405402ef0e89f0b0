"""One broken location among a thousand: nobody else notices, and its owner sees why, wherever they look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from catalog import ingest
from catalog.models import Entity, Location
from control.models import User
from tests.catalog.places import component

pytestmark = [pytest.mark.django_db, pytest.mark.service]  # two thousand reads take a while
COUNT = 1_000
BROKEN = 500


def thousand(folder: Path, by: User) -> list[Location]:
    rows = []
    for number in range(COUNT):
        path = folder / f"service-{number}.yaml"
        path.write_text(component(f"service-{number}", owner="payments" if number == BROKEN else "support"))
        rows.append(Location(type="file", target=str(path), is_outside_roots=True, registered_by=by))
    return Location.objects.bulk_create(rows)


def read_all() -> None:
    """As the schedule does: what is due is claimed, then read one by one."""
    Location.objects.update(next_read_at=timezone.now())
    while due := ingest.claim_due():
        for location_id in due:
            ingest.ingest(location_id)


def state(*, without: Location) -> list[tuple[object, ...]]:
    rows = Entity.objects.exclude(location=without).order_by("ref")
    return list(
        rows.values_list("pk", "ref", "digest", "changed_at", "orphaned_at", "location__failing_since")
    )


def test_one_broken_location_among_a_thousand_changes_nothing_for_the_others(
    tmp_path: Path,
    root_admin: User,
    maya: User,
    tomas: User,
    payments: Group,
    client_for: Callable[[User], Client],
) -> None:
    locations = thousand(tmp_path, root_admin)
    broken = locations[BROKEN]
    read_all()
    assert Entity.objects.count() == COUNT
    before = state(without=broken)
    Path(broken.target).unlink()
    read_all()
    assert state(without=broken) == before
    broken.refresh_from_db()
    assert broken.failing_since is not None
    assert "There is no file" in broken.failure
    entity = Entity.objects.get(location=broken)
    owner = client_for(tomas)
    for url in ("/", entity.get_absolute_url(), broken.get_absolute_url()):
        assert "There is no file" in owner.get(url).content.decode(), url
    assert "There is no file" not in client_for(maya).get("/").content.decode()
