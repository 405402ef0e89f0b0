"""Signs of life: who asks learns up or down for each part, and nothing more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from portal import heartbeat
from portal.models import Heartbeat

pytestmark = pytest.mark.django_db


def test_healthz_answers_without_a_database_and_under_any_name(client: Client) -> None:
    answer = client.get("/healthz", headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.content) == (200, b"up\n")


def test_readyz_is_200_when_every_part_is_up(client: Client) -> None:
    heartbeat.note("worker")
    heartbeat.note("schedule")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert set(answer.json().values()) == {"up"}


def test_readyz_is_503_and_names_the_part_while_no_worker_was_seen(client: Client) -> None:
    heartbeat.note("schedule")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "database": "up",
        "migrations": "up",
        "queue": "up",
        "worker": "down",
        "schedule": "up",
    }


def test_a_worker_that_has_been_silent_for_half_a_minute_is_down(client: Client) -> None:
    heartbeat.note("worker")
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(seconds=31))
    assert client.get("/readyz").json()["worker"] == "down"


def test_neither_is_kept_by_caches(client: Client) -> None:
    assert "no-store" in client.get("/readyz").headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nothing_is_to_be_sent_there(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
