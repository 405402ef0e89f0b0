"""Signs of life: who asks learns up or down for each part, and nothing more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from portal import heartbeat
from portal.models import Heartbeat
from portal.welcome import SIGN_INS, welcome

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


@pytest.mark.parametrize(("host", "is_warned"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
def test_who_opens_the_demo_to_the_network_is_told_that_everybody_knows_its_password(
    tmp_path: Path, host: str, is_warned: bool
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / SIGN_INS).write_text("Sign in with the password portico-demo")
    assert ("PORTICO_DEMO=0" in welcome(tmp_path, host, 8000)) is is_warned
