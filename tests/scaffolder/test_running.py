"""Runs of real templates from real repositories, up to a repository that was made and an entity in the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from catalog.models import Entity, Location
from control import execution, intents
from control.models import Intent, State, User
from scaffolder import actions, runs
from scaffolder.actions.base import Action, Input, Output, Perform, Work
from scaffolder.models import RunLog
from tests.scaffolder import templates
from tests.scaffolder.templates import document, finish, log_of, log_step, publish_step, run, states, template

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("anybody_may_run")]

CATALOG_INFO = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: ${{ values.name | dump }}
spec:
  type: service
  lifecycle: experimental
  owner: group:default/payments
"""
REGISTER = {
    "id": "register",
    "action": "catalog:register",
    "input": {
        "repoContentsUrl": "${{ steps.publish.output.repoContentsUrl }}",
        "catalogInfoPath": "/catalog-info.yaml",
    },
}


def golden_path() -> Entity:
    described = document(
        [
            templates.template_step(
                values={"name": "${{ parameters.name }}", "port": "${{ parameters.port }}"}
            ),
            publish_step("${{ parameters.name }}"),
            REGISTER,
            log_step("${{ parameters.name }} is ${{ steps.register.output.entityRef }}"),
        ],
        output={
            "links": [
                {"title": "Repository", "url": "${{ steps.publish.output.remoteUrl }}"},
                {"title": "Entity", "entityRef": "${{ steps['register'].output.entityRef }}"},
                {"title": "Never", "url": "x", "if": "${{ parameters.port === 1 }}"},
            ],
            "text": [{"title": "Next", "content": "Open port ${{ parameters.port }}"}],
            "remoteUrl": "${{ steps.publish.output.remoteUrl }}",
        },
    )
    return template(
        described,
        {
            "skeleton/catalog-info.yaml": CATALOG_INFO,
            "skeleton/src/${{ values.name }}/main.py": "PORT = ${{ values.port }}\n",
            "skeleton/chart.yaml": "image: {{ .Values.image }}\n",
        },
    )


def test_a_template_becomes_a_repository_and_an_entity(maya: User) -> None:
    done = run(golden_path(), {"name": "payout", "port": 8080}, by=maya)
    assert finish(done) == "succeeded"
    files = templates.published("halfmoon", "payout")
    assert files["src/payout/main.py"] == "PORT = 8080"
    assert files["chart.yaml"] == "image: {{ .Values.image }}"
    assert Entity.objects.get(ref="component:default/payout").owner_ref == "group:default/payments"
    assert states(done) == ["succeeded"] * 4
    assert "payout is component:default/payout" in log_of(done)


def test_the_output_has_the_links_and_texts_whose_condition_holds(maya: User) -> None:
    done = run(golden_path(), {"name": "payout", "port": 8080}, by=maya)
    remote = f"file://{templates.remote('halfmoon', 'payout')}"
    assert done.output["links"] == [
        {"title": "Repository", "url": remote},
        {"title": "Entity", "entityRef": "component:default/payout"},
    ]
    assert done.output["text"] == [{"title": "Next", "content": "Open port 8080"}]
    assert done.output["remoteUrl"] == remote


def test_the_commit_is_by_the_requester_at_the_moment_of_the_request(maya: User) -> None:
    done = run(golden_path(), {"name": "payout", "port": 1}, by=maya)
    shown = templates.git("log", "--format=%an <%ae> %at %cn %ct", at=templates.remote("halfmoon", "payout"))
    at = int(done.intent.requested_at.timestamp())
    assert shown == f"Maya Okafor <maya.okafor@example.org> {at} Maya Okafor {at}"


def test_nothing_of_a_run_that_succeeded_stays_on_the_disk(maya: User, folders: Path) -> None:
    run(golden_path(), {"name": "payout", "port": 1}, by=maya)
    assert list((folders / "home" / "workspaces").iterdir()) == []


# Conditions and loops


def test_steps_whose_condition_does_not_hold_are_skipped(maya: User) -> None:
    steps = [
        log_step("a", **{"if": "${{ parameters.on }}"}),
        log_step("b", **{"if": "${{ not parameters.on }}"}),
        log_step("c", **{"if": False}),
        log_step("d", **{"if": "${{ steps.nowhere.output.x }}"}),
        log_step("e", **{"if": "${{ parameters.list }}"}),
    ]
    done = run(template(document(steps)), {"on": True, "list": []}, by=maya)
    assert states(done) == ["succeeded", "skipped", "skipped", "skipped", "skipped"]


