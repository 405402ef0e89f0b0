"""Signing in and out."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from control.models import User
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client: Client, **fields: str) -> Any:
    return client.post("/signin/", {"username": "maya.okafor", "password": PASSWORD, **fields})


def test_a_person_signs_in_and_lands_where_they_wanted_to_go(client: Client, maya: User) -> None:
    answer = sign_in(client, next="/rules/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/rules/")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(client: Client, maya: User, elsewhere: str) -> None:
    assert sign_in(client, next=elsewhere).headers["Location"] == "/"


def test_a_wrong_password_is_answered_in_words(client: Client, maya: User) -> None:
    answer = sign_in(client, password="wrong")
    assert answer.status_code == 200
    assert "No open account has this name and password." in answer.content.decode()


def test_a_closed_account_is_not_told_apart(client: Client, maya: User) -> None:
    User.objects.filter(pk=maya.pk).update(is_active=False)
    assert "No open account has this name and password." in sign_in(client).content.decode()


def test_after_ten_wrong_passwords_even_the_right_one_waits(client: Client, maya: User) -> None:
    for _ in range(10):
        sign_in(client, password="wrong")
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.content.decode()


def test_signing_out_needs_a_form_and_ends_the_session(client: Client, maya: User) -> None:
    sign_in(client)
    assert client.get("/signout/").status_code == 405
    assert client.post("/signout/").headers["Location"] == "/signin/"
    assert client.get("/rules/").status_code == 302


def test_who_is_signed_in_is_not_asked_again(client: Client, maya: User) -> None:
    sign_in(client)
    assert client.get("/signin/").headers["Location"] == "/"


def test_without_the_demo_no_demo_people_are_offered(client: Client, settings: Any) -> None:
    settings.PORTICO_DEMO = False
    assert "Demo people" not in client.get("/signin/").content.decode()


def test_the_demo_offers_its_three_people(client: Client, settings: Any) -> None:
    settings.PORTICO_DEMO = True
    page = client.get("/signin/").content.decode()
    assert all(name in page for name in ("Maya Okafor", "Tomas Lind", "Noor Haddad"))


@pytest.mark.django_db
def test_a_defect_is_answered_with_a_number_to_quote(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    settings.PORTICO_BEHIND_PROXY = True
    client.raise_request_exception = False
    monkeypatch.setattr("django.contrib.auth.views.LoginView.get", break_down)
    response = client.get("/signin/", headers={"X-Request-ID": "quote-me-12345"})
    assert response.status_code == 500
    assert "quote-me-12345" in response.content.decode()
    assert "hunter2" not in response.content.decode()


def attempt(client: Client, forwarded: str) -> int:
    answer = client.post(
        "/signin/",
        {"username": "maya.okafor", "password": "wrong"},
        headers={"X-Forwarded-For": forwarded},
    )
    return answer.status_code


def test_nobody_escapes_the_throttle_by_writing_a_header(client: Client, maya: User) -> None:
    answers = {attempt(client, f"203.0.113.{number}") for number in range(11)}
    assert 429 in answers


def test_behind_a_proxy_one_guesser_does_not_lock_everybody_out(
    client: Client, maya: User, settings: Any
) -> None:
    settings.PORTICO_BEHIND_PROXY = True
    for number in range(11):
        guessed = attempt(client, f"203.0.113.{number}, 198.51.100.7")
    assert guessed == 429
    assert attempt(client, "198.51.100.8") == 200


def test_what_is_no_address_counts_as_the_proxy(client: Client, maya: User, settings: Any) -> None:
    settings.PORTICO_BEHIND_PROXY = True
    assert {attempt(client, f"unknown{number}") for number in range(11)} == {200, 429}


def test_a_client_does_not_choose_the_number_that_the_record_keeps(client: Client, settings: Any) -> None:
    chosen = {"X-Request-ID": "quote-me-12345"}
    assert client.get("/signin/", headers=chosen).headers["X-Request-ID"] != "quote-me-12345"
    settings.PORTICO_BEHIND_PROXY = True
    assert client.get("/signin/", headers=chosen).headers["X-Request-ID"] == "quote-me-12345"
