"""Tests of the package, as its authors write them; nothing but settings is needed, no database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acme_tickets import open_ticket

from scaffolder.plugin import ActionFailed
from scaffolder.testing import Bench, FakeHost, WorkerDied, documented


@pytest.fixture
def tracker() -> Iterator[FakeHost]:
    with FakeHost() as host:
        host.answer("POST", "/api/tickets", {"number": 7}, status=201)
        yield host


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


def given(tracker: FakeHost, **more: Any) -> dict[str, Any]:
    return {"server": tracker.url, "title": "Review payout", "token": "tracker-secret", **more}


def test_it_opens_a_ticket_with_what_the_step_says(bench: Bench, tracker: FakeHost) -> None:
    output = bench.perform(open_ticket, **given(tracker, labels=["new"]))
    assert output == {"number": 7, "url": f"{tracker.url}/tickets/7"}
    (asked,) = tracker.changes()
    assert asked.data == {"title": "Review payout", "labels": ["new"]}
    assert asked.headers["authorization"] == "Bearer tracker-secret"


def test_the_token_is_hidden_before_anything_is_said(bench: Bench, tracker: FakeHost) -> None:
    bench.perform(open_ticket, **given(tracker))
    assert bench.hidden == ["tracker-secret"]
    assert "tracker-secret" not in "\n".join(bench.lines.lines)


def test_a_second_try_opens_no_second_ticket(bench: Bench, tracker: FakeHost) -> None:
    bench.performs_twice(open_ticket, host=tracker, **given(tracker))


def test_a_worker_that_died_too_early_sends_the_same_key_again(bench: Bench, tracker: FakeHost) -> None:
    bench.dies_after("ticket", is_kept=False)
    with pytest.raises(WorkerDied):
        bench.perform(open_ticket, **given(tracker))
    bench.again(open_ticket, **given(tracker))
    first, second = (asked.headers["idempotency-key"] for asked in tracker.changes())
    assert first == second


def test_approvers_read_what_it_will_do(bench: Bench, tracker: FakeHost) -> None:
    (change,) = bench.plan(
        open_ticket, server=tracker.url, title="Review payout"
    )  # secrets come with the run
    assert (change.sign, change.where, change.what) == ("+", tracker.url, "ticket “Review payout”")


def test_a_dry_run_says_what_it_would_do_and_asks_nobody(bench: Bench, tracker: FakeHost) -> None:
    assert bench.pretend(open_ticket, **given(tracker)) == {"number": 1, "url": f"{tracker.url}/tickets/1"}
    assert tracker.asked == []


def test_a_refusal_says_what_to_do(bench: Bench, tracker: FakeHost) -> None:
    tracker.answer("POST", "/api/tickets", {"error": "no"}, status=403)
    with pytest.raises(ActionFailed, match=r"answered 403\. Check the token"):
        bench.perform(open_ticket, **given(tracker))


def test_wrong_input_is_told_by_field(bench: Bench, tracker: FakeHost) -> None:
    with pytest.raises(ActionFailed, match=r"input\.title is missing"):
        bench.perform(open_ticket, server=tracker.url, token="tracker-secret")


def test_everything_about_it_is_documented() -> None:
    documented(open_ticket)
