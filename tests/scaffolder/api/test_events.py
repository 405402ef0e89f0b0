"""Following a run over the API: every event once, in order, whoever reads how often; and no page starves meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from control import approvals, audit, clock
from control.models import Intent, State, User
from scaffolder.api import events, waiting
from scaffolder.models import Run, RunLog, RunStep
from tests.scaffolder import room, templates
from tests.scaffolder.api.conftest import Caller
from tests.scaffolder.api.test_tasks import publish
from tests.scaffolder.templates import document, log_step, template
from tests.scaffolder.test_runs import ASK_FIRST, ASKS_FOR_A_TOKEN, SECRET

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]
Calls = Callable[[User], Caller]
STEPS = [
    log_step("first words", id="one", name="One"),
    log_step("x", id="two", name="Two", **{"if": "${{ false }}"}),
    log_step("last words", id="three", name="Three"),
]


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.01)


@pytest.fixture
def done(maya: User) -> Run:
    return templates.run(
        template(document(STEPS, output={"text": [{"title": "T", "content": "C"}]})), {}, by=maya
    )


def read(calls: Caller, run: Run, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = calls.get(f"/tasks/{run.pk}/events", **query)
    return found


def told(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [
        (event["type"], event["body"].get("stepId", ""), event["body"].get("status", "")) for event in found
    ]


def fail_once(maya: User) -> Run:
    """One step is done, the second has no such file."""
    missing = {"action": "fs:rename", "id": "move", "input": {"files": [{"from": "x", "to": "y"}]}}
    return templates.run(template(document([log_step("hello", id="hello"), missing])), {}, by=maya)


# What is told


def test_a_run_is_told_step_by_step_to_its_end(done: Run, maya_calls: Caller) -> None:
    found = read(maya_calls, done)
    assert told(found) == [
        ("log", "", ""),  # submitted
        ("log", "", ""),  # allowed
        ("log", "one", "processing"),
        ("log", "one", ""),
        ("log", "one", "completed"),
        ("log", "two", "processing"),
        ("log", "two", "skipped"),
        ("log", "two", ""),
        ("log", "three", "processing"),
        ("log", "three", ""),
        ("log", "three", "completed"),
        ("log", "", ""),  # all steps are done
        ("completion", "", "completed"),
    ]
    assert found[3]["body"]["message"] == "first words"
    assert found[-1]["body"]["output"] == {"text": [{"title": "T", "content": "C"}]}
    assert {event["taskId"] for event in found} == {str(done.pk)}
    assert all(event["createdAt"].endswith("Z") for event in found)


def test_whoever_goes_on_after_an_event_reads_exactly_the_rest(done: Run, maya_calls: Caller) -> None:
    found = read(maya_calls, done)
    assert [event["id"] for event in found] == sorted({event["id"] for event in found})
    for index, event in enumerate(found[:-1]):
        assert read(maya_calls, done, after=event["id"]) == found[index + 1 :]
    assert read(maya_calls, done, after=found[-1]["id"]) == found[-1:]


def test_whoever_reads_while_it_goes_on_misses_nothing(maya: User, maya_calls: Caller) -> None:
    run = room.run_of(maya, lines=2, steps=3)
    seen = read(maya_calls, run)

    def more() -> list[dict[str, Any]]:
        found = read(maya_calls, run, after=seen[-1]["id"])
        seen.extend(found)
        return found

    first, second, _ = run.steps.all()
    RunStep.objects.filter(pk=first.pk).update(state="succeeded", finished_at=clock.now())
    assert told(more()) == [("log", "s0", "completed")]
    RunLog.objects.create(run=run, step=second, level="command", text="debug:log")
    assert told(more()) == [("log", "s1", "processing")]
    RunLog.objects.create(run=run, step=second, level="error", text="broken")
    RunStep.objects.filter(pk=second.pk).update(state="failed", finished_at=clock.now())
    assert told(more()) == [("log", "s1", "failed")]
    assert more() == []
    Intent.objects.filter(pk=run.pk).update(state=State.FAILED, error="broken", finished_at=clock.now())
    audit.record("intent.failed", actor=None, intent=run.intent, summary="Failed", detail="broken")
    assert told(more()) == [("completion", "", "failed")]
    assert seen[-1]["body"]["error"]["message"] == "broken"
    assert len({event["id"] for event in seen}) == len(seen)


def test_a_long_log_comes_in_parts_and_its_end_last(
    done: Run, maya_calls: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(maya_calls, done)
    monkeypatch.setattr(events, "MOST_LINES", 2)
    found = read(maya_calls, done)
    while found[-1]["type"] != "completion":
        part = read(maya_calls, done, after=found[-1]["id"])
        assert sum("stepId" in event["body"] for event in part) <= 4
        found += part
    assert found == whole


def test_a_run_that_waits_says_who_must_agree(
    maya: User, tomas: User, maya_calls: Caller, tmp_path: Path
) -> None:
    publish(tmp_path, ASK_FIRST)
    started = templates.start(template(document(STEPS)), by=maya)
    before = read(maya_calls, started)
    assert "Asked: Tomas Lind." in before[-1]["body"]["message"]
    assert maya_calls.get(f"/tasks/{started.pk}")["status"] == "open"
    approvals.approve(started.pk, by=tomas, digest=started.intent.plan_digest)
    [agreed] = read(maya_calls, started, after=before[-1]["id"])
    assert "Tomas Lind" in agreed["body"]["message"]


def test_a_refused_run_is_over_and_says_why(
    maya: User, tomas: User, maya_calls: Caller, tmp_path: Path
) -> None:
    publish(tmp_path, ASK_FIRST)
    started = templates.start(template(document(STEPS)), by=maya)
    approvals.reject(started.pk, by=tomas, digest=started.intent.plan_digest, comment="Not this week.")
    last = read(maya_calls, started)[-1]
    assert (last["type"], last["body"]["status"]) == ("completion", "failed")
    assert "Not this week." in last["body"]["error"]["message"]


def test_a_failed_run_that_is_run_again_has_one_end(maya: User, maya_calls: Caller) -> None:
    run = fail_once(maya)
    first = read(maya_calls, run)
    assert told(first)[-2:] == [("log", "move", "failed"), ("completion", "", "failed")]
    assert maya_calls.post(f"/tasks/{run.pk}/retry", {}, status=201) == {"id": str(run.pk)}
    second = read(maya_calls, run, after=first[-1]["id"])
    assert told(second) == [("recovered", "", "")]
    templates.work_off(run)
    third = read(maya_calls, run, after=second[-1]["id"])
    assert told(third)[0] == ("log", "move", "processing")
    assert [event["type"] for event in third].count("completion") == 1
    assert [event["type"] for event in read(maya_calls, run)].count("completion") == 1


def test_an_end_that_is_written_while_it_is_read_is_told_once(
    done: Run, maya_calls: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader saw the run going on, and finds its end in the record a moment later."""
    whole = read(maya_calls, done)
    monkeypatch.setattr(Intent, "is_final", False)
    begun = read(maya_calls, done)
    assert begun == whole[:-1]
    monkeypatch.undo()
    assert read(maya_calls, done, after=begun[-1]["id"]) == whole[-1:]


