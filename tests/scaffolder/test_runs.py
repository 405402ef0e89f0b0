"""Asking for runs: who may, what is planned and approved, and what becomes of secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from control import approvals, clock, intents, policy
from control.capability import Draft
from control.errors import InvalidParameters
from control.models import AuditEvent, Intent, State, User
from control.subjects import resolve
from scaffolder import actions, runs
from scaffolder.actions.base import Action, Input, Output, Perform, Work
from scaffolder.document import problems_of
from scaffolder.models import Run
from scaffolder.workspace import Store
from tests.scaffolder import templates
from tests.scaffolder.templates import document, finish, log_of, log_step, publish_step, states, template

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]

SECRET = "hunter2-hunter2"
ASKS_FOR_A_TOKEN = [
    {
        "title": "Access",
        "required": ["name", "token"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z-]+$"},
            "token": {"type": "string", "ui:field": "Secret", "minLength": 5},
        },
    }
]


def everything_stored() -> str:
    """Every text column of every table of ours, as one text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


# Submission


def test_a_run_keeps_the_template_and_the_answers_of_its_moment(maya: User) -> None:
    entity = template(document([log_step("x")]))
    started = templates.start(entity, {"name": "payout"}, by=maya)
    assert started.template == entity.document
    assert started.values == {"name": "payout"}
    assert states(started) == ["pending"]
    assert started.intent.state == State.APPROVED


def test_the_same_key_starts_one_run(maya: User) -> None:
    entity, key = template(document([log_step("x")])), uuid4()
    first, second = (runs.start(entity, {}, by=maya, key=key) for _ in range(2))
    assert first.pk == second.pk
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [({"name": "Not Allowed"}, "name"), ({}, "name"), ({"name": 5}, "name"), ([], "values")],
)
def test_answers_are_checked_whatever_way_they_came(maya: User, values: Any, field: str) -> None:
    entity = template(document([log_step("x")], parameters=ASKS_FOR_A_TOKEN))
    draft = Draft(
        runs.CAPABILITY, maya, resolve(entity.ref), parameters={"template": entity.ref, "values": values}
    )
    with pytest.raises(InvalidParameters) as caught:
        intents.submit(draft)
    assert field in caught.value.fields
    assert not Intent.objects.exists()


def test_an_unknown_action_is_refused_by_name_and_step(maya: User) -> None:
    entity = template(document([log_step("x"), {"action": "acme:thing", "name": "Deploy"}]))
    with pytest.raises(InvalidParameters) as caught:
        runs.start(entity, {}, by=maya)
    assert str(caught.value) == (
        "This template uses the action acme:thing in step 2 (Deploy), which Portico does not have. "
        "The page of actions lists all that it has."
    )
    (mistyped,) = problems_of(document([{"action": "debug:logs"}]))
    assert "It has debug:log" in mistyped
    assert not Run.objects.exists()


def test_the_template_and_the_subject_of_the_rules_are_the_same(maya: User) -> None:
    free = template(document([log_step("x")], name="free"))
    guarded = template(document([log_step("x")], name="guarded"))
    draft = Draft(
        runs.CAPABILITY, maya, resolve(free.ref), parameters={"template": guarded.ref, "values": {}}
    )
    with pytest.raises(InvalidParameters, match="There is no template"):
        intents.submit(draft)


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"apiVersion": "backstage.io/v1beta2"}, "written for backstage.io/v1beta2"),
        ({"spec": {"steps": []}}, "has no steps"),
        ({"spec": {"steps": ["x"]}}, "Step 1 is not a map"),
        ({"spec": {"steps": [{"id": "x"}]}}, "Step 1 names no action"),
        ({"spec": {"steps": [{"$yaml": "./gone.yaml"}]}}, "Step 1: ./gone.yaml could not be read"),
        ({"spec": {"steps": [{"action": "debug:log", "input": "x"}]}}, "The input of step 1"),
        ({"spec": {"steps": [{"action": "debug:log"}] * 201}}, "has 201 steps"),
        ({"spec": None}, "has no steps"),
    ],
)
def test_a_template_that_is_none_is_refused_in_words(
    maya: User, described: dict[str, Any], words: str
) -> None:
    entity = template(document([log_step("x")]))
    entity.document = {**entity.document, **described}
    entity.save(update_fields=["document"])
    with pytest.raises(InvalidParameters, match=words):
        runs.start(entity, {}, by=maya)


