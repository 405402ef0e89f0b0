"""Several wishes at once: each decided for itself, all of them written or none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access import together
from access.models import Batch, Grant
from control import approvals
from control.errors import InvalidParameters, PolicyInvalid, Refused
from control.models import Intent, State, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "ledger", "kit")]
SignedIn = Callable[[User], Client]
LEDGER = "component:default/ledger"
KIT = """
---
apiVersion: portico.dev/v1
kind: Bundle
metadata: {name: kit, title: On-call kit}
roles: [production-logs, staging-shell]
"""


@pytest.fixture
def ledger(db: None) -> None:
    """A service of the finance team."""
    factories.entity(LEDGER, type="service", owner_ref="group:default/finance")


@pytest.fixture
def olga(db: None) -> User:
    """An owner of the ledger."""
    return factories.user("olga.brandt", "Olga Brandt", groups=["group:default/finance"])


@pytest.fixture
def kit(tmp_path: Path) -> None:
    room.publish(tmp_path, room.RULES + KIT)


@pytest.fixture
def client(maya: User, tomas: User, olga: User, client_for: SignedIn) -> Client:
    """Maya's browser; Tomas owns payments, Olga the ledger."""
    return client_for(maya)


def form(**given: Any) -> dict[str, Any]:
    base = {
        "key": str(uuid4()),
        "entity": [room.REF, LEDGER],
        "what": ["production-logs@production", "staging-shell@staging"],
        "duration": "1h",
        "reason": "Refunds of order 88 fail.",
    }
    return {**base, **given}


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("\u00a0", " ").split())


def lines(client: Client, **given: Any) -> str:
    return text(client.get("/access/request/several/lines/", form(**given)))


def test_each_line_is_decided_by_its_own_rule_and_its_own_people(
    client: Client, maya: User, tomas: User, olga: User
) -> None:
    answer = client.post("/access/request/several/", form())
    batch = Batch.objects.get()
    assert answer["Location"] == f"/access/together/{batch.pk}/"
    found = {(one.subject_ref, one.parameters["role"]): one for one in Intent.objects.all()}
    assert len(found) == 4
    assert found[room.REF, "staging-shell"].state == State.APPROVED
    first, second = found[room.REF, "production-logs"], found[LEDGER, "production-logs"]
    assert list(Intent.objects.waiting_for(tomas)) == [first]
    assert list(Intent.objects.waiting_for(olga)) == [second]
    approvals.approve(first.pk, by=tomas, digest=first.plan_digest)
    second.refresh_from_db()
    assert second.state == State.AWAITING_APPROVAL
    assert Grant.objects.filter(user=maya).count() == 3


def test_what_becomes_of_each_line_is_shown_before_it_is_sent(client: Client) -> None:
    shown = lines(client, what=["production-logs@production", "production-shell@production"])
    assert "2 of 4 can be sent" in shown
    assert "One of the payments owners must agree" in shown
    assert "One of the ledger owners must agree" in shown
    assert shown.count("production-shell is for the group platform, and you are not in it") == 2
    assert "Send 2 requests" in shown
    assert not Intent.objects.exists()


def test_refused_lines_are_left_out_and_the_rest_is_sent(client: Client) -> None:
    client.post(
        "/access/request/several/", form(what=["production-logs@production", "production-shell@production"])
    )
    assert set(Intent.objects.values_list("state", flat=True)) == {State.AWAITING_APPROVAL}
    assert Intent.objects.count() == 2


def test_a_bundle_is_its_roles_and_no_more(client: Client) -> None:
    client.post("/access/request/several/", form(what=[], bundle=["kit"]))
    roles = {(one.subject_ref, one.parameters["role"]) for one in Intent.objects.all()}
    assert roles == {
        (room.REF, "production-logs"),
        (room.REF, "staging-shell"),
        (LEDGER, "production-logs"),
        (LEDGER, "staging-shell"),
    }


def test_a_bundle_gives_nobody_what_its_roles_do_not(tomas: User, olga: User, client_for: SignedIn) -> None:
    """Tomas may not ask for production logs; the kit names them."""
    shown = lines(client_for(tomas), what=[], bundle=["kit"])
    assert "production-logs is for the group support" in shown


def test_a_line_that_the_rules_refuse_meanwhile_stops_all_of_it(maya: User, tomas: User, olga: User) -> None:
    drafts = [
        room.draft(maya, role="staging-shell", environment="staging"),
        room.draft(maya, role="production-shell"),
    ]
    with pytest.raises(Refused, match="Nothing was sent"):
        together.submit(drafts, by=maya, key=uuid4())
    assert not Intent.objects.exists()
    assert not Batch.objects.exists()
    assert not Grant.objects.exists()


def test_a_mistake_in_one_line_stops_all_of_it(maya: User, tomas: User) -> None:
    drafts = [room.draft(maya, role="staging-shell", environment="staging"), room.draft(maya, duration="9h")]
    with pytest.raises(InvalidParameters):
        together.submit(drafts, by=maya, key=uuid4())
    assert not Intent.objects.exists()