def test_events_are_for_those_who_see_the_run(done: Run, tomas: User, call_as: Calls) -> None:
    for tail in ("events", "eventstream"):
        call_as(tomas).get(f"/tasks/{done.pk}/{tail}", status=404)


@pytest.mark.parametrize("after", ["x", "-1", str(2**53), "9" * 5_000])
def test_after_is_the_id_of_an_event(done: Run, maya_calls: Caller, after: str) -> None:
    assert "after" in maya_calls.get(f"/tasks/{done.pk}/events", after=after, status=400)["error"]["message"]


def test_the_number_of_queries_does_not_grow_with_the_log(maya: User, maya_calls: Caller) -> None:
    runs = room.run_of(maya, lines=3, steps=2), room.run_of(maya, lines=300, steps=30)
    counts = []
    read(maya_calls, runs[0])
    for run in runs:
        with CaptureQueriesContext(connection) as captured:
            read(maya_calls, run)
        counts.append(len(captured))
    assert counts[0] == counts[1]


# Waiting


@pytest.fixture
def all_places_taken() -> Iterator[None]:
    taken = [place for _ in range(waiting.MOST_WAITING) if (place := waiting._places.take())]
    assert len(taken) == waiting.MOST_WAITING
    yield
    for place in taken:
        place.leave()


