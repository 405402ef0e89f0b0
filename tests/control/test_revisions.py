"""Revisions of the rules: listed, compared document by document, with the requests that were decided under each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from control import intents, policy
from control.models import PolicyRevision, User
from control.policy_text import text_of
from control.policy_yaml import Document
from control.rule_changes import changes
from tests.control.conftest import RULES
from tests.control.spine import wish
from tests.control.test_policy import ROLE, RULE, write

HIDES = """\
apiVersion: portico.dev/v1
kind: VisibilityRule
metadata: {name: secret-plan}
spec: {entities: "metadata.tags=secret", visibleTo: []}
"""
Enter = Callable[[User], Client]


def documents(*texts: str) -> list[Document]:
    return [Document("rules.yaml", 1, yaml.safe_load(text)) for text in texts]


def test_a_changed_document_is_told_by_its_lines() -> None:
    (change,) = changes(documents(ROLE, RULE), documents(ROLE, RULE.replace("4h", "1h")))
    assert (change.how, change.kind, change.name) == ("changed", "AccessRule", "logs")
    assert [(line.sign, line.text) for line in change.lines if line.sign in "+-"] == [
        ("-", "  maxDuration: 4h"),
        ("+", "  maxDuration: 1h"),
    ]
    assert change.lines[0].sign == "…"


def test_what_came_and_what_went_is_whole() -> None:
    added, removed = changes(documents(ROLE), documents(RULE))
    assert (added.how, added.kind, removed.how, removed.kind) == ("added", "AccessRule", "removed", "Role")
    assert {line.sign for line in added.lines} == {"+"}
    assert {line.sign for line in removed.lines} == {"-"}


def test_another_place_or_order_is_no_change() -> None:
    moved = [Document("other.yaml", 7, doc.data) for doc in reversed(documents(ROLE, RULE))]
    assert changes(documents(ROLE, RULE), moved) == []


def test_the_text_reads_as_the_same_document_in_the_order_of_its_author() -> None:
    kept = {
        "kind": "Role",
        "rules": [],
        "metadata": {"title": "Läsen", "name": "x"},
        "apiVersion": "portico.dev/v1",
    }
    text = text_of(kept)
    assert text.splitlines()[:3] == [
        "apiVersion: portico.dev/v1",
        "kind: Role",
        "metadata: {name: x, title: Läsen}",
    ]
    assert yaml.safe_load(text) == kept


@pytest.fixture
def three(db: None, tmp_path: Path, root_admin: User) -> list[PolicyRevision]:
    first = policy.publish([write(tmp_path, ROLE, RULE)], by=None)
    second = policy.publish([write(tmp_path, ROLE, RULE.replace("4h", "1h"))], by=root_admin)
    third = policy.publish([write(tmp_path, ROLE, RULE.replace("4h", "1h"), HIDES)], by=None)
    return [first, second, third]


def test_the_list_says_who_put_each_in_force_and_from_where(
    three: list[PolicyRevision], maya: User, client_for: Enter
) -> None:
    page = client_for(maya).get(reverse("control:revisions")).content.decode()
    assert page.index(three[2].short) < page.index(three[1].short) < page.index(three[0].short)
    assert "Root Admin" in page
    assert "rules.yaml" in page


def test_any_two_can_be_compared(three: list[PolicyRevision], maya: User, client_for: Enter) -> None:
    url = reverse("control:compare")
    page = client_for(maya).get(f"{url}?from={three[0].pk}&to={three[1].pk}").content.decode()
    assert "−   maxDuration: 4h" in page
    assert "+   maxDuration: 1h" in page
    back = client_for(maya).get(f"{url}?from={three[1].pk}&to={three[0].pk}").content.decode()
    assert "+   maxDuration: 4h" in back


def test_what_a_visibility_rule_names_is_compared_for_administrators_alone(
    three: list[PolicyRevision], maya: User, root_admin: User, client_for: Enter
) -> None:
    for url in (
        f"{reverse('control:compare')}?from={three[1].pk}&to={three[2].pk}",
        reverse("control:revision", args=[three[2].pk]),
    ):
        assert "secret-plan" not in client_for(maya).get(url).content.decode()
        assert "secret-plan" in client_for(root_admin).get(url).content.decode()


@pytest.mark.parametrize("bad", ["", "x", "-1", "999999", "9" * 30, "²", "1 or 1=1"])
def test_a_revision_that_does_not_exist_is_not_found(
    three: list[PolicyRevision], maya: User, client_for: Enter, bad: str
) -> None:
    url = reverse("control:compare")
    assert client_for(maya).get(url, {"from": bad, "to": str(three[0].pk)}).status_code == 404


def test_an_older_revision_opens_though_todays_portico_would_not_take_it(
    three: list[PolicyRevision], maya: User, client_for: Enter
) -> None:
    old = PolicyRevision.objects.create(
        digest="0" * 64,
        documents=[{"path": "a", "line": 1, "document": {"kind": "Gone", "metadata": {"name": "x"}}}],
    )
    assert "Gone" in client_for(maya).get(reverse("control:revision", args=[old.pk])).content.decode()


@pytest.mark.usefixtures("capability")
def test_requests_decided_under_a_revision_are_shown_to_whom_they_concern(
    rules: Callable[[str], PolicyRevision], maya: User, tomas: User, root_admin: User, client_for: Enter
) -> None:
    revision = rules(RULES % 1)
    intents.submit(wish(maya))
    url = reverse("control:revision", args=[revision.pk])
    for reader, sees in ((maya, True), (tomas, True), (root_admin, True)):
        assert ("counting-by-owners</span>" in client_for(reader).get(url).content.decode()) is sees
    from tests.factories import user

    page = client_for(user("stranger")).get(url).content.decode()
    assert "None of the requests that you may see" in page
    assert "Maya" not in page


@pytest.mark.usefixtures("capability")
def test_pages_cost_the_same_for_many_requests_and_revisions(
    rules: Callable[[str], PolicyRevision], maya: User, tomas: User, client_for: Enter
) -> None:
    revision = rules(RULES % 1)
    reader = client_for(maya)

    def cost() -> list[int]:
        found = []
        for url in (reverse("control:revisions"), reverse("control:revision", args=[revision.pk])):
            reader.get(url)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                reader.get(url)
            found.append(len(queries))
        return found

    intents.submit(wish(maya))
    before = cost()
    for size in range(8):
        intents.submit(wish(maya, size=size))
        PolicyRevision.objects.create(digest=str(size) * 64, documents=[], published_by=maya)
    assert cost() == before


def test_strangers_must_sign_in(db: None) -> None:
    for url in (reverse("control:revisions"), reverse("control:compare")):
        assert Client().get(url).status_code == 302
