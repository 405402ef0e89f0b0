"""Runs over the API of Backstage: asked for, refused, found; the same people may as on the pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from control import policy
from control.models import Intent, State, User
from scaffolder.models import Run
from tests import factories
from tests.scaffolder import room, templates
from tests.scaffolder.api.conftest import PREFIX, Caller
from tests.scaffolder.templates import document, log_step, template
from tests.scaffolder.test_runs import ASK_FIRST, ASKS_FOR_A_TOKEN, SECRET, everything_stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]
REF = "template:default/service"
Calls = Callable[[User], Caller]


@pytest.fixture
def service(anybody_may_run: object) -> Any:
    return template(document([log_step("x")], parameters=ASKS_FOR_A_TOKEN))


def wish(**more: Any) -> dict[str, Any]:
    return {"templateRef": REF, "values": {"name": "payout"}, "secrets": {"token": SECRET}, **more}


def publish(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other-rules.yaml"
    path.write_text(text)
    policy.publish([path], by=None)


# Asking


def test_a_run_is_asked_for_and_shown_as_a_task(maya_calls: Caller, service: Any) -> None:
    created = maya_calls.post("/tasks", wish(), status=201)
    run = Run.objects.get()
    assert created == {"id": str(run.pk)}
    task = maya_calls.get(f"/tasks/{run.pk}")
    assert task["status"] == "open"
    assert task["createdBy"] == "user:default/maya.okafor"
    assert task["createdAt"].endswith("Z")
    assert task["spec"] == {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "steps": [
            {
                "action": "debug:log",
                "input": {"message": "x"},
                "id": "step-1",
                "name": "debug:log",
            }
        ],
        "output": {},
        "parameters": {"name": "payout"},
        "user": {"ref": "user:default/maya.okafor"},
        "templateInfo": {"entityRef": REF, "entity": {"metadata": {"name": "service", "title": "A service"}}},
    }


def test_a_reference_may_be_short(maya_calls: Caller, service: Any) -> None:
    maya_calls.post("/tasks", wish(templateRef="Service"), status=201)
    assert Run.objects.get().template_ref == REF


def test_secrets_are_kept_encrypted_and_never_answered(
    maya_calls: Caller, service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    response = maya_calls.raw("POST", "/tasks", wish())
    shown = maya_calls.raw("GET", f"/tasks/{response.json()['id']}").content.decode()
    assert Run.objects.get().sealed_secrets
    assert SECRET not in everything_stored() + caplog.text + response.content.decode() + shown


@pytest.mark.parametrize(
    ("more", "prop", "words"),
    [
        ({"values": {"name": "Not Allowed"}}, "instance.name", ""),
        ({"values": {}}, "instance.name", ""),
        ({"secrets": {}}, "instance.token", ""),
        ({"secrets": {"token": "abc"}}, "instance.token", ""),
        ({"values": {"name": "a", "token": SECRET}}, "instance.token", "Send it apart"),
    ],
)
def test_answers_that_do_not_fit_are_named_and_nothing_is_kept(
    maya_calls: Caller, service: Any, more: dict[str, Any], prop: str, words: str
) -> None:
    response = maya_calls.raw("POST", "/tasks", wish(**more))
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert (error["property"], error["instance"]) == (prop, {})
    assert words in error["message"]
    assert SECRET not in response.content.decode() + everything_stored()
    assert not Intent.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"values": {}}, 400, "required property 'templateRef'"),
        ({"templateRef": REF, "values": []}, 400, "request/body/values must be object"),
        (wish(secrets={"token": 5}), 400, "request/body/secrets/token must be string"),
        (wish(templateRef="template:default/none"), 404, "template:default/none not found"),
        (wish(templateRef="a:"), 400, "is not a reference"),
        (wish(key="mine"), 400, "key is no UUID"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_in_words(
    maya_calls: Caller, service: Any, body: dict[str, Any], status: int, words: str
) -> None:
    assert words in maya_calls.post("/tasks", body, status=status)["error"]["message"]
    assert not Intent.objects.exists()


def test_a_template_that_uses_unknown_actions_is_refused(maya_calls: Caller) -> None:
    template(document([{"action": "acme:thing"}]))
    [error] = maya_calls.post("/tasks", {"templateRef": REF, "values": {}}, status=400)["errors"]
    assert "acme:thing" in error["message"]


def test_the_same_key_starts_one_run(maya_calls: Caller, service: Any) -> None:
    key = str(uuid4())
    first, second = (maya_calls.post("/tasks", wish(key=key), status=201) for _ in range(2))
    assert first == second == {"id": key}
    assert Run.objects.count() == 1


def test_what_the_rules_refuse_is_403_and_kept_in_the_record(
    maya_calls: Caller, service: Any, tmp_path: Path
) -> None:
    publish(tmp_path, ASK_FIRST.replace("kind: Everyone", "kind: Group, name: payments"))
    error = maya_calls.post("/tasks", wish(), status=403)["error"]
    assert error["name"] == "NotAllowedError"
    run = Run.objects.get()
    assert str(run.pk) in error["message"]
    assert run.intent.state == State.DENIED
    assert run.sealed_secrets is None
    assert maya_calls.get(f"/tasks/{run.pk}")["status"] == "failed"


def test_a_run_that_needs_approval_is_open(
    maya_calls: Caller, tomas: User, service: Any, tmp_path: Path
) -> None:
    publish(tmp_path, ASK_FIRST)
    created = maya_calls.post("/tasks", wish(reason="For the fair."), status=201)
    intent = Intent.objects.get()
    assert (intent.state, intent.reason) == (State.AWAITING_APPROVAL, "For the fair.")
    assert maya_calls.get(f"/tasks/{created['id']}")["status"] == "open"


def test_a_reason_that_a_rule_asks_for_is_an_error_of_that_field(
    maya_calls: Caller, tomas: User, service: Any, tmp_path: Path
) -> None:
    publish(tmp_path, f"{ASK_FIRST}  reason: {{required: true}}\n")
    [error] = maya_calls.post("/tasks", wish(), status=400)["errors"]
    assert error["property"] == "instance.reason"


# Finding


def test_every_state_has_a_status_of_backstage(maya: User, maya_calls: Caller) -> None:
    expected = {
        "submitted": "open",
        "awaiting_approval": "open",
        "approved": "open",
        "running": "processing",
        "succeeded": "completed",
        "failed": "failed",
        "denied": "failed",
        "rejected": "failed",
        "expired": "failed",
        "withdrawn": "cancelled",
        "cancelled": "cancelled",
    }
    assert set(expected) == set(State.values)
    for state, status in expected.items():
        run = room.run_of(maya, state=State(state))
        assert maya_calls.get(f"/tasks/{run.pk}")["status"] == status


def test_tasks_are_those_that_the_person_may_see(
    maya: User, tomas: User, root_admin: User, maya_calls: Caller, call_as: Calls
) -> None:
    mine, other = room.run_of(maya), room.run_of(tomas)
    assert [task["id"] for task in maya_calls.get("/tasks")["tasks"]] == [str(mine.pk)]
    assert call_as(root_admin).get("/tasks")["totalTasks"] == 2
    error = maya_calls.get(f"/tasks/{other.pk}", status=404)["error"]
    assert error == {"name": "NotFoundError", "message": f"Task with id {other.pk} does not exist"}


@pytest.mark.parametrize("task_id", ["0", "x" * 300, "00000000-0000-4000-8000-000000000000"])
def test_a_task_that_is_not_there_is_not_found(maya_calls: Caller, task_id: str) -> None:
    maya_calls.get(f"/tasks/{task_id}", status=404)


def test_tasks_are_narrowed_ordered_and_cut(
    maya: User, tomas: User, root_admin: User, call_as: Calls
) -> None:
    calls = call_as(root_admin)
    first, second = room.run_of(maya), room.run_of(tomas, state=State.FAILED)
    third = room.run_of(maya, state=State.SUCCEEDED)

    def found(**query: Any) -> list[str]:
        return [task["id"] for task in calls.raw("GET", "/tasks", query=query).json()["tasks"]]

    newest_first = [str(run.pk) for run in (third, second, first)]
    assert found() == newest_first
    assert found(createdBy="user:default/maya.okafor") == [newest_first[0], newest_first[2]]
    assert found(createdBy=["user:default/maya.okafor", "User:default/Tomas.Lind"]) == newest_first
    assert found(createdBy="user:default/nobody") == []
    assert found(status=["failed", "completed"]) == newest_first[:2]
    assert found(status="nonsense") == []
    assert found(order="asc:created_at") == newest_first[::-1]
    assert found(order=["desc:created_by", "asc:created_at"])[0] == str(second.pk)
    assert found(order="asc:status")[:2] == newest_first[:2]
    assert found(limit=1, offset=1) == [newest_first[1]]
    assert calls.get("/tasks", limit=0) == {"tasks": [], "totalTasks": 3}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"order": "created_at"}, 'Invalid order parameter "created_at"'),
        ({"order": "asc:values"}, 'Invalid order field "values"'),
        ({"limit": "x"}, "request/query/limit must be integer"),
        ({"offset": "-1"}, "request/query/offset must be >= 0"),
        ({"unknown": "1"}, "Unknown query parameter 'unknown'"),
    ],
)
def test_a_question_that_makes_no_sense_is_400(maya_calls: Caller, query: dict[str, str], words: str) -> None:
    assert words in maya_calls.get("/tasks", status=400, **query)["error"]["message"]


def test_one_answer_holds_a_bounded_number_of_tasks(
    maya: User, maya_calls: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffolder.api.tasks.MOST_TASKS", 2)
    for _ in range(3):
        room.run_of(maya)
    for answer in (maya_calls.get("/tasks"), maya_calls.get("/tasks", limit=1_000)):
        assert (len(answer["tasks"]), answer["totalTasks"]) == (2, 3)


def test_the_number_of_queries_does_not_grow_with_the_tasks(maya: User, maya_calls: Caller) -> None:
    factories.entity("user:default/maya.okafor")
    counts = []
    for _ in range(2):
        for _ in range(3):
            room.run_of(maya)
        maya_calls.get("/tasks")
        with CaptureQueriesContext(connection) as captured:
            maya_calls.get("/tasks")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_the_entity_of_whoever_asked_is_part_of_the_specification(maya: User, maya_calls: Caller) -> None:
    run = room.run_of(maya)
    entity = factories.entity("user:default/maya.okafor")
    assert maya_calls.get(f"/tasks/{run.pk}")["spec"]["user"]["entity"] == entity.document


# Who asks


def test_nobody_is_answered_without_credentials(client: Client, service: Any) -> None:
    for path in ("/tasks", "/actions", "/templates/default/template/service/parameter-schema"):
        assert client.get(PREFIX + path).status_code == 401
    assert client.post(PREFIX + "/tasks", wish(), content_type="application/json").status_code == 401
    assert not Intent.objects.exists()


def test_a_session_needs_its_csrf_token_to_start_a_run(maya: User, service: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(maya)
    refused = browser.post(PREFIX + "/tasks", wish(), content_type="application/json")
    assert refused.status_code == 403
    assert not Intent.objects.exists()


def test_an_approver_sees_the_task_and_not_its_secrets(
    maya: User, tomas: User, service: Any, tmp_path: Path, call_as: Calls
) -> None:
    publish(tmp_path, ASK_FIRST)
    started = templates.start(service, {"name": "a"}, by=maya, secrets={"token": SECRET})
    task = call_as(tomas).get(f"/tasks/{started.pk}")
    assert task["spec"]["parameters"] == {"name": "a"}