def free_places() -> int:
    taken = [place for _ in range(waiting.MOST_WAITING + 1) if (place := waiting._places.take())]
    for place in taken:
        place.leave()
    return len(taken)


def test_with_nothing_new_a_question_waits_and_then_answers_nothing(maya: User, maya_calls: Caller) -> None:
    run = room.run_of(maya, lines=1)
    last = read(maya_calls, run)[-1]["id"]
    assert read(maya_calls, run, after=last) == []
    assert free_places() == waiting.MOST_WAITING


def test_a_waiting_question_is_answered_as_soon_as_there_is_something(
    maya: User, maya_calls: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = room.run_of(maya)
    monkeypatch.setattr(waiting, "POLL_SECONDS", 60)
    monkeypatch.setattr(
        "scaffolder.api.waiting.time.sleep", lambda _: RunLog.objects.create(run=run, text="at last")
    )
    assert [event["body"]["message"] for event in read(maya_calls, run)] == ["at last"]


def test_beyond_those_who_may_wait_one_is_told_to_ask_again(
    maya: User, done: Run, maya_calls: Caller, all_places_taken: None
) -> None:
    run = room.run_of(maya)
    for tail in ("events", "eventstream"):
        response = maya_calls.raw("GET", f"/tasks/{run.pk}/{tail}")
        assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert read(maya_calls, done)[-1]["type"] == "completion"


def stream(calls: Caller, run: Run, **query: Any) -> Any:
    response = calls.raw("GET", f"/tasks/{run.pk}/eventstream", query=query)
    assert response.status_code == 200
    return response


def sent(response: Any) -> list[dict[str, Any]]:
    blocks = b"".join(response.streaming_content).decode().split("\n\n")
    fields = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks if "data:" in block
    ]
    assert all(json.loads(block["data"])["type"] == block["event"] for block in fields)
    return [json.loads(block["data"]) for block in fields]


def test_a_stream_sends_every_event_and_ends_with_the_run(done: Run, maya_calls: Caller) -> None:
    whole = read(maya_calls, done)
    response = stream(maya_calls, done)
    assert response["Content-Type"] == "text/event-stream"
    assert response["X-Accel-Buffering"] == "no"
    assert sent(response) == whole
    assert sent(stream(maya_calls, done, after=whole[4]["id"])) == whole[5:]
    assert free_places() == waiting.MOST_WAITING


def test_a_stream_goes_on_where_the_last_one_broke_off(done: Run, maya_calls: Caller) -> None:
    whole = read(maya_calls, done)
    headers = {"Authorization": f"Bearer {maya_calls.secret}", "Last-Event-ID": str(whole[4]["id"])}
    path = f"/api/scaffolder/v2/tasks/{done.pk}/eventstream"
    assert sent(maya_calls.client.get(path, headers=headers)) == whole[5:]
    headers["Last-Event-ID"] = "x"
    assert maya_calls.client.get(path, headers=headers).status_code == 400


def test_a_stream_of_a_run_that_goes_on_gives_signs_of_life_and_ends_in_time(
    maya: User, maya_calls: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "STREAM_SECONDS", 0.05)
    monkeypatch.setattr(waiting, "SIGN_SECONDS", 0)
    run = room.run_of(maya, lines=1)
    content = b"".join(stream(maya_calls, run).streaming_content)
    assert b"line number 1" in content
    assert b": still here\n\n" in content
    assert b"completion" not in content


