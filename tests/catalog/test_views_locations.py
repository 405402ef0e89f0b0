"""Locations as people meet them: registering, watching, refreshing, removing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.forms import guess_type
from catalog.models import Entity, Location, Problem
from control.models import AuditEvent, User
from tests import factories
from tests.catalog.pages import HOSTILE, HTMX, links, many, queries

pytestmark = pytest.mark.django_db
REGISTER = "/locations/register/"
REPOSITORY = "https://git.example.org/acme/payments.git"


@pytest.fixture
def reader(maya: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(maya)


@pytest.fixture
def admin(root_admin: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(root_admin)


def text(client: Client, url: str, status: int = 200, **headers: Any) -> str:
    response = client.get(url, **headers)
    assert response.status_code == status
    return str(response.content.decode())


@pytest.mark.parametrize(
    ("target", "type"),
    [
        ("https://github.com/acme/payments", "git"),
        ("https://git.example.org/acme/payments.git", "git"),
        ("https://git.example.org/acme/payments.git#services/*/catalog-info.yaml", "git"),
        ("git@git.example.org:acme/payments.git", "git"),
        ("ssh://git@git.example.org/acme/payments", "git"),
        ("file:///srv/git/acme.git", "git"),
        ("https://github.com/acme/payments/blob/main/catalog-info.yaml", "url"),
        ("https://example.org/catalog-info.yaml", "url"),
        ("/srv/catalogue/*.yaml", "file"),
        ("file:///srv/catalogue", "file"),
        ("payments", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_the_type_is_guessed_from_what_was_pasted(target: str, type: str) -> None:
    assert guess_type(target) == type


def test_registering_leads_to_the_page_that_shows_the_reading(reader: Client, maya: User) -> None:
    response = reader.post(REGISTER, {"target": REPOSITORY, "type": ""}, follow=True)
    location = Location.objects.get()
    assert (location.type, location.target, location.registered_by) == ("git", REPOSITORY, maya)
    assert response.redirect_chain[-1][0] == location.get_absolute_url()
    html = response.content.decode()
    assert "Waiting to be read" in html
    assert 'hx-trigger="every 1500ms"' in html
    assert AuditEvent.objects.filter(action="location.registered", actor=maya).count() == 1


def test_registering_twice_leads_to_the_same_location(reader: Client) -> None:
    for _ in range(2):
        reader.post(REGISTER, {"target": REPOSITORY})
    assert Location.objects.count() == 1


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "Paste the address"),
        ("payments", "This looks like no address"),
        ("https://user:secret@git.example.org/a/b.git", "Leave names, passwords and tokens out"),
        ("/etc/passwd", "outside the folders"),
        ("https://git.example.org/a b/c.yaml", "blank"),
    ],
)
def test_an_address_that_cannot_be_registered_is_explained_at_the_field(
    reader: Client, target: str, words: str
) -> None:
    response = reader.post(REGISTER, {"target": target})
    html = response.content.decode()
    assert response.status_code == 422
    assert words in html
    assert 'aria-invalid="true"' in html
    assert not Location.objects.exists()


def test_typing_says_what_registering_would_do(reader: Client) -> None:
    html = text(reader, f"{REGISTER}?target={REPOSITORY}&type=", headers=HTMX)
    assert "<html" not in html
    assert "clones this git repository" in html
    assert not Location.objects.exists()


def test_a_pasted_script_is_shown_as_text(reader: Client) -> None:
    html = reader.post(REGISTER, {"target": f"https://x/{HOSTILE}"}).content.decode()
    assert "<script>alert" not in html


def test_only_administrators_are_offered_and_may_mark_a_source_of_people(
    reader: Client, admin: Client, settings: Any, tmp_path: Path
) -> None:
    assert "is_org_source" not in text(reader, REGISTER)
    assert "is_org_source" in text(admin, REGISTER)
    reader.post(REGISTER, {"target": REPOSITORY, "is_org_source": "on"})
    assert not Location.objects.get().is_org_source
    admin.post(REGISTER, {"target": REPOSITORY, "is_org_source": "on"})
    assert Location.objects.get().is_org_source


def test_the_list_shows_each_state_in_a_word(reader: Client) -> None:
    now = timezone.now()
    factories.location("https://git.example.org/a/fine.git", read_at=now, entity_count=3)
    factories.location("https://git.example.org/a/broken.git", failing_since=now)
    factories.location("https://git.example.org/a/odd.git", read_at=now, problem_count=2)
    factories.location("https://git.example.org/a/busy.git", reading_since=now)
    html = text(reader, "/locations/")
    for word in ("Read", "Cannot be read", "2 problems", "Reading"):
        assert word in html
    troubled = text(reader, "/locations/?state=problems")
    assert "a/broken" in troubled
    assert "a/odd" in troubled
    assert "a/fine" not in troubled


def test_an_empty_list_says_what_a_location_is(reader: Client) -> None:
    assert "Nothing is registered yet" in text(reader, "/locations/")


def test_a_location_that_is_read_shows_its_progress_and_asks_again(reader: Client) -> None:
    location = factories.location(reading_since=timezone.now(), progress="Read 40 of 212 files")
    html = text(reader, location.get_absolute_url(), headers=HTMX)
    assert "<html" not in html
    assert "Read 40 of 212 files" in html
    assert "every 1500ms" in html


def test_a_location_that_was_read_stops_asking(reader: Client) -> None:
    location = factories.location(
        read_at=timezone.now(), refresh_asked_at=timezone.now() - timedelta(hours=1)
    )
    assert "every 1500ms" not in text(reader, location.get_absolute_url())


def test_a_failed_read_says_why_and_that_what_was_read_stays(reader: Client) -> None:
    location = factories.location(
        failing_since=timezone.now(), failure="git could not read it.", entity_count=2
    )
    html = text(reader, location.get_absolute_url())
    assert "git could not read it." in html
    assert "stays in the catalogue" in html


def test_problems_name_file_line_and_what_to_do(reader: Client) -> None:
    location = factories.location(read_at=timezone.now(), problem_count=1)
    Problem.objects.create(
        location=location,
        code="invalid",
        path="a/catalog-info.yaml",
        line=14,
        message="spec.owner is missing. Write it.",
    )
    html = text(reader, location.get_absolute_url())
    assert "a/catalog-info.yaml, line 14" in html
    assert "spec.owner is missing. Write it." in html


def test_refreshing_is_for_everybody_and_works_without_javascript(reader: Client) -> None:
    location = factories.location(read_at=timezone.now())
    url = reverse("catalog:location_refresh", args=[location.pk])
    assert "Waiting to be read" in reader.post(url, follow=True).content.decode()
    fragment = reader.post(url, headers=HTMX).content.decode()
    assert "<html" not in fragment
    assert "every 1500ms" in fragment
    assert reader.get(url).status_code == 405


def test_removing_names_its_effects_first_and_then_does_it(reader: Client, maya: User) -> None:
    location = factories.location(registered_by=maya)
    factories.entity(location=location)
    url = reverse("catalog:location_remove", args=[location.pk])
    html = text(reader, url)
    assert "1\u00a0entity that came from here" in html
    assert Entity.objects.count() == 1
    after = reader.post(url, follow=True)
    assert after.redirect_chain[-1][0] == "/locations/"
    assert not Entity.objects.exists()
    assert not Location.objects.exists()


def test_somebody_else_may_not_remove_and_is_told_whom_to_ask(reader: Client, tomas: User) -> None:
    location = factories.location(registered_by=tomas)
    url = reverse("catalog:location_remove", args=[location.pk])
    assert "Ask Tomas Lind" in text(reader, url, status=403)
    assert reader.post(url).status_code == 403
    assert Location.objects.exists()
    assert url not in links(text(reader, location.get_absolute_url()))


def test_administrators_may_remove_what_others_registered(admin: Client, tomas: User) -> None:
    location = factories.location(registered_by=tomas)
    admin.post(reverse("catalog:location_remove", args=[location.pk]))
    assert not Location.objects.exists()


def test_a_location_that_is_gone_is_not_found(reader: Client) -> None:
    assert reader.get("/locations/7b1fbb0e-0000-4000-8000-000000000000/").status_code == 404


@pytest.mark.parametrize("url", ["/locations/", REGISTER])
def test_strangers_sign_in_first(url: str) -> None:
    assert Client().get(url)["Location"].startswith("/signin/")


def test_strangers_change_nothing() -> None:
    location = factories.location()
    for name in ("catalog:location_refresh", "catalog:location_remove"):
        assert Client().post(reverse(name, args=[location.pk]))["Location"].startswith("/signin/")
    assert Client().post(REGISTER, {"target": REPOSITORY})["Location"].startswith("/signin/")
    assert Location.objects.count() == 1


@pytest.mark.slow
def test_a_location_with_a_thousand_entities_costs_as_many_queries_as_one_with_ten(reader: Client) -> None:
    few_there = many(10)[0].location
    few = queries(reader, few_there.get_absolute_url())
    many_there = many(1_000, prefix="other")[0].location
    assert queries(reader, many_there.get_absolute_url()) == few


def test_a_hundred_locations_cost_as_many_queries_as_three(reader: Client, tomas: User) -> None:
    for number in range(3):
        factories.location(f"https://git.example.org/a/{number}.git", registered_by=tomas)
    few = queries(reader, "/locations/")
    for number in range(100):
        factories.location(f"https://git.example.org/b/{number}.git", registered_by=tomas)
    assert queries(reader, "/locations/") == few
