"""Runs that wait for people: put aside without a worker, taken up once when it is decided, whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from control import approvals, clock, execution, intents, policy, tasks
from control.errors import ControlError, NotAnApprover, OwnRequest
from control.models import AuditEvent, Intent, Notice, State, User
from scaffolder import actions, document, planning
from scaffolder.errors import ActionFailed
from scaffolder.models import Run, RunStep, StepWait
from scaffolder.run_approval import NAME
from scaffolder.testing import documented
from tests import factories
from tests.scaffolder import templates
from tests.scaffolder.conftest import RUN_AT_ONCE
from tests.scaffolder.templates import finish, log_of, log_step, states

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]
Answer = Callable[..., Intent]


def gate(**given: Any) -> dict[str, Any]:
    asked = {"approvers": ["payments"], "message": "A big one for ${{ parameters.name }}", **given}
    return {"id": "gate", "name": "Big enough?", "action": "approval:wait", "input": asked}


def after(**more: Any) -> dict[str, Any]:
    return log_step("agreed by ${{ steps.gate.output.approvedBy }}", id="after", **more)


def waiting(person: User, *steps: dict[str, Any], name: str = "service", **more: Any) -> Run:
    described = templates.document([log_step("begins"), *(steps or (gate(), after()))], name=name, **more)
    return templates.run(templates.template(described), {"name": "Box"}, by=person)


def asked_by(run: Run) -> Intent:
    return Intent.objects.get(asked_by_step__step__run=run)


def agree(run: Run, by: User, comment: str = "") -> Run:
    asked = asked_by(run)
    approvals.approve(asked.pk, by=by, digest=asked.plan_digest, comment=comment)
    return templates.work_off(run)


@pytest.mark.parametrize("name", ["approval:wait", "access:request", "notify", "notification:send"])
def test_everything_about_them_is_documented(name: str) -> None:
    found = actions.find(name)
    assert found is not None
    documented(found)


def test_a_run_is_put_aside_and_goes_on_when_they_agree(maya: User, tomas: User) -> None:
    run = waiting(maya)
    assert (run.intent.state, run.intent.lease, run.intent.attempts) == (State.RUNNING, None, 0)
    assert states(run) == ["succeeded", "paused", "pending"]
    asked = asked_by(run)
    assert (asked.capability, asked.state, asked.requested_by) == (NAME, State.AWAITING_APPROVAL, maya)
    assert "Waits until payments agrees in the inbox" in log_of(run)
    done = agree(run, tomas, "Fine")
    assert finish(done) == "succeeded"
    assert log_of(done).count("begins") == 1
    assert "agreed by Tomas Lind" in log_of(done)
    assert done.steps.get(step_id="gate").attempts == 1
    execution.run(asked.pk)
    assert Intent.objects.get(pk=asked.pk).state == State.SUCCEEDED


def test_who_decides_sees_what_they_agree_to(maya: User, tomas: User, client: Client) -> None:
    publish = templates.publish_step("payout")
    run = waiting(maya, gate(), publish)
    client.force_login(tomas)
    page = client.get(f"/inbox/{asked_by(run).pk}/").content.decode()
    assert "A big one for Box" in page
    assert "Box" in page
    assert "halfmoon/payout" in page  # what the next step will make
    assert Notice.objects.filter(user=tomas, happening__event="request.waiting").exists()


def test_nobody_but_those_who_are_named_decides_and_never_who_started_it(
    maya: User, tomas: User, root_admin: User
) -> None:
    maya.groups.set(tomas.groups.all())
    run = waiting(maya)
    asked = asked_by(run)
    for person, refusal in ((maya, OwnRequest), (root_admin, NotAnApprover)):
        with pytest.raises(refusal):
            approvals.approve(asked.pk, by=person, digest=asked.plan_digest)
    assert states(templates.work_off(run)) == ["succeeded", "paused", "pending"]


def test_several_must_agree_when_the_step_says_so(maya: User, tomas: User, root_admin: User) -> None:
    run = waiting(maya, gate(approvers=["payments", root_admin.entity_ref], count=2), after())
    assert states(agree(run, tomas)) == ["succeeded", "paused", "pending"]
    assert finish(agree(run, root_admin)) == "succeeded"


def test_a_no_ends_the_run_with_its_reason_and_stays(maya: User, tomas: User) -> None:
    run = waiting(maya)
    asked = asked_by(run)
    approvals.reject(asked.pk, by=tomas, digest=asked.plan_digest, comment="Too dear")
    done = templates.work_off(run)
    assert "Tomas" in finish(done)
    assert "said no: “Too dear”" in finish(done)
    assert states(done) == ["succeeded", "failed", "pending"]
    intents.retry(run.pk, by=maya)
    assert "said no" in finish(templates.work_off(run))
    assert StepWait.objects.count() == 1


def test_nobody_in_time_fails_the_step_and_a_second_try_asks_again(maya: User, tomas: User) -> None:
    run = waiting(maya, gate(timeout="2h"), after())
    asked = asked_by(run)
    assert asked.decide_before - asked.requested_at == timedelta(hours=2)
    Intent.objects.filter(pk=asked.pk).update(
        requested_at=timezone.now() - timedelta(hours=3), decide_before=timezone.now() - timedelta(hours=1)
    )
    approvals.expire_undecided()
    failed = templates.work_off(run)
    assert "Nobody answered in time. Run this again to ask once more." in finish(failed)
    intents.retry(run.pk, by=maya)
    assert states(templates.work_off(run)) == ["succeeded", "paused", "pending"]
    again = Intent.objects.filter(asked_by_step__step__run=run).exclude(pk=asked.pk).get()
    approvals.approve(again.pk, by=tomas, digest=again.plan_digest)
    assert finish(templates.work_off(run)) == "succeeded"


def test_taking_the_question_back_fails_the_step(maya: User, tomas: User) -> None:
    run = waiting(maya)
    intents.withdraw(asked_by(run).pk, by=maya)
    assert "The request was withdrawn." in finish(templates.work_off(run))


def test_cancelling_calls_the_question_off(maya: User, tomas: User) -> None:
    run = waiting(maya)
    intents.cancel(run.pk, by=maya)
    done = templates.work_off(run)
    assert done.intent.state == State.CANCELLED
    assert states(done) == ["succeeded", "cancelled", "cancelled"]
    asked = asked_by(run)
    assert asked.state == State.WITHDRAWN
    with pytest.raises(ControlError):
        approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)


def test_a_run_that_waits_is_owed_to_nobody(maya: User, tomas: User) -> None:
    run = waiting(maya)
    assert not Intent.objects.owed().filter(pk=run.pk).exists()
    execution.run(run.pk)  # a bell by mistake
    assert states(run) == ["succeeded", "paused", "pending"]
    asked = asked_by(run)
    approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)
    assert Intent.objects.owed().filter(pk=run.pk).exists()


def test_a_wiped_queue_only_delays_it(
    maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """No bell arrives: the sweep finds what is owed by the rows alone."""
    rung: list[str] = []
    run = waiting(maya)
    asked = asked_by(run)
    approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)
    Intent.objects.filter(pk=run.pk).update(rung_at=clock.now() - execution.RING_AGAIN * 2)
    monkeypatch.setattr(tasks.run, "apply_async", lambda arguments, **_: rung.extend(arguments))
    with django_capture_on_commit_callbacks(execute=True):
        execution.ring_owed()
    assert str(run.pk) in rung


def test_the_bell_is_rung_the_moment_it_is_decided(
    maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    run = waiting(maya)
    asked = asked_by(run)
    monkeypatch.setattr(tasks.run, "apply_async", lambda arguments, **_: rung.extend(arguments))
    with django_capture_on_commit_callbacks(execute=True):
        approvals.reject(asked.pk, by=tomas, digest=asked.plan_digest, comment="No")
    assert rung == [str(run.pk)]


def test_a_worker_that_dies_after_asking_asks_no_second_time(
    maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies(BaseException):
        pass

    def dying(*_: Any) -> None:
        raise Dies

    pause = execution._put_aside
    monkeypatch.setattr(execution, "_put_aside", dying)
    described = templates.document([log_step("begins"), gate(), after()])
    run = templates.start(templates.template(described), {"name": "Box"}, by=maya)
    with pytest.raises(Dies):
        execution.run(run.pk)
    monkeypatch.setattr(execution, "_put_aside", pause)
    Intent.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    assert states(templates.work_off(run)) == ["succeeded", "paused", "pending"]
    assert StepWait.objects.count() == 1
    assert finish(agree(run, tomas)) == "succeeded"


def test_a_worker_that_dies_after_the_yes_goes_on_from_it(
    maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = waiting(maya)
    asked = asked_by(run)
    approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)

    class Dies(BaseException):
        pass

    from scaffolder.running import Runner

    end = Runner._end

    def dying(*_: Any, **__: Any) -> None:
        raise Dies

    monkeypatch.setattr(Runner, "_end", dying)
    with pytest.raises(Dies):
        execution.run(run.pk)
    monkeypatch.setattr(Runner, "_end", end)
    Intent.objects.filter(pk=run.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    assert finish(templates.work_off(run)) == "succeeded"
    assert StepWait.objects.count() == 1


def test_each_entry_is_asked_for_itself(maya: User, tomas: User) -> None:
    run = waiting(maya, {**gate(title="${{ each.value }}"), "each": ["one", "two"]}, after())
    first = asked_by(run)
    assert first.title.startswith("one: ")
    agree(run, tomas)
    second = Intent.objects.filter(asked_by_step__step__run=run).exclude(pk=first.pk).get()
    assert second.title.startswith("two: ")
    approvals.approve(second.pk, by=tomas, digest=second.plan_digest)
    assert finish(templates.work_off(run)) == "succeeded"


def test_more_waits_than_a_worker_may_die_are_no_death(
    maya: User, tomas: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "MAX_ATTEMPTS", 1)
    count = execution.MAX_ATTEMPTS + 1
    run = waiting(maya, *({**gate(title=f"t{number}"), "id": f"g{number}"} for number in range(count)))
    for _ in range(count):
        asked = Intent.objects.get(asked_by_step__step__run=run, state=State.AWAITING_APPROVAL)
        approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)
        done = templates.work_off(run)
    assert finish(done) == "succeeded"
    assert not AuditEvent.objects.filter(intent=run.pk, action="intent.taken_over").exists()


def test_secrets_are_not_shown_to_who_decides(maya: User, tomas: User) -> None:
    asks = {"properties": {"token": {"type": "string", "ui:field": "Secret"}, "name": {"type": "string"}}}
    described = templates.document([gate(message="With ${{ secrets.token }}")], parameters=asks)
    entity = templates.template(described)
    run = templates.run(entity, {"name": "x"}, by=maya, secrets={"token": "hush-hush"})
    asked = asked_by(run)
    assert "With ***" in asked.plan["summary"]
    assert "hush-hush" not in str(asked.parameters) + str(asked.plan) + asked.title


@pytest.mark.parametrize(
    "given, words",
    [
        ({"approvers": ["component:default/x"]}, "cannot agree to anything"),
        ({"approvers": ["group:"]}, "is nobody who can agree"),
        ({"approvers": ["group:default/nowhere"]}, "Nobody can approve this"),
        ({"approvers": []}, "does not fit approval:wait"),
        ({"timeout": "soon"}, "is not a length of time"),
        ({"timeout": "90d"}, "at most"),
    ],
)
def test_a_gate_that_nobody_can_open_fails_at_once(maya: User, given: dict[str, Any], words: str) -> None:
    assert words in finish(waiting(maya, gate(**given)))


def test_a_rule_can_forbid_it(maya: User, tmp_path: Path) -> None:
    deny = (
        "---\napiVersion: portico.dev/v1\nkind: DenyRule\nmetadata: {name: no-gates}\nspec:\n"
        "  capabilities: [scaffolder.approval]\n  subjects: [{kind: Everyone}]\n  message: No gates here.\n"
    )
    path = tmp_path / "deny.yaml"
    path.write_text(f"{RUN_AT_ONCE}{deny}")
    policy.publish([path], by=None)
    assert "No gates here." in finish(waiting(maya))


def test_a_person_who_left_the_group_meanwhile_decides_no_more(maya: User, tomas: User) -> None:
    run = waiting(maya)
    tomas.groups.clear()
    asked = asked_by(run)
    with pytest.raises(NotAnApprover):
        approvals.approve(asked.pk, by=tomas, digest=asked.plan_digest)


def test_the_page_of_the_run_says_whom_it_waits_for(maya: User, tomas: User, client: Client) -> None:
    run = waiting(maya)
    client.force_login(maya)
    page = client.get(run.get_absolute_url()).content.decode()
    assert "Waits for people" in page
    assert "asks payments" in page
    assert f"/inbox/{asked_by(run).pk}/" in page


def test_the_plan_says_that_it_will_wait(maya: User) -> None:
    described = templates.document([gate()])
    plan = planning.plan_of(document.read(described), described, {"name": "x"}, maya)
    assert [(change.where, change.what) for change in plan.changes] == [
        ("Inbox", "waits until payments agrees")
    ]


# access:request


LOGS = """
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: log-reader, title: Production logs, description: Read application logs}
rules: [{resources: [logs], verbs: [read]}]
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: logs}
spec:
  roles: [log-reader]
  subjects: [{kind: Everyone}]
  environments: [production]
  maxDuration: 8h
  approval: {anyOf: [{kind: Group, name: payments}], count: 1}
