"""Refusals and lost sessions, as a page and as a fragment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from control.errors import ControlError, OwnRequest
from control.models import User
from portal.urls import urlpatterns as portal_paths

FRAGMENT = {"HX-Request": "true", "HX-Current-URL": "http://testserver/inbox/?tab=mine"}
WORDS = "You asked for this yourself, so somebody else must decide."


def refuse(request: HttpRequest) -> HttpResponse:
    raise OwnRequest(WORDS)


def refuse_late(request: HttpRequest) -> HttpResponse:
    raise ControlError("Nathalie <b>was</b> faster.")


urlpatterns = [path("refused/", refuse), path("late/", refuse_late), *portal_paths]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
ClientFor = Callable[[User], Client]


def test_a_refusal_is_a_page_with_its_words_and_its_status(maya: User, client_for: ClientFor) -> None:
    answer = client_for(maya).get("/refused/")
    assert answer.status_code == 403
    assert WORDS in answer.content.decode()
    assert "<html" in answer.content.decode()


def test_a_refusal_of_a_fragment_carries_its_words_for_the_announced_region(
    maya: User, client_for: ClientFor
) -> None:
    answer = client_for(maya).get("/refused/", headers=FRAGMENT)
    assert answer.status_code == 403
    assert unquote(answer.headers["X-Portico-Message"]) == WORDS
    assert "<html" not in answer.content.decode()


def test_too_late_is_a_conflict_and_words_are_escaped(maya: User, client_for: ClientFor) -> None:
    answer = client_for(maya).get("/late/")
    assert answer.status_code == 409
    assert "&lt;b&gt;was&lt;/b&gt;" in answer.content.decode()


def test_a_fragment_without_a_session_leads_the_whole_page_to_the_sign_in(client: Client) -> None:
    answer = client.get("/palette/", headers=FRAGMENT)
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/signin/?next=%2Finbox%2F%3Ftab%3Dmine"


@pytest.mark.parametrize("extra", [{}, {"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}])
def test_a_page_without_a_session_is_redirected_as_ever(client: Client, extra: dict[str, Any]) -> None:
    headers = {**FRAGMENT, **extra} if extra else {}
    answer = client.get("/palette/", headers=headers)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/signin/?next=/palette/"


def test_caches_keep_fragments_and_pages_apart(maya: User, client_for: ClientFor) -> None:
    assert "HX-Request" in client_for(maya).get("/palette/").headers["Vary"]