def test_each_runs_a_step_per_entry_and_collects_its_outputs(maya: User) -> None:
    steps = [
        {
            "id": "write",
            "each": "${{ parameters.names }}",
            "action": "catalog:write",
            "input": {
                "filePath": "${{ each.value }}.yaml",
                "entity": {"kind": "Component", "metadata": {"name": "${{ each.value }}"}},
            },
        },
        log_step("${{ steps.write.output.entityRef | join(' ') }}", id="show"),
        publish_step(),
    ]
    done = run(template(document(steps)), {"names": ["a", "b"]}, by=maya)
    assert finish(done) == "succeeded"
    assert "component:default/a component:default/b" in log_of(done)
    assert sorted(templates.published("halfmoon", "payout")) == ["a.yaml", "b.yaml"]


def test_each_over_a_map_gives_its_keys(maya: User) -> None:
    step = log_step("${{ each.key }}=${{ each.value }}", each="${{ parameters.map }}")
    assert "x=1" in log_of(run(template(document([step])), {"map": {"x": 1}}, by=maya))


def test_each_over_a_text_is_refused_in_words(maya: User) -> None:
    done = run(template(document([log_step("x", each="${{ parameters.t }}")])), {"t": "abc"}, by=maya)
    assert "must give a list or a map" in finish(done)


# Failures


def test_a_failed_step_says_why_and_what_stays_done(maya: User) -> None:
    steps = [
        log_step("one"),
        {"name": "Rename", "action": "fs:rename", "input": {"files": [{"from": "a", "to": "b"}]}},
    ]
    done = run(template(document([*steps, log_step("never")])), by=maya)
    assert finish(done) == (
        "failed: Step 2 failed: There is no file a to rename. Check the path and the steps before. Step 1 stays done."
    )
    assert states(done) == ["succeeded", "failed", "pending"]
    assert done.steps.get(index=1).error.startswith("There is no file a")


def test_a_missing_input_is_named(maya: User) -> None:
    done = run(template(document([{"action": "fetch:plain", "input": {"targetPath": "x"}}])), by=maya)
    assert "input.url is missing; fetch:plain needs it." in finish(done)


def test_an_error_in_a_skeleton_names_file_line_and_expression(maya: User) -> None:
    described = document([templates.template_step()])
    done = run(template(described, {"skeleton/README.md": "a\n${{ values.x || 'y' }}\n"}), by=maya)
    assert "README.md, line 2:" in finish(done)
    assert "${{ values.x || 'y' }}" in finish(done)


def test_a_syntax_error_in_the_output_does_not_undo_the_run(maya: User) -> None:
    described = document(
        [log_step("x")], output={"links": [{"title": "a", "url": "${{ a || b }}"}], "ok": "yes"}
    )
    done = run(template(described), by=maya)
    assert finish(done) == "succeeded"
    assert done.output == {"links": [], "ok": "yes"}
    assert "Left out of the output. output.links[0].url" in log_of(done)


def test_a_taken_name_is_said_and_the_other_repository_stays(maya: User) -> None:
    entity = golden_path()
    first = run(entity, {"name": "payout", "port": 1}, by=maya)
    second = run(entity, {"name": "payout", "port": 2}, by=maya)
    assert finish(first) == "succeeded"
    assert "The name halfmoon/payout is taken" in finish(second)
    assert templates.published("halfmoon", "payout")["src/payout/main.py"] == "PORT = 1"


def test_a_retry_goes_on_from_the_failed_step(maya: User, folders: Path) -> None:
    steps = [templates.template_step(), log_step("once", id="once"), publish_step()]
    entity = template(document(steps), {"skeleton/a.txt": "a"})
    other = templates.remote("halfmoon", "payout")
    other.mkdir(parents=True)
    templates.git("init", "--bare", "--initial-branch=main", at=other)
    (other / "HEAD").rename(other / "broken")
    failed = run(entity, by=maya)
    assert states(failed) == ["succeeded", "succeeded", "failed"]
    (other / "broken").rename(other / "HEAD")
    intents.retry(failed.pk, by=maya)
    done = templates.work_off(failed)
    assert finish(done) == "succeeded"
    assert log_of(done).count("once") == 1
    assert [row.attempts for row in done.steps.order_by("index")] == [1, 1, 2]
    assert templates.published("halfmoon", "payout") == {"a.txt": "a"}


def test_a_retry_without_the_files_of_the_earlier_steps_is_refused(maya: User) -> None:
    steps = [
        templates.template_step(),
        {"action": "fs:rename", "input": {"files": [{"from": "x", "to": "y"}]}},
    ]
    failed = run(template(document(steps), {"skeleton/a.txt": "a"}), by=maya)
    runs.forget(failed.pk)
    intents.retry(failed.pk, by=maya)
    assert "The files that the earlier steps made are gone" in finish(templates.work_off(failed))