"""


@pytest.fixture
def logs(tmp_path: Path) -> None:
    path = tmp_path / "logs.yaml"
    path.write_text(f"{RUN_AT_ONCE}{LOGS}")
    policy.publish([path], by=None)
    factories.entity("component:default/pay")


def wants(**more: Any) -> dict[str, Any]:
    given = {"role": "log-reader", "entityRef": "pay", "environment": "production", "duration": "4h", **more}
    return {"id": "gate", "action": "access:request", "input": given}


def test_access_is_asked_for_as_the_requester_and_waited_for(maya: User, tomas: User, logs: None) -> None:
    run = waiting(maya, wants(), log_step("${{ steps.gate.output.state }}"))
    asked = asked_by(run)
    assert (asked.capability, asked.requested_by, asked.subject_ref) == (
        "access.grant",
        maya,
        "component:default/pay",
    )
    assert asked.reason == "For A service that I started."
    done = agree(run, tomas)
    assert finish(done) == "succeeded"
    assert "approved" in log_of(done)


def test_a_run_may_go_on_without_the_access_that_it_asked_for(maya: User, tomas: User, logs: None) -> None:
    done = waiting(maya, wants(wait=False, reason="Because"), log_step("${{ steps.gate.output.state }}"))
    assert finish(done) == "succeeded"
    assert "awaiting_approval" in log_of(done)
    assert asked_by(done).state == State.AWAITING_APPROVAL


@pytest.mark.parametrize(
    "given, words",
    [
        ({"duration": "9h"}, "8"),
        ({"role": "king"}, "Choose one of the roles"),
        ({"entityRef": "component:default/none"}, "The catalogue has no component:default/none"),
        ({"duration": "soon"}, "is not a length of time"),
    ],
)
def test_access_that_cannot_be_asked_for_fails_the_step(
    maya: User, logs: None, given: dict[str, Any], words: str
) -> None:
    done = waiting(maya, wants(**given))
    assert done.intent.state == State.FAILED
    assert words in finish(done)
    assert not StepWait.objects.exists()


# notify


def told(user: User) -> list[str]:
    notices = Notice.objects.filter(user=user, happening__event="template.message")
    return list(notices.values_list("happening__title", flat=True))


def test_people_and_groups_are_told_once(maya: User, tomas: User, root_admin: User) -> None:
    step = {
        "action": "notify",
        "input": {
            "to": ["payments", str(root_admin.entity_ref)],
            "title": "${{ parameters.name }} is there",
            "link": "https://x.example",
        },
    }
    run = waiting(maya, step, gate())
    assert told(tomas) == told(root_admin) == ["Box is there"]
    agree(run, tomas)
    assert told(tomas) == ["Box is there"]
    happening = Notice.objects.get(user=root_admin, happening__event="template.message").happening
    assert "https://x.example" in happening.detail
    assert f"From A service, started by {maya.label}." in happening.detail
    assert happening.url.startswith("/")


@pytest.mark.parametrize(
    "given, words",
    [
        ({"to": [], "title": "x"}, "Nobody is named"),
        ({"to": ["component:default/x"], "title": "x"}, "cannot be told anything"),
        ({"to": ["group:"], "title": "x"}, "is nobody who can be told"),
    ],
)
def test_a_message_to_nobody_fails(maya: User, given: dict[str, Any], words: str) -> None:
    assert words in finish(waiting(maya, {"action": "notify", "input": given}))


def test_a_broadcast_is_refused(maya: User) -> None:
    step = {"action": "notification:send", "input": {"recipients": "broadcast", "title": "x"}}
    assert "does not tell everybody" in finish(waiting(maya, step))


def test_outside_of_a_run_nobody_is_asked(bench: Any) -> None:
    with pytest.raises(ActionFailed, match="only a run waits for people"):
        bench.perform("approval:wait", approvers=["payments"])
    assert RunStep.State.PAUSED in RunStep.State.values
