"""The page of actions: everything that a template's author looks up."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from control.models import User
from scaffolder import actions

pytestmark = pytest.mark.django_db
URL = "/create/actions/"


def page(client: Client, text: str = "") -> str:
    return client.get(URL, {"q": text} if text else {}).content.decode()


def test_every_action_is_there_with_all_that_it_takes(client: Client, maya: User) -> None:
    client.force_login(maya)
    found = page(client)
    headings = re.findall(r'<h2 class="ref" id="[a-z-]+">([^<]+)</h2>', found)
    assert sorted(headings) == actions.names()
    for action in actions.every():
        for name in action.schema["properties"]:
            assert f'<span class="ref">{name}</span>' in found
    assert '<span class="ref">files[].from</span> <span class="dim">required</span>' in found


def test_it_is_narrowed_by_words_and_says_when_nothing_fits(client: Client, maya: User) -> None:
    client.force_login(maya)
    found = page(client, "GITHUB: pull-request")
    assert re.search(r"1\sactions?<", found)
    assert 'id="publish-github-pull-request"' in found
    nothing = page(client, "<script>x")
    assert "No action fits" in nothing
    assert "<script>x" not in nothing


def test_it_is_linked_from_create_and_closed_to_strangers(client: Client, maya: User) -> None:
    assert client.get(URL).status_code == 302
    client.force_login(maya)
    assert client.post(URL).status_code == 405
    assert f'href="{URL}"' in client.get("/create/").content.decode()
