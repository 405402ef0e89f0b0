"""A worker's way through the steps of a run.

Each step is done, its files committed and its row written under the intent's lock in that order, so a worker that dies
leaves either a step that is done or one that begins again from the files before it. Steps that are done are not done
twice; actions with effects outside do nothing the second time.
"""

from __future__ import annotations

import logging
import shutil
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from control import clock
from control.errors import Cancelled, ControlError, ExecutionFailed, LeaseLost, PutAside
from control.execution import Execution
from control.models import Intent
from scaffolder import actions, document, outputs, planning, runs, sealing, turns
from scaffolder.actions.base import Action, Work
from scaffolder.context import base_context
from scaffolder.document import Blueprint, Step
from scaffolder.effects import StepEffects
from scaffolder.errors import ActionFailed, TemplateUnusable
from scaffolder.models import Run, RunStep
from scaffolder.run_log import RunJournal
from scaffolder.sealing import Masker
from scaffolder.sources import TemplateSources
from scaffolder.templating import Renderer, TemplatingError
from scaffolder.waiting import StepWaits
from scaffolder.workspace import Store, Workspace

_DONE = (RunStep.State.SUCCEEDED, RunStep.State.SKIPPED)
log = logging.getLogger(__name__)


def execute(intent: Intent, execution: Execution) -> Mapping[str, Any]:
    """Run what is left of an intent's steps. Raises `ExecutionFailed`, `Cancelled` or `LeaseLost`."""
    run = Run.objects.get(pk=intent.pk)
    try:
        blueprint = document.read(run.template)
        secrets = sealing.unseal(run.sealed_secrets)
    except (TemplateUnusable, ActionFailed) as refusal:
        raise ExecutionFailed(str(refusal)) from None
    _refuse_another_template(run, intent)
    masker = Masker(secrets.values())
    journal = RunJournal(run, masker)
    try:
        with TemplateSources(run.template_ref) as sources:
            runner = Runner(run, intent, execution, blueprint, secrets, masker, journal, sources)
            outcome = runner.run_all()
    except Cancelled:
        journal.warning("Cancelled. Steps that were done stay done.")
        raise
    finally:
        journal.flush()
    runs.forget(run.pk)
    return outcome


def _refuse_another_template(run: Run, intent: Intent) -> None:
    """The catalogue may have read the template again between the plan that was decided on and the rows of the run."""
    if planning.digest_of(run.template) != intent.plan["data"]["template_digest"]:
        raise ExecutionFailed("The template of this run is not the one that was approved. Start a new run.")


def cancel_rest(run: Run) -> None:
    """In the transaction that cancels it."""
    left = run.steps.exclude(state__in=_DONE)
    left.exclude(state=RunStep.State.PENDING).update(finished_at=clock.now())
    left.update(state=RunStep.State.CANCELLED)
    runs.forget(run.pk)


