"""The list of runs and the page of one: what everybody sees, live and at the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from control import approvals
from control.models import Intent, State, User
from scaffolder import runs
from scaffolder.models import Run, RunLog, RunStep
from tests.scaffolder import room

pytestmark = pytest.mark.django_db
LIVE = {"HX-Request": "true"}


@pytest.fixture
def client(client_for: Callable[[User], Client], maya: User) -> Client:
    return client_for(maya)


def url_of(run: Run, tail: str = "") -> str:
    return f"/runs/{run.pk}/{tail}"


def read(client: Client, run: Run) -> str:
    return str(client.get(url_of(run)).content.decode())


def test_the_page_shows_steps_log_answers_and_no_secret(client: Client, maya: User) -> None:
    run = room.run_of(maya, lines=3, steps=2, values={"name": "payout"}, secret_names=["token"])
    RunStep.objects.filter(run=run, index=0).update(
        state="succeeded",
        started_at=timezone.now(),
        finished_at=timezone.now() + timedelta(seconds=48),
    )
    page = read(client, run)
    for words in ("Step number 0", "48\u00a0s", "line number 3", "payout", "secret, not shown", "1 of 2"):
        assert words in page


def test_a_live_page_asks_for_what_follows_and_gets_only_that(client: Client, maya: User) -> None:
    run = room.run_of(maya, lines=2, steps=1)
    last = RunLog.objects.filter(run=run).latest("id").pk
    assert f"log/?after={last}&amp;count=2&amp;state=running" in read(client, run)
    RunLog.objects.create(run=run, text="the third line")
    answer = client.get(url_of(run, f"log/?after={last}&count=2&state=running"), headers=LIVE)
    words = answer.content.decode()
    assert "the third line" in words
    assert "line number 2" not in words
    assert ">3<" in words
    assert 'hx-swap-oob="true"' in words


def test_a_live_page_is_drawn_anew_when_the_state_is_another(client: Client, maya: User) -> None:
    run = room.run_of(maya, state=State.SUCCEEDED)
    answer = client.get(url_of(run, "log/?after=0&count=0&state=running"), headers=LIVE)
    assert answer["HX-Refresh"] == "true"


def test_a_finished_run_is_not_asked_again(client: Client, maya: User) -> None:
    assert "run-poll" not in read(client, room.run_of(maya, state=State.SUCCEEDED))


def test_the_log_s_address_leads_a_browser_to_the_page(client: Client, maya: User) -> None:
    run = room.run_of(maya)
    assert client.get(url_of(run, "log/"))["Location"] == url_of(run)


def test_a_long_log_shows_its_end_and_leads_to_the_whole(client: Client, maya: User) -> None:
    run = room.run_of(maya, lines=620)
    page = read(client, run)
    assert "120\u00a0older lines are" in page
    assert "line number 120<" not in page
    assert "line number 121<" in page
    raw = client.get(url_of(run, "log.txt"))
    text = b"".join(raw.streaming_content).decode()  # type: ignore[attr-defined]  # the test client's answer
    assert raw["Content-Type"].startswith("text/plain")
    assert "line number 1\n" in text
    assert text.count("\n") == 620


def test_a_log_is_words_whatever_it_holds(client: Client, maya: User) -> None:
    run = room.run_of(maya, title="<script>alert(1)</script>")
    RunLog.objects.create(run=run, text="<script>alert(2)</script>")
    assert "<script>alert" not in read(client, run)


def test_outputs_are_links_texts_and_facts(client: Client, maya: User) -> None:
    output = {
        "links": [
            {"title": "Repository", "url": "https://git.example.org/x", "icon": "code"},
            {"title": "In the catalogue", "entityRef": "component:default/x", "icon": "unheard-of"},
            {"title": "Trap", "url": "javascript:alert(1)"},
            "nonsense",
        ],
        "text": [
            {"title": "Next", "content": "Run **make** <script>alert(1)</script> [x](javascript:alert(1))"}
        ],
        "remoteUrl": "https://git.example.org/y",
    }
    page = read(client, room.run_of(maya, state=State.SUCCEEDED, output=output))
    assert 'href="https://git.example.org/x"' in page
    assert 'href="/catalog/component/default/x/"' in page
    assert "<strong>make</strong>" in page
    assert "https://git.example.org/y" in page
    assert 'href="javascript' not in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "state, words",
    [
        (State.AWAITING_APPROVAL, "Waiting for approval."),
        (State.DENIED, "Refused by the rules."),
        (State.REJECTED, "Rejected"),
        (State.EXPIRED, "Expired undecided."),
        (State.WITHDRAWN, "Nothing was done."),
        (State.CANCELLED, "Cancelled."),
        (State.FAILED, "The run failed."),
    ],
)
def test_each_end_is_explained(client: Client, maya: User, state: State, words: str) -> None:
    assert words in read(client, room.run_of(maya, state=state))


def test_a_waiting_run_says_how_far_it_has_come_and_whose_turn_it_is(
    client: Client, maya: User, tomas: User, root_admin: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, room.IN_STAGES)
    hello = room.template()
    intent = runs.start(hello, {"name": "x"}, {}, by=maya, reason="To try it", key=uuid4())
    approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest, comment="Good name")
    page = read(client, Run.objects.get(intent=intent))
    assert "Root Admin can decide (Platform)." in page
    assert "Tomas Lind can decide" not in page
    assert "Approved by Tomas Lind" in page
    assert "Root Admin must agree" in page


def test_a_failed_step_explains_itself_and_can_be_tried_again(client: Client, maya: User) -> None:
    run = room.run_of(maya, state=State.FAILED, steps=2)
    RunStep.objects.filter(run=run, index=1).update(state="failed", error="The name dup is taken.")
    page = read(client, run)
    assert "Step 2 failed: Step number 1." in page
    assert "The name dup is taken." in page
    assert url_of(run, "retry/") in page


def test_cancel_asks_the_worker_to_stop(client: Client, maya: User) -> None:
    run = room.run_of(maya)
    assert url_of(run, "cancel/") in read(client, run)
    assert client.post(url_of(run, "cancel/"))["Location"] == url_of(run)
    assert Intent.objects.get(pk=run.pk).cancel_asked_at
    assert "Cancelling" in read(client, run)
    assert url_of(run, "cancel/") not in read(client, run)


def test_a_request_that_waits_can_be_withdrawn(client: Client, maya: User) -> None:
    run = room.run_of(maya, state=State.AWAITING_APPROVAL)
    client.post(url_of(run, "withdraw/"))
    assert Intent.objects.get(pk=run.pk).state == State.WITHDRAWN


@pytest.mark.parametrize("tail", ["", "log/", "log.txt"])
def test_a_run_of_others_is_not_found(client: Client, tomas: User, tail: str) -> None:
    assert client.get(url_of(room.run_of(tomas), tail)).status_code == 404


@pytest.mark.parametrize("tail", ["cancel/", "retry/", "withdraw/"])
def test_nobody_acts_on_a_run_of_others(client: Client, tomas: User, tail: str) -> None:
    run = room.run_of(tomas)
    assert client.post(url_of(run, tail)).status_code == 404
    assert client.get(url_of(run, tail)).status_code == 405
    assert Intent.objects.get(pk=run.pk).cancel_asked_at is None


def test_an_administrator_sees_every_run(
    client_for: Callable[[User], Client], root_admin: User, maya: User
) -> None:
    assert "Step number 0" in read(client_for(root_admin), room.run_of(maya, steps=1))


def test_a_run_that_never_was_is_not_found(client: Client) -> None:
    assert client.get(f"/runs/{uuid4()}/").status_code == 404


def test_the_list_has_mine_and_what_i_may_see(
    client_for: Callable[[User], Client], maya: User, tomas: User, root_admin: User
) -> None:
    room.run_of(maya, title="Run of Maya")
    room.run_of(tomas, title="Run of Tomas")
    mine = client_for(maya).get("/runs/?of=all").content.decode()
    assert "Run of Maya" in mine
    assert "Run of Tomas" not in mine
    admin = client_for(root_admin)
    assert "Run of Tomas" in admin.get("/runs/?of=all").content.decode()
    assert "Run of Tomas" not in admin.get("/runs/").content.decode()


def test_the_list_is_narrowed_by_state_and_template(client: Client, maya: User) -> None:
    room.run_of(maya, title="Good one", state=State.SUCCEEDED)
    room.run_of(maya, title="Bad one", state=State.FAILED, ref="template:default/other")
    failed = client.get("/runs/?state=failed").content.decode()
    assert "Bad one" in failed
    assert "Good one" not in failed
    assert "Good one" not in client.get("/runs/?template=template:default/other").content.decode()


def cost(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_the_page_of_a_run_costs_the_same_for_ten_and_a_thousand_lines(client: Client, maya: User) -> None:
    small, large = room.run_of(maya, lines=10, steps=10), room.run_of(maya, lines=1_000, steps=1_000)
    assert (
        cost(client, url_of(large)) <= cost(client, url_of(small)) + 2
    )  # the two counts of what is not shown


def test_the_list_costs_the_same_for_ten_and_a_thousand_runs(client: Client, maya: User) -> None:
    for _ in range(10):
        room.run_of(maya)
    few = cost(client, "/runs/")
    many_runs(maya, 990)
    assert cost(client, "/runs/") == few


def many_runs(person: User, count: int) -> None:
    first: Any = Intent.objects.filter(requested_by=person).first()
    intents = []
    for _ in range(count):
        values = {field.attname: getattr(first, field.attname) for field in Intent._meta.concrete_fields}
        intents.append(Intent(**{**values, "id": uuid4()}))
    Intent.objects.bulk_create(intents)
    Run.objects.bulk_create(
        [Run(intent=intent, template_ref="template:default/hello", template={}) for intent in intents]
    )


def test_a_run_that_was_cancelled_before_a_worker_came_waits_for_nothing(client: Client, maya: User) -> None:
    page = read(client, room.run_of(maya, state=State.CANCELLED, steps=2))
    assert page.count(", Cancelled<") == 2
    assert ", Waiting<" not in page


def test_a_step_whose_workers_all_died_does_not_run_on_the_page_for_ever(client: Client, maya: User) -> None:
    run = room.run_of(maya, state=State.FAILED, steps=2)
    RunStep.objects.filter(run=run, index=0).update(state="running", started_at=run.intent.started_at)
    page = read(client, run)
    assert ", Failed<" in page
    assert ", Running<" not in page
    assert "1\u00a0min" in page
    assert ", Waiting<" in page  # the second step can still be reached by running again


@pytest.mark.parametrize("ref", ["x:y/z/w", "component:default/a/b", "payout", "", ":", "component:/"])
def test_an_output_that_names_no_entity_breaks_no_page(client: Client, maya: User, ref: str) -> None:
    output = {"links": [{"title": "The entity", "entityRef": ref}]}
    assert "The entity" in read(client, room.run_of(maya, state=State.SUCCEEDED, output=output))


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JAVASCRIPT://x/%0aalert(1)", "data:text/html,x", "//evil.example", "file:///x"],
)
def test_an_output_link_that_a_browser_must_not_follow_is_no_link(
    client: Client, maya: User, url: str
) -> None:
    output = {"links": [{"title": "Bait", "url": url}], "text": [{"title": "T", "content": f"[go]({url})"}]}
    assert f'href="{url}' not in read(client, room.run_of(maya, state=State.SUCCEEDED, output=output))


def test_a_run_whose_secrets_are_gone_is_not_run_again_and_says_why(
    client: Client, maya: User, anybody_may_run: object
) -> None:
    room.template()
    run = room.run_of(maya, state=State.FAILED, secret_names=["token"])
    response = client.post(url_of(run, "retry/"))
    assert response.status_code == 422
    assert "This secret was erased when the run had ended" in response.content.decode()
    assert Intent.objects.get(pk=run.pk).state == State.FAILED
