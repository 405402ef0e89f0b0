"""Pages of the inbox: which requests stand on which, and that one of them is found as quickly among many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.test import Client

from control import inbox, intents
from control.models import Intent, User
from tests.control.spine import wish
from tests.factories import user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owners_decide", "capability")]


@pytest.fixture
def waiting(maya: User, tomas: User) -> list[Intent]:
    return [intents.submit(wish(maya, size=size)) for size in (2, 3, 4, 5, 6)]


@pytest.mark.parametrize(
    ("number", "shown", "on"),
    [
        (None, [0, 1], 1),
        ("2", [2, 3], 2),
        ("3", [4], 3),
        ("4", [4], 3),  # past the end: the last there is
        ("0", [4], 3),
        ("x", [0, 1], 1),
        ("9" * 40, [4], 3),
    ],
)
@pytest.mark.slow
def test_each_page_shows_its_part_of_all_the_oldest_first(
    waiting: list[Intent], tomas: User, number: str | None, shown: list[int], on: int
) -> None:
    page = inbox.page_of("waiting", tomas, number, size=2)
    assert [intent.pk for intent in page] == [waiting[place].pk for place in shown]
    assert (page.number, page.paginator.count, page.paginator.num_pages) == (on, 5, 3)


def test_an_empty_page_says_so(waiting: list[Intent]) -> None:
    page = inbox.page_of("waiting", user("nobody.here"), "2", size=2)
    assert (list(page), page.number, page.paginator.count) == ([], 1, 0)


def test_the_page_shows_how_many_there_are(
    waiting: list[Intent],
    tomas: User,
    client_for: Callable[[User], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "page_of", partial(inbox.page_of, size=2))
    words = client_for(tomas).get("/inbox/?page=2").content.decode()
    assert "3–4 of 5" in words
    assert "Waiting 5" in words


def test_one_request_is_looked_up_without_going_through_all(waiting: list[Intent], ines: User) -> None:
    """Each condition of who sees it is asked of the row at hand: a list of all that somebody may see is never made."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    one = Intent.objects.visible_to(ines).filter(pk=waiting[0].pk)
    plan = one.explain()
    assert "Index Scan using control_intent_pkey on control_intent" in plan
    assert plan.count(" on control_intent") == 1, plan
