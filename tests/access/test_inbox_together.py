"""Requests that were sent together are one entry of the inbox, decided all at once or one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access import together
from access.models import Batch, BatchLine
from control import approvals, inbox, inbox_entries
from control.models import Intent, State, User
from tests import factories
from tests.access import room
from tests.access.test_views import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules", "services")]
SignedIn = Callable[[User], Client]
NAMES = ("basket", "gateway", "ledger")


@pytest.fixture
def services(db: None, maya: User, tomas: User) -> None:
    for name in NAMES:
        factories.entity(f"component:default/{name}", type="service", owner_ref="group:default/payments")


def sent(actor: User, names: Sequence[str] = NAMES) -> Batch:
    drafts = [room.draft(actor, ref=f"component:default/{name}") for name in names]
    return together.submit(drafts, by=actor, key=uuid4())


def rows_of(batch: Batch) -> list[Intent]:
    return list(Intent.objects.filter(batch_line__batch=batch).order_by("batch_line__pk"))


def shown(user: User, tab: str = "waiting", start: int = 0, stop: int = 25) -> list[list[Intent]]:
    """The entries of one page."""
    page = list(inbox.of_tab(tab, user)[start:stop])
    return [list(entry.rows) for entry in inbox_entries.entries(tab, user, page)]


def test_what_was_sent_together_is_one_entry_with_its_members(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    alone = room.ask(maya)
    batch = sent(maya)
    rows = rows_of(batch)
    assert shown(tomas) == [[alone], rows]
    page = text(client_for(tomas).get("/inbox/"))
    assert "3 requests, sent together" in page
    assert page.count('class="inbox-row is-member"') == 3
    query = "&amp;".join(f"intent={row.pk}" for row in rows)
    assert f'href="/inbox/several/?{query}"' in page
    for row in rows:
        assert page.count(f'href="/inbox/{row.pk}/"') == 1


def test_ticking_the_entry_is_ticking_all_of_it(maya: User, tomas: User, client_for: SignedIn) -> None:
    batch, client = sent(maya), client_for(tomas)
    rows = rows_of(batch)
    mark = re.search(r'name="intent" value="([^"]*,[^"]*)"', client.get("/inbox/").content.decode())
    assert mark
    page = text(client.get("/inbox/several/", {"intent": [mark[1], str(rows[0].pk)]}))
    assert "Decide 3 requests" in page
    items = [f"{row.pk}:{row.plan_digest}" for row in rows]
    client.post("/inbox/several/", {"item": items[:2], "verb": "approve"})
    assert [row.state for row in rows_of(batch)] == [
        State.APPROVED,
        State.APPROVED,
        State.AWAITING_APPROVAL,
    ]


def test_the_mark_of_an_entry_stays_while_one_of_it_is_read(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    rows = rows_of(sent(maya))
    mark = ",".join(str(row.pk) for row in rows)
    page = client_for(tomas).get(f"/inbox/{rows[1].pk}/", {"intent": mark}, headers={"HX-Request": "true"})
    assert f'value="{mark}" form="several" checked' in page.content.decode()


def test_one_of_it_that_was_decided_leaves_the_entry_and_the_last_stands_alone(
    maya: User, tomas: User
) -> None:
    rows = rows_of(sent(maya))
    approvals.approve(rows[0].pk, by=tomas, digest=rows[0].plan_digest)
    assert shown(tomas) == [rows[1:]]
    approvals.approve(rows[1].pk, by=tomas, digest=rows[1].plan_digest)
    assert shown(tomas) == [[rows[2]]]


def test_what_others_decide_of_it_is_not_shown(maya: User, tomas: User, client_for: SignedIn) -> None:
    factories.entity("component:default/stock", type="service", owner_ref="group:default/fulfilment")
    factories.user("hanna.kowalska", groups=["group:default/fulfilment"])
    rows = rows_of(sent(maya, ("basket", "stock", "ledger")))
    assert shown(tomas) == [[rows[0], rows[2]]]
    assert "component:default/stock" not in client_for(tomas).get("/inbox/").content.decode()
    assert shown(User.objects.get(username="hanna.kowalska")) == [[rows[1]]]


def test_the_requester_finds_it_as_one_too_and_it_leads_to_the_page_of_all(
    maya: User, tomas: User, client_for: SignedIn
) -> None:
    batch = sent(maya)
    assert shown(maya, "mine") == [rows_of(batch)[::-1]]
    assert f'href="/access/together/{batch.pk}/"' in text(client_for(maya).get("/inbox/?tab=mine"))


def test_an_entry_is_whole_on_the_page_of_its_first_and_nowhere_else(maya: User, tomas: User) -> None:
    """The page ends within it, and another request was sent in between."""
    first = room.ask(maya)
    rows = rows_of(sent(maya))
    last = room.ask(maya, role="production-logs-all")
    assert shown(tomas, stop=2) == [[first], rows]
    assert shown(tomas, start=2) == [[last]]


@pytest.mark.slow
def test_more_entries_take_no_more_queries(maya: User, tomas: User, client_for: SignedIn) -> None:
    client = client_for(tomas)

    def cost() -> int:
        client.get("/inbox/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/inbox/")
        return len(queries)

    sent(maya)
    few = cost()
    for _ in range(4):
        sent(maya)
    assert BatchLine.objects.count() == 15
    assert cost() == few


def test_an_odd_mark_names_nothing(maya: User, tomas: User, client_for: SignedIn) -> None:
    sent(maya)
    answer = client_for(tomas).get("/inbox/several/", {"intent": [",", "x,'; --", "," * 5_000]})
    assert answer["Location"] == "/inbox/"