# The plan


def _plan(entity: Any, values: dict[str, Any], by: User) -> Any:
    parameters = {"template": entity.ref, "values": values}
    return intents.preview(Draft(runs.CAPABILITY, by, resolve(entity.ref), parameters=parameters)).plan


def test_the_plan_says_what_changes_outside(maya: User) -> None:
    steps = [
        templates.template_step(),
        publish_step("${{ parameters.name }}"),
        {
            "action": "catalog:register",
            "input": {"repoContentsUrl": "${{ steps.publish.output.repoContentsUrl }}"},
        },
    ]
    plan = _plan(template(document(steps)), {"name": "payout"}, maya)
    assert plan.title == "A service: payout"
    assert [(change.sign, change.where, change.what) for change in plan.changes] == [
        ("+", "git.localhost", "repository halfmoon/payout, branch main"),
        ("+", "Catalogue", "what this run publishes"),
    ]
    assert "Runs 3 steps of “A service” for Maya Okafor." in plan.summary
    assert ("Name", "payout") in plan.facts


def test_the_plan_knows_which_steps_are_skipped_and_which_depend(maya: User) -> None:
    steps = [
        log_step("a", **{"if": "${{ parameters.on }}"}),
        publish_step(),
        log_step("b", **{"if": "${{ steps.publish.output.commitHash }}"}),
        log_step("c"),
    ]
    steps[1]["if"] = "${{ parameters.on }}"
    plan = _plan(template(document(steps)), {"on": False}, maya)
    assert [step["verdict"] for step in plan.data["steps"]] == ["skipped", "skipped", "depends", "runs"]
    assert plan.changes == ()
    assert "Nothing outside changes" in plan.summary


def test_the_plan_makes_nothing(maya: User, folders: Path) -> None:
    _plan(template(document([publish_step()])), {}, maya)
    assert not templates.remote("halfmoon", "payout").exists()
    assert not (folders / "home" / "workspaces").exists()


def test_a_plan_survives_templates_whose_input_makes_no_sense(maya: User) -> None:
    steps = [
        publish_step("../../x"),
        publish_step("${{ a || b }}"),
        {"action": "publish:git", "input": {"repoUrl": 5}},
    ]
    plan = _plan(template(document(steps)), {}, maya)
    assert {(change.sign, change.where) for change in plan.changes} == {("~", "publish:git")}
    assert all("is known when it runs" in change.what for change in plan.changes)
    assert "Nothing outside changes" not in plan.summary


# Approval


ASK_FIRST = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: ask-first}
spec:
  capabilities: [scaffolder.run]
  subjects: [{kind: Everyone}]
  entities: "kind=template"
  approval: {anyOf: [{kind: Group, name: payments}], count: 1}