def test_a_template_that_left_the_catalogue_is_said(maya: User) -> None:
    entity = template(document([templates.template_step()]), {"skeleton/a": "a"})
    started = templates.start(entity, by=maya)
    entity.delete()
    assert "is no longer in the catalogue" in finish(templates.work_off(started))


def test_a_defect_is_told_without_its_words(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: Work, given: Input) -> Output:
        raise RuntimeError("internal words")

    found = actions.find("debug:log")
    assert found is not None
    monkeypatch.setitem(actions._found().actions, "debug:log", _with_perform(found, broken))
    done = run(template(document([log_step("x")])), by=maya)
    assert "Portico met a defect (RuntimeError)" in finish(done)
    assert "internal words" not in finish(done) + log_of(done)


def test_a_full_disk_is_told_in_the_words_of_the_machine(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(work: Work, given: Input) -> Output:
        raise OSError(28, "No space left on device", "/secret/place")

    found = actions.find("debug:log")
    assert found is not None
    monkeypatch.setitem(actions._found().actions, "debug:log", _with_perform(found, full))
    done = run(template(document([log_step("x")])), by=maya)
    assert "could not do this: No space left on device." in finish(done)
    assert "/secret/place" not in finish(done) + log_of(done)


def _with_perform(action: Action, perform: Perform) -> Action:
    return replace(action, perform=perform)


# Dying and coming back


class WorkerDies(BaseException):
    """Nothing in the code may catch this, as nothing catches kill -9."""


def _die_in(monkeypatch: pytest.MonkeyPatch, name: str, *, after: bool) -> None:
    """The first call of the action dies: before it did anything, or after all of it."""
    action = actions.find(name)
    assert action is not None
    calls = []

    def dying(work: Work, given: Input) -> Output:
        calls.append(1)
        if len(calls) > 1:
            return action.perform(work, given)
        if after:
            action.perform(work, given)
        raise WorkerDies

    monkeypatch.setitem(actions._found().actions, name, _with_perform(action, dying))


def _let_the_lease_run_out(run_id: UUID) -> None:
    Intent.objects.filter(pk=run_id).update(lease_expires_at="2020-01-01T00:00:00Z")


@pytest.mark.parametrize("name", ["fetch:template", "publish:git", "catalog:register"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.slow
def test_a_worker_that_dies_in_a_step_leaves_each_effect_once(
    maya: User, monkeypatch: pytest.MonkeyPatch, name: str, after: bool
) -> None:
    _die_in(monkeypatch, name, after=after)
    started = templates.start(golden_path(), {"name": "payout", "port": 1}, by=maya)
    with pytest.raises(WorkerDies):
        execution.run(started.pk)
    assert Intent.objects.get(pk=started.pk).state == State.RUNNING
    _let_the_lease_run_out(started.pk)
    done = templates.work_off(started)
    assert finish(done) == "succeeded"
    assert templates.git("rev-list", "--count", "main", at=templates.remote("halfmoon", "payout")) == "1"
    assert Entity.objects.filter(ref="component:default/payout").count() == 1
    assert Location.objects.filter(target__contains="payout").count() == 1


def test_a_worker_that_dies_between_files_and_row_begins_the_step_again(
    maya: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scaffolder.workspace import Store

    commit = Store.commit
    calls = []

    def dying(store: Store, work: Path, step: int) -> None:
        commit(store, work, step)
        calls.append(step)
        if calls == [0, 1]:
            raise WorkerDies

    monkeypatch.setattr(Store, "commit", dying)
    steps = [
        templates.template_step(),
        {"action": "fs:rename", "input": {"files": [{"from": "a.txt", "to": "b.txt"}]}},
        publish_step(),
    ]
    started = templates.start(template(document(steps), {"skeleton/a.txt": "a"}), by=maya)
    with pytest.raises(WorkerDies):
        execution.run(started.pk)
    _let_the_lease_run_out(started.pk)
    assert finish(templates.work_off(started)) == "succeeded"
    assert templates.published("halfmoon", "payout") == {"b.txt": "a"}


def test_a_worker_that_lost_its_lease_writes_nothing(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    action = actions.find("debug:log")
    assert action is not None

    def overtaken(work: Work, given: Input) -> Output:
        Intent.objects.update(lease="00000000-0000-0000-0000-000000000001")
        return {"x": 1}

    monkeypatch.setitem(actions._found().actions, "debug:log", _with_perform(action, overtaken))
    started = templates.start(template(document([log_step("x")])), by=maya)
    execution.run(started.pk)
    row = started.steps.get()
    assert (row.state, row.output) == ("running", {})
    assert Intent.objects.get(pk=started.pk).state == State.RUNNING


def test_a_worker_that_lost_its_lease_takes_no_files_from_its_successor(
    maya: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept while the other one went on, and wakes up about to begin a step."""
    from scaffolder.workspace import Store

    steps = [templates.template_step(), {**templates.template_step(targetPath="again"), "id": "again"}]
    started = templates.start(template(document(steps), {"skeleton/a": "a"}), by=maya)
    home = Store(started.pk).home
    copy_for = Store.copy_for

    def overtaken(store: Store, step: int) -> Path:
        if step == 0:
            Intent.objects.update(lease="00000000-0000-0000-0000-000000000001")
            for index in (0, 1):
                (home / f"after-{index:04}").mkdir(parents=True)
        return copy_for(store, step)

    monkeypatch.setattr(Store, "copy_for", overtaken)
    execution.run(started.pk)
    assert [found.name for found in sorted(home.glob("after-*"))] == ["after-0000", "after-0001"]


# Cancelling


def test_a_cancelled_run_stops_before_its_next_step_and_loses_its_files(
    maya: User, monkeypatch: pytest.MonkeyPatch, folders: Path
) -> None:
    action = actions.find("debug:log")
    assert action is not None

    def cancelling(work: Work, given: Input) -> Output:
        intents.cancel(Intent.objects.get().pk, by=maya)
        return {}

    monkeypatch.setitem(actions._found().actions, "debug:log", _with_perform(action, cancelling))
    steps = [templates.template_step(), log_step("x"), publish_step()]
    done = run(template(document(steps), {"skeleton/a": "a"}), by=maya)
    assert finish(done) == "cancelled"
    assert states(done) == ["succeeded", "succeeded", "cancelled"]
    assert not templates.remote("halfmoon", "payout").exists()
    assert list((folders / "home" / "workspaces").iterdir()) == []


def test_a_cancelled_run_stops_inside_a_long_step(maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton = {f"skeleton/{number:04}": "x" for number in range(120)}
    entity = template(document([templates.template_step()]), skeleton)
    started = templates.start(entity, by=maya)
    from scaffolder.workspace import Workspace

    write = Workspace.write

    def cancelling(self: Workspace, relative: str, content: bytes, *, executable: bool = False) -> None:
        write(self, relative, content, executable=executable)
        if relative == "0010":
            intents.cancel(started.pk, by=maya)
        assert relative < "0060", "goes on although it was cancelled"

    monkeypatch.setattr(Workspace, "write", cancelling)
    done = templates.work_off(started)
    assert finish(done) == "cancelled"
    assert states(done) == ["cancelled"]


# The log


def test_the_log_names_each_step_and_belongs_to_it(maya: User) -> None:
    done = run(template(document([log_step("first"), log_step("second")])), by=maya)
    rows = list(done.log.filter(text__in=["first", "second"]).values_list("step__index", "text"))
    assert rows == [(0, "first"), (1, "second")]
    assert done.log.filter(level=RunLog.Level.OK, text="All steps are done.").exists()


def test_debug_log_shows_data_and_the_workspace(maya: User) -> None:
    steps = [
        templates.template_step(),
        {"action": "debug:log", "input": {"extra": {"a": [1]}, "listWorkspace": "with-contents"}},
    ]
    shown = log_of(run(template(document(steps), {"skeleton/dir/a.txt": "inside"}), by=maya))
    assert "  - dir/a.txt" in shown
    assert "inside" in shown
    assert json.dumps({"a": [1]}, indent=2).splitlines()[1] in shown


# What expressions see


def test_expressions_see_the_person_and_the_task(maya: User) -> None:
    step = log_step("${{ user.entity.metadata.name }} ${{ user.ref }} ${{ context.task.id }}")
    done = run(template(document([step])), by=maya)
    assert f"maya.okafor user:default/maya.okafor {done.pk}" in log_of(done)


def test_a_later_change_of_the_template_does_not_reach_a_run(maya: User) -> None:
    entity = template(document([log_step("as it was")]))
    started = templates.start(entity, by=maya)
    entity.document = document([log_step("changed"), log_step("changed")])
    entity.save(update_fields=["document"])
    done = templates.work_off(started)
    assert states(done) == ["succeeded"]
    assert "as it was" in log_of(done)


def test_execute_refuses_a_document_that_became_unusable(maya: User) -> None:
    started = templates.start(template(document([log_step("x")])), by=maya)
    started.template = {**started.template, "apiVersion": "scaffolder.backstage.io/v1beta2"}
    started.save(update_fields=["template"])
    assert "This template is written for scaffolder.backstage.io/v1beta2" in finish(
        templates.work_off(started)
    )