@pytest.mark.parametrize("is_read", [True, False])
def test_a_stream_that_is_left_gives_its_place_back(maya: User, maya_calls: Caller, is_read: bool) -> None:
    response = stream(maya_calls, room.run_of(maya))
    assert free_places() == waiting.MOST_WAITING - 1
    if is_read:
        next(iter(response.streaming_content))
    response.close()
    assert free_places() == waiting.MOST_WAITING


# Stopping and running again


def test_cancelling_what_waits_withdraws_it(
    maya: User, tomas: User, maya_calls: Caller, tmp_path: Path, call_as: Calls
) -> None:
    publish(tmp_path, ASK_FIRST)
    started = templates.start(template(document(STEPS)), by=maya)
    call_as(tomas).post(f"/tasks/{started.pk}/cancel", None, status=403)
    assert maya_calls.post(f"/tasks/{started.pk}/cancel", None) == {"status": "cancelled"}
    assert Intent.objects.get().state == State.WITHDRAWN
    assert maya_calls.get(f"/tasks/{started.pk}")["status"] == "cancelled"


def test_cancelling_what_goes_on_asks_the_worker_to_stop(maya: User, maya_calls: Caller) -> None:
    started = templates.start(template(document(STEPS)), by=maya)
    for _ in range(2):
        maya_calls.post(f"/tasks/{started.pk}/cancel", None)
    assert told(read(maya_calls, started))[-1] == ("cancelled", "", "")
    templates.work_off(started)
    assert told(read(maya_calls, started))[-1] == ("completion", "", "cancelled")
    assert RunStep.objects.filter(state="succeeded").count() == 0


def test_what_is_over_cannot_be_cancelled(done: Run, maya_calls: Caller) -> None:
    error = maya_calls.post(f"/tasks/{done.pk}/cancel", None, status=409)["error"]
    assert error["name"] == "ConflictError"


def test_only_what_failed_can_be_run_again(done: Run, maya_calls: Caller) -> None:
    assert maya_calls.post(f"/tasks/{done.pk}/retry", {}, status=409)["error"]["name"] == "ConflictError"


def test_running_again_does_not_repeat_what_is_done(maya: User, maya_calls: Caller) -> None:
    run = fail_once(maya)
    maya_calls.post(f"/tasks/{run.pk}/retry", None, status=201)
    templates.work_off(run)
    assert [(step.state, step.attempts) for step in run.steps.all()] == [("succeeded", 1), ("failed", 2)]


def failed_with_secret(maya: User) -> Run:
    missing = {"action": "fs:delete", "input": {"files": "${{ secrets.token }}"}}
    entity = template(document([missing], parameters=ASKS_FOR_A_TOKEN))
    return templates.run(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})


def test_lost_secrets_are_asked_for_again(maya: User, maya_calls: Caller) -> None:
    run = failed_with_secret(maya)
    Run.objects.update(sealed_secrets=None)
    [error] = maya_calls.post(f"/tasks/{run.pk}/retry", {}, status=400)["errors"]
    assert error["property"] == "instance.token"
    assert Intent.objects.get().state == State.FAILED
    [error] = maya_calls.post(f"/tasks/{run.pk}/retry", {"secrets": {"token": "abc"}}, status=400)["errors"]
    assert "does not fit" in error["message"]
    maya_calls.post(f"/tasks/{run.pk}/retry", {"secrets": {"token": SECRET}}, status=201)
    assert Run.objects.get().sealed_secrets
    assert Intent.objects.get().state == State.APPROVED


def test_kept_secrets_need_not_be_sent_again(maya: User, maya_calls: Caller) -> None:
    run = failed_with_secret(maya)
    kept = Run.objects.get().sealed_secrets
    maya_calls.post(f"/tasks/{run.pk}/retry", {}, status=201)
    assert bytes(Run.objects.get().sealed_secrets or b"") == bytes(kept or b"?")