@dataclass
class Runner:
    run: Run
    intent: Intent
    execution: Execution
    blueprint: Blueprint
    secrets: Mapping[str, str]
    masker: Masker
    journal: RunJournal
    sources: TemplateSources
    context: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        values, person = self.run.values, self.intent.requested_by
        self.context = base_context(values, person, task_id=str(self.run.pk))

    @cached_property
    def store(self) -> Store:
        return Store(self.run.pk)

    def run_all(self) -> Mapping[str, Any]:
        rows = {row.index: row for row in self.run.steps.all()}
        self._refuse_lost_secrets()
        self._refuse_lost_files(rows)
        for step in self.blueprint.steps:
            row = rows[step.index]
            if row.state not in _DONE:
                self._go_on()
                self.journal.step = row
                self._one(step, row)
            self.context["steps"][step.id] = {"output": row.output}
        self.journal.step = None
        return self._finish()

    def _refuse_lost_secrets(self) -> None:
        if self.run.secret_names and not self.run.sealed_secrets:
            raise ExecutionFailed("The secrets of this run were erased when it had ended. Start a new run.")

    def _refuse_lost_files(self, rows: Mapping[int, RunStep]) -> None:
        done = [
            index
            for index, row in rows.items()
            if row.state == RunStep.State.SUCCEEDED and _changes_files(row.action)
        ]
        if self.store.has_lost_files(done):
            raise ExecutionFailed("The files that the earlier steps made are gone. Start a new run.")

    def _go_on(self) -> None:
        """Between parts of the work: the log is written, and a cancelled run stops."""
        self.journal.flush_due()
        self.execution.raise_if_cancelled()

    def _one(self, step: Step, row: RunStep) -> None:
        try:
            self._begin(row)
            if not turns.is_wanted(step, self.context):
                self._end(row, RunStep.State.SKIPPED)
                self.journal.info("Skipped: its condition does not hold.")
                return
            self._perform(step, row)
        except (ActionFailed, TemplatingError, ControlError) as problem:
            self._fail(step, row, str(problem))
        except PutAside:
            self._pause(row)
            raise
        except (Cancelled, LeaseLost, ExecutionFailed):
            raise
        except OSError as problem:
            self._log_defect(step)
            why = problem.strerror or type(problem).__name__
            words = f"The machine of the worker could not do this: {why}. Tell the platform team, then run it again."
            self._fail(step, row, words)
        except Exception as defect:  # noqa: BLE001  the edge of a step; what it was is logged masked
            self._log_defect(step)
            words = f"Portico met a defect ({type(defect).__name__}). The log of the worker says more."
            self._fail(step, row, words)

    def _log_defect(self, step: Step) -> None:
        text = self.masker.text(traceback.format_exc())
        log.error("run %s, %s met a defect:\n%s", self.run.pk, step.words, text)

    def _begin(self, row: RunStep) -> None:
        with self.execution.guard():
            self.store.drop_states(from_step=row.index)
            is_resumed = row.state == RunStep.State.PAUSED
            row.state, row.error, row.finished_at = RunStep.State.RUNNING, "", None
            row.attempts += not is_resumed
            row.started_at = row.started_at if is_resumed else clock.now()
            row.save(update_fields=["state", "error", "finished_at", "attempts", "started_at"])
        if not is_resumed:
            self.journal.command(row.action)

    def _pause(self, row: RunStep) -> None:
        """The step begins again when what it asked for is decided."""
        with self.execution.guard():
            row.state = RunStep.State.PAUSED
            row.save(update_fields=["state"])

    def _perform(self, step: Step, row: RunStep) -> None:
        action = actions.find(step.action)
        if action is None:
            raise ActionFailed(f"Portico does not have the action {step.action} any more.")
        folder = self.store.copy_for(step.index) if action.changes_files else self.store.before(step.index)
        try:
            output = self._turns(step, row, action, folder)
        except BaseException:
            if action.changes_files:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        self._end(
            row, RunStep.State.SUCCEEDED, output=output, folder=folder if action.changes_files else None
        )
        self.store.tidy(step.index)

    def _turns(self, step: Step, row: RunStep, action: Action, folder: Path) -> dict[str, Any]:
        """The outputs of the action; with `each` it is called once per entry and every output is a list."""
        if step.each is None:
            return dict(self._call(step, action, self._work(row, folder), self.context))
        given: list[Mapping[str, Any]] = []
        entries = turns.entries_of(step, self.context)
        for count, (key, value) in enumerate(entries, 1):
            self._go_on()
            self.journal.info(f"{count} of {len(entries)}: {key}")
            context = {**self.context, "each": {"key": key, "value": value}}
            given.append(self._call(step, action, self._work(row, folder, count - 1), context))
        return turns.gathered(given)

    def _call(self, step: Step, action: Action, work: Work, context: Mapping[str, Any]) -> Mapping[str, Any]:
        renderer = Renderer({**context, "secrets": dict(self.secrets)})
        given = renderer.data(step.input, where="input")
        action.check(given)
        return action.perform(work, given)

    def _work(self, row: RunStep, folder: Path, turn: int = 0) -> Work:
        return Work(
            workspace=Workspace(folder),
            sources=self.sources,
            journal=self.journal,
            requester=self.intent.requested_by,
            requested_at=self.intent.requested_at,
            go_on=self._go_on,
            scratch=self.store.scratch,
            effects=StepEffects(self.execution, row, turn),
            hide=self.masker.learn,
            template=self.run.template,
            waiting=StepWaits(self.execution, row, turn),
            mask=self.masker.data,
            ahead=partial(planning.changes_after, self.blueprint, row.index, self.context),
        )

    def _end(
        self,
        row: RunStep,
        state: RunStep.State,
        *,
        output: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        """The files get their name while the intent's row is locked, so a worker that lost its lease names none."""
        self.journal.flush()  # whoever sees a step done has its log
        with self.execution.guard():
            row.state, row.output, row.finished_at = state, self.masker.data(dict(output or {})), clock.now()
            if folder is not None:
                self.store.commit(folder, row.index)
            row.save(update_fields=["state", "output", "finished_at"])

    def _fail(self, step: Step, row: RunStep, problem: str) -> None:
        words = self.masker.text(problem)
        with self.execution.guard():
            row.state, row.error, row.finished_at = RunStep.State.FAILED, words, clock.now()
            row.save(update_fields=["state", "error", "finished_at"])
        self.journal.error(words)
        raise ExecutionFailed(
            f"Step {step.index + 1} failed: {words} {_what_stays(step.index)}".strip()
        ) from None

    def _finish(self) -> Mapping[str, Any]:
        rendered = outputs.rendered(self.blueprint.output, self.context, self.journal)
        output = self.masker.data(rendered)
        with self.execution.guard():
            self.run.output = output
            self.run.save(update_fields=["output"])
        self.journal.ok("All steps are done.")
        return {"output": output}


def _changes_files(action: str) -> bool:
    found = actions.find(action)
    return found is not None and found.changes_files


def _what_stays(index: int) -> str:
    if index == 0:
        return ""
    return "Step 1 stays done." if index == 1 else f"Steps 1 to {index} stay done."