def test_the_same_form_sent_twice_is_sent_once(client: Client) -> None:
    sent = form()
    first, second = (client.post("/access/request/several/", sent) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Intent.objects.count() == 4


def test_the_form_of_somebody_else_is_not_theirs(client: Client, tomas: User, client_for: SignedIn) -> None:
    sent = form(what=["staging-shell@staging"])
    client.post("/access/request/several/", sent)
    answer = client_for(tomas).post("/access/request/several/", sent)
    assert answer.status_code == 422
    assert "sent by somebody else already" in text(answer)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": ""}, "Say why."),
        ({"other": "soon"}, "“soon” is not a length of time."),
        ({"begin": "at", "start": ""}, "Say when"),
        ({"what": []}, "Ask for at least one thing"),
        ({"entity": []}, "Ask for at least one thing"),
        ({"entity": ["component:default/nothing"]}, "Ask for at least one thing"),
    ],
)
def test_a_mistake_comes_back_with_words_and_nothing_made(
    client: Client, changed: dict[str, Any], words: str
) -> None:
    answer = client.post("/access/request/several/", form(**changed))
    assert answer.status_code == 422
    assert words in text(answer)
    assert not Intent.objects.exists()
    assert not Batch.objects.exists()


def test_without_javascript_the_lines_can_be_looked_at(client: Client) -> None:
    answer = client.post("/access/request/several/", form(look="1"))
    assert "4 requests" in text(answer)
    assert not Intent.objects.exists()


def test_hidden_entities_are_not_there(client: Client, tmp_path: Path) -> None:
    hidden = """
---
apiVersion: portico.dev/v1
kind: VisibilityRule
metadata: {name: hidden}
spec: {entities: "metadata.name=ledger", visibleTo: []}
"""
    room.publish(tmp_path, room.RULES + KIT + hidden)
    assert "ledger" not in text(client.get("/access/request/several/", form())).replace(LEDGER, "")
    client.post("/access/request/several/", form())
    assert not Intent.objects.filter(subject_ref=LEDGER).exists()


def test_fields_that_hold_nonsense_are_as_if_they_were_empty(client: Client) -> None:
    odd = form(what=["@", "x" * 300, "\x01@production"], bundle=["nothing"], entity=["%", LEDGER] * 50)
    assert client.post("/access/request/several/", {**odd, "look": "1"}).status_code == 200


def test_who_decides_one_reads_what_it_was_asked_for_with(
    client: Client, tomas: User, client_for: SignedIn
) -> None:
    client.post("/access/request/several/", form(what=["production-logs@production"]))
    intent = Intent.objects.waiting_for(tomas).get()
    page = text(client_for(tomas).get(f"/inbox/{intent.pk}/"))
    assert "Asked for together with Production logs of ledger (waiting for approval)" in page


def test_the_page_of_a_batch_shows_what_is_theirs_to_see(
    client: Client, tomas: User, client_for: SignedIn
) -> None:
    client.post("/access/request/several/", form(what=["production-logs@production"]))
    url = f"/access/together/{Batch.objects.get().pk}/"
    mine = text(client.get(url))
    assert "Production logs of payments" in mine
    assert "Production logs of ledger" in mine
    theirs = text(client_for(tomas).get(url))
    assert "Production logs of ledger" not in theirs
    assert client_for(factories.user("freya.nilsen")).get(url).status_code == 404
    assert client.get(f"/access/together/{UUID(int=1)}/").status_code == 404


def test_targets_are_added_and_left_out_by_links(client: Client) -> None:
    page = text(client.get("/access/request/several/", {"entity": [room.REF, LEDGER]}))
    assert "Leave out ledger" in page
    chooser = text(client.get("/access/request/", {"also": room.REF}))
    assert f"/access/request/several/?entity={room.REF}&amp;entity={LEDGER}" in chooser


@pytest.mark.parametrize("begin", ["now", "at"])
def test_more_lines_roles_and_people_take_no_more_queries(client: Client, begin: str) -> None:
    tomorrow = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"

    def cost(**given: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert (
                client.get("/access/request/several/", form(begin=begin, start=tomorrow, **given)).status_code
                == 200
            )
        return len(queries)

    cost()
    few = cost(what=["production-logs@production"])
    for number in range(30):
        factories.user(f"owner.{number}", groups=["group:default/payments"])
    assert cost() == few


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("roles: []", "roles must be a list with at least one entry"),
        ("roles: [nothing]", "there is no Role nothing"),
        ("roles: [staging-shell]\nspec: {}", "spec is not a field here"),
    ],
)
def test_a_mistake_in_a_bundle_is_told(tmp_path: Path, written: str, words: str) -> None:
    with pytest.raises(PolicyInvalid, match=words):
        room.publish(tmp_path, room.RULES + KIT.replace("roles: [production-logs, staging-shell]", written))
