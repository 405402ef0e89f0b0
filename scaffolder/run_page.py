"""What the page of a run shows: head, steps, log, outputs, answers, decision. The number of queries is constant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse

from catalog.models import Entity
from catalog.refs import RefInvalid, parse
from control import clock, inbox, moved, people
from control.errors import ControlError
from control.models import UNDECIDED, Approval, AuditEvent, Intent, State, User
from control.stage_board import Board, board_of
from control.stages import name_of
from control.templatetags.times import took
from scaffolder import dry_run
from scaffolder.context import base_context
from scaffolder.forms import review
from scaffolder.models import Run, RunLog, RunStep
from scaffolder.output_rows import facts, outputs, texts
from scaffolder.trial_page import Trial
from scaffolder.words import LOG_LEVELS, RUN_MARKS, STEP_MARKS

LOG_SHOWN = 500  # lines; older ones are in the raw log
STEPS_SHOWN = 300
EVENTS_SHOWN = 100
APPROVERS_SHOWN = 5


@dataclass(frozen=True)
class Line:
    number: int
    row: RunLog

    @property
    def level(self) -> str:
        return LOG_LEVELS.get(self.row.level, "")


@dataclass(frozen=True)
class Lines:
    """Some lines of the log, and where to go on from."""

    shown: list[Line]
    after: int  # id of the last line; the next poll asks for what follows
    count: int  # lines so far
    hidden: int = 0  # older lines that are not shown


@dataclass(frozen=True)
class StepRow:
    step: RunStep
    state: str
    mark: str
    took: str


def find_run(run_id: UUID, user: User) -> Run:
    """Raises Http404 when there is none that `user` may see."""
    visible = Run.objects.filter(intent__in=Intent.objects.visible_to(user))
    return get_object_or_404(visible.select_related("intent__requested_by"), pk=run_id)


def newest_lines(run: Run) -> Lines:
    """Two queries."""
    rows = list(reversed(run.log.order_by("-id")[:LOG_SHOWN]))
    hidden = max(run.log.count() - len(rows), 0)
    return _numbered(rows, hidden, hidden)


def lines_after(run: Run, after: int, count: int) -> Lines:
    """What was written since; a page that fell far behind gets the newest lines only."""
    rows = list(run.log.filter(id__gt=after).order_by("id")[:LOG_SHOWN])
    lines = _numbered(rows, count, 0)
    return lines if rows else Lines([], after, count)


def _numbered(rows: list[RunLog], before: int, hidden: int) -> Lines:
    shown = [Line(number, row) for number, row in enumerate(rows, before + 1)]
    return Lines(shown, rows[-1].pk if rows else 0, before + len(rows), hidden)


def raw_log(run: Run) -> Iterator[str]:
    for line in run.log.order_by("id").iterator(chunk_size=1_000):
        yield f"{line.at:%Y-%m-%d %H:%M:%S} {line.level:7} {line.text}\n"


def steps_context(run: Run) -> dict[str, Any]:
    """The part that a poll draws again: head, steps and outputs."""
    now = clock.now()
    steps = [
        _as_it_ended(step, run.intent) for step in run.steps.defer("output").order_by("index")[:STEPS_SHOWN]
    ]
    total = run.steps.count()
    ended = [step for step in steps if step.state in (RunStep.State.SUCCEEDED, RunStep.State.SKIPPED)]
    failed = next((step for step in steps if step.state == RunStep.State.FAILED), None)
    return {
        "run": run,
        "intent": run.intent,
        "mark": "info" if run.intent.waits_on_id else RUN_MARKS[run.intent.state],
        "state_words": _state_words(run.intent, now),
        "steps": [StepRow(step, *STEP_MARKS[step.state], _took(step, now)) for step in steps],
        "steps_done": len(ended),
        "steps_total": total,
        "steps_hidden": total - len(steps),
        "failed_step": failed,
        "failure": (failed.error if failed else "") or run.intent.error,
        "outputs": outputs(run.output),
        "texts": texts(run.output),
        "facts": facts(run.output),
        **_waited_for(run.intent),
        "is_live": not run.intent.is_final,
        "poll_seconds": 5 if run.intent.state == State.AWAITING_APPROVAL or run.intent.waits_on_id else 1,
    }


def _waited_for(intent: Intent) -> dict[str, Any]:
    """The request that the run was put aside for, and whom it asks."""
    asked = intent.waits_on
    if asked is None or intent.is_final:
        return {}
    rows = asked.approvers.open().select_related("group", "user") if asked.state in UNDECIDED else ()
    return {"waits_on": asked, "asked": list(dict.fromkeys(map(name_of, rows)))}


def _as_it_ended(step: RunStep, intent: Intent) -> RunStep:
    """Nobody works on a run that is over: a worker that died, or was never asked, could not write that down."""
    if not intent.is_final:
        return step
    if step.state in (RunStep.State.RUNNING, RunStep.State.PAUSED):
        step.state = RunStep.State.FAILED if intent.state == State.FAILED else RunStep.State.CANCELLED
        step.finished_at = intent.finished_at
    elif step.state == RunStep.State.PENDING and intent.state != State.FAILED:
        step.state = RunStep.State.CANCELLED
    return step


def _took(step: RunStep, now: datetime) -> str:
    if step.started_at is None or step.state == RunStep.State.SKIPPED:
        return ""
    return took((step.finished_at or now) - step.started_at)


def _state_words(intent: Intent, now: datetime) -> str:
    """`Running, 1 min 12 s`, `Done in 3 min`."""
    words = str(intent.get_state_display())
    if intent.cancel_asked_at and not intent.is_final:
        return "Cancelling after this step"
    if intent.state == State.APPROVED:
        return "Waiting for a worker"
    if intent.waits_on_id:
        return "Waits for people"
    if intent.started_at is None:
        return words
    lasted: timedelta = (intent.finished_at or now) - intent.started_at
    joint = {State.RUNNING: ", ", State.SUCCEEDED: " in "}.get(State(intent.state), " after ")
    return f"{words}{joint}{took(lasted)}"


def page_context(run: Run, user: User) -> dict[str, Any]:
    intent = run.intent
    may_act = user.is_staff or people.same_person(user, intent.requested_by)
    decision = intent.decisions.select_related("policy").order_by("-id").first()
    approvals = list(intent.approvals.with_people().order_by("id"))
    return {
        **steps_context(run),
        "lines": newest_lines(run),
        "answers": answers(run),
        "template_title": _template_title(run),
        "template_url": _template_url(run.template_ref),
        "decision": decision,
        "approvers": _approvers(intent),
        "board": board_of(intent, decision, approvals) if decision else Board(),
        "approvals": approvals,
        "moved": moved.look(intent, decision) if decision else None,
        "events": list(_events(intent)[:EVENTS_SHOWN]),
        "may_cancel": may_act
        and intent.state in (State.APPROVED, State.RUNNING)
        and not intent.cancel_asked_at,
        "may_retry": may_act and intent.state == State.FAILED,
        "may_withdraw": may_act and intent.state == State.AWAITING_APPROVAL,
        "rejection": _rejection(intent),
    }


def trial_context(run: Run, viewer: User) -> dict[str, Any]:
    """What the run would make, with the template that was asked for and the answers as they were given.

    Entities that steps fetch are those that `viewer` may see. `trial`, or why there is none (`trial_refusal`).
    """
    found = Entity.objects.select_related("location").filter(ref=run.template_ref).first()
    if found is None:
        return {"trial_refusal": f"The template {run.template_ref} is no longer in the catalogue."}
    if found.document != run.template:
        found.document, found.source_text = run.template, ""
    asked_by = base_context(run.values, run.intent.requested_by)
    try:
        outcome = dry_run.of_entity(
            found, run.values, person=viewer, secrets=run.secret_names, context=asked_by
        )
    except ControlError as refusal:
        return {"trial_refusal": str(refusal)}
    return {"trial": Trial(outcome)}


def _events(intent: Intent) -> QuerySet[AuditEvent]:
    return intent.events.order_by("id")


def _approvers(intent: Intent) -> list[str]:
    """Names of those whose turn it is."""
    if intent.state != State.AWAITING_APPROVAL:
        return []
    return [user.label for user in inbox.eligible(intent)[:APPROVERS_SHOWN]]


def _rejection(intent: Intent) -> Approval | None:
    if intent.state != State.REJECTED:
        return None
    return intent.approvals.with_people().filter(answer=Approval.Answer.REJECTED).first()


def _template_title(run: Run) -> str:
    metadata = run.template.get("metadata") or {}
    return str(metadata.get("title") or metadata.get("name") or run.template_ref)


def _template_url(ref: str) -> str:
    try:
        found = parse(ref)
        return reverse("scaffolder:form", args=[found.namespace, found.name])
    except (RefInvalid, NoReverseMatch):
        return ""


def answers(run: Run) -> list[review.Answer]:
    """The answers under the names that the template's expressions use; secrets by name only."""
    given = [review.Answer(name, review.words_of(value), is_code=True) for name, value in run.values.items()]
    return [*given, *(review.Answer(name, review.NOT_SHOWN, is_quiet=True) for name in run.secret_names)]