"""


@pytest.fixture
def ask_first(anybody_may_run: object, tmp_path: Path) -> None:
    path = tmp_path / "ask.yaml"
    path.write_text(ASK_FIRST)
    policy.publish([path], by=None)


def test_a_run_waits_for_its_approval_and_then_runs(maya: User, tomas: User, ask_first: None) -> None:
    started = templates.start(template(document([log_step("hello")])), by=maya)
    assert templates.work_off(started).intent.state == State.AWAITING_APPROVAL
    approvals.approve(started.pk, by=tomas, digest=started.intent.plan_digest)
    assert finish(templates.work_off(started)) == "succeeded"


def test_secrets_wait_encrypted_and_go_with_a_rejection(maya: User, tomas: User, ask_first: None) -> None:
    entity = template(document([log_step("x")], parameters=ASKS_FOR_A_TOKEN))
    started = templates.start(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})
    assert started.sealed_secrets
    assert SECRET not in everything_stored()
    approvals.reject(started.pk, by=tomas, digest=started.intent.plan_digest, comment="No")
    assert Run.objects.get().sealed_secrets is None


def test_secrets_of_a_withdrawn_run_are_swept(maya: User, tomas: User, ask_first: None) -> None:
    entity = template(document([log_step("x")], parameters=ASKS_FOR_A_TOKEN))
    started = templates.start(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})
    runs.forget_ended(at=timezone.now())
    assert Run.objects.get().sealed_secrets
    intents.withdraw(started.pk, by=maya)
    assert runs.forget_ended(at=timezone.now()) == 1
    assert Run.objects.get().sealed_secrets is None


# Secrets


def _with_secret(steps: list[dict[str, Any]], output: dict[str, Any] | None = None) -> Any:
    return template(document(steps, parameters=ASKS_FOR_A_TOKEN, output=output))


def test_a_secret_reaches_the_step_and_nothing_that_is_stored(
    maya: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    action = actions.find("debug:log")
    assert action is not None

    def watching(work: Work, given: Input) -> Output:
        seen.append(given["message"])
        action.perform(work, given)
        return {"echo": given["message"], "coded": json.dumps({"t": given["message"]})}

    monkeypatch.setitem(actions._found().actions, "debug:log", _with_perform(action, watching))
    entity = _with_secret(
        [log_step("Bearer ${{ secrets.token }}", id="a"), log_step("${{ steps.a.output.echo }}")],
        {"text": [{"content": "${{ steps.a.output.echo }} ${{ secrets.token }}"}]},
    )
    done = templates.run(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})
    assert finish(done) == "succeeded"
    assert seen[0] == f"Bearer {SECRET}"
    assert "Bearer ***" in log_of(done)
    assert SECRET not in everything_stored() + caplog.text
    assert done.secret_names == ["token"]
    assert done.sealed_secrets is None


def _with_perform(action: Action, perform: Perform) -> Action:
    return replace(action, perform=perform)


@pytest.mark.parametrize(
    "step",
    [
        {"action": "fetch:plain", "input": {"url": "${{ secrets.token }}"}},
        {"action": "fetch:plain", "input": {"url": "https://${{ secrets.token }}.invalid/a/b"}},
        {"action": "fs:rename", "input": {"files": [{"from": "${{ secrets.token }}", "to": "b"}]}},
        {"action": "publish:git", "input": {"repoUrl": "git.localhost?owner=a&repo=${{ secrets.token }}/.."}},
        {"action": "publish:git", "input": {"repoUrl": "${{ secrets.token | parseEntityRef }}"}},
        {"action": "catalog:write", "input": {"entity": "${{ secrets.token }}"}},
        {"action": "debug:log", "input": {"message": "x", "listWorkspace": "${{ secrets.token }}"}},
        {"action": "debug:log", "input": {"message": "${{ secrets.token.nothing() }}"}},
    ],
)
def test_a_secret_does_not_come_back_in_an_error(maya: User, step: dict[str, Any]) -> None:
    done = templates.run(_with_secret([step]), {"name": "a"}, by=maya, secrets={"token": SECRET})
    assert done.intent.state == State.FAILED
    assert SECRET not in everything_stored()


def test_a_defect_s_traceback_in_the_worker_s_log_is_masked(
    maya: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    action = actions.find("debug:log")
    assert action is not None

    def broken(work: Work, given: Input) -> Output:
        raise RuntimeError(f"cannot use {given['message']}")

    monkeypatch.setitem(actions._found().actions, "debug:log", _with_perform(action, broken))
    done = templates.run(
        _with_secret([log_step("${{ secrets.token }}")]), {"name": "a"}, by=maya, secrets={"token": SECRET}
    )
    assert "RuntimeError" in finish(done)
    assert "cannot use ***" in caplog.text
    assert SECRET not in everything_stored() + caplog.text


def test_a_condition_and_an_output_see_no_secrets(maya: User) -> None:
    steps = [log_step("x", **{"if": "${{ secrets.token }}"})]
    done = templates.run(
        _with_secret(steps, {"remoteUrl": "[${{ secrets.token }}]"}),
        {"name": "a"},
        by=maya,
        secrets={"token": SECRET},
    )
    assert states(done) == ["skipped"]
    assert done.output == {"remoteUrl": "[]"}


def test_a_secret_among_the_answers_is_refused_before_it_is_stored(maya: User) -> None:
    entity = _with_secret([log_step("x")])
    with pytest.raises(InvalidParameters) as caught:
        runs.start(entity, {"name": "a", "token": SECRET}, {"token": SECRET}, by=maya)
    assert "token" in caught.value.fields
    assert SECRET not in str(caught.value) + everything_stored()


def test_secrets_among_the_parameters_are_refused(maya: User) -> None:
    entity = _with_secret([log_step("x")])
    parameters = {"template": entity.ref, "values": {"name": "a"}, "secrets": {"token": SECRET}}
    with pytest.raises(InvalidParameters):
        intents.submit(Draft(runs.CAPABILITY, maya, resolve(entity.ref), parameters=parameters))
    assert SECRET not in everything_stored()


@pytest.mark.parametrize("secrets", [{}, {"token": ""}, {"token": "abc"}, {"other": SECRET}])
def test_a_missing_or_wrong_secret_is_refused_without_repeating_it(
    maya: User, secrets: dict[str, str]
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        runs.start(_with_secret([log_step("x")]), {"name": "a"}, secrets, by=maya)
    assert list(caught.value.fields) == ["token"]
    assert "abc" not in str(caught.value)


def test_a_failed_run_keeps_its_secrets_for_a_day_and_its_files_for_a_week(maya: User) -> None:
    steps = [
        templates.template_step(),
        {"action": "fs:rename", "input": {"files": [{"from": "x", "to": "y"}]}},
    ]
    entity = template(document(steps, parameters=ASKS_FOR_A_TOKEN), {"skeleton/a": "a"})
    failed = templates.run(entity, {"name": "a"}, by=maya, secrets={"token": SECRET})
    now = clock.now()
    runs.forget_ended(at=now + timedelta(hours=23))
    assert Run.objects.get().sealed_secrets
    runs.forget_ended(at=now + timedelta(hours=25))
    assert Run.objects.get().sealed_secrets is None
    assert Store(failed.pk).home.is_dir()
    intents.retry(failed.pk, by=maya)
    assert "The secrets of this run were erased" in finish(templates.work_off(failed))
    runs.forget_ended(at=now + timedelta(days=8))
    assert not Store(failed.pk).home.exists()


def test_sweeping_leaves_running_work_and_strange_folders_alone(maya: User, folders: Path) -> None:
    started = templates.start(template(document([log_step("x")])), by=maya)
    Store(started.pk).copy_for(0)
    strange = folders / "home" / "workspaces" / "not-a-run"
    strange.mkdir()
    lost = Store(uuid4())
    lost.copy_for(0)
    runs.forget_ended(at=timezone.now())
    assert Store(started.pk).home.exists()
    assert strange.exists()
    assert not lost.home.exists()


def test_the_record_of_a_run_names_who_and_what(maya: User) -> None:
    started = templates.start(template(document([log_step("x")])), by=maya)
    event = AuditEvent.objects.get(intent=started.pk, action="intent.submitted")
    assert event.actor_name == "Maya Okafor"
    assert event.subject_ref == "template:default/service"
