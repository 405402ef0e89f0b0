"""What happened in a run, as the events of Backstage's tasks, and where to go on reading them.

Three things that grow are told in one order: lines of the log, entries of the record, steps that are done. How far
somebody has read of each is one number, the `id` of the last event that they saw, so nothing is told twice or left out
whichever of the three grew meanwhile. Nothing is written for it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from control import clock
from control.models import AuditEvent, Intent
from scaffolder.api.task_documents import COMPLETED, FAILED, PROCESSING, SKIPPED, STATUS_OF, moment
from scaffolder.models import Run, RunLog, RunStep

MOST_LINES = 1_000  # of the log in one answer; the rest comes with the next
MOST_NAMED = 10  # of those who may agree
_STEP_BITS, _RECORD_BITS = 8, 10  # of an id; a template has at most 200 steps
MOST_ENTRIES = 2**_RECORD_BITS - 1  # of the record; what happens to a run after so many is not told
LARGEST_ID = 2**53 - 1  # what JavaScript counts exactly
_ENDS = frozenset(
    f"intent.{end}"
    for end in ("succeeded", "failed", "cancelled", "denied", "rejected", "expired", "withdrawn")
)
_RETRIED, _ASKED = "intent.retried", "intent.approval_needed"
_TYPES = {"intent.cancel_asked": "cancelled", _RETRIED: "recovered"}
_STEP_ENDS: dict[str, tuple[str, str]] = {
    RunStep.State.SUCCEEDED: (COMPLETED, "Finished"),
    RunStep.State.SKIPPED: (SKIPPED, "Skipped"),
}


@dataclass(frozen=True)
class Mark:
    """How far somebody has read: id of the last line, entries of the record, steps that are done."""

    line: int = 0
    entry: int = 0
    step: int = 0

    @classmethod
    def of(cls, event_id: int) -> Mark:
        rest, step = divmod(event_id, 2**_STEP_BITS)
        line, entry = divmod(rest, 2**_RECORD_BITS)
        return cls(line, entry, step)

    @property
    def event_id(self) -> int:
        return ((self.line << _RECORD_BITS) + self.entry << _STEP_BITS) + self.step


@dataclass(frozen=True)
class Batch:
    """Events in order and where to go on; with `is_over` the last of them tells the end of the run."""

    events: list[dict[str, Any]]
    mark: Mark
    is_over: bool = False


@dataclass(frozen=True)
class _Told:
    """An event before it has its number; `part` of the mark moves to `to`."""

    at: datetime
    body: dict[str, Any]
    part: str
    to: int
    type: str = "log"


def events_after(run_id: UUID, mark: Mark) -> Batch:
    """What came since. The end of a run that is over is told every time, as Backstage does. At most six queries."""
    # The state is read first: who is over by then has all its entries, and what ends now is over the next time.
    intent = Intent.objects.defer("plan", "parameters").get(pk=run_id)
    entries = list(intent.events.order_by("id")[:MOST_ENTRIES])
    end = _end_of(entries)
    ended = entries[end] if end is not None and intent.is_final else None
    steps = {step.pk: step for step in RunStep.objects.filter(run=run_id).defer("output").order_by("index")}
    lines = list(RunLog.objects.filter(run=run_id, id__gt=mark.line).order_by("id")[: MOST_LINES + 1])
    told = list(
        heapq.merge(
            (_of_line(line, steps) for line in lines[:MOST_LINES]),
            _of_record(intent, entries[:end], mark.entry),
            _of_steps(steps.values(), mark.step),
            key=lambda one: one.at,
        )
    )
    has_more = len(lines) > MOST_LINES
    if has_more:  # what is later than these lines is told after those that follow
        told = told[: 1 + max(at for at, one in enumerate(told) if one.part == "line")]
    events, mark = _numbered(run_id, told, mark)
    if has_more or not intent.is_final:
        return Batch(events, mark)
    mark = replace(mark, entry=len(entries) if end is None else end + 1)
    return Batch([*events, _event(run_id, _completion(intent, ended, mark), mark)], mark, is_over=True)


def _end_of(entries: Sequence[AuditEvent]) -> int | None:
    """Where the entry is that tells the end of the newest turn; None when a turn goes on."""
    for index in range(len(entries) - 1, -1, -1):
        if entries[index].action == _RETRIED:
            return None
        if entries[index].action in _ENDS:
            return index
    return None


def _of_line(line: RunLog, steps: Mapping[int, RunStep]) -> _Told:
    step = steps.get(line.step_id or 0)
    body: dict[str, Any] = {"message": line.text}
    if step is not None:
        body["stepId"] = step.step_id
        if line.level == RunLog.Level.COMMAND:
            body |= {"message": f"Beginning step {step.name}", "status": PROCESSING}
        elif line.level == RunLog.Level.ERROR:
            body["status"] = FAILED
    return _Told(line.at, body, "line", line.pk)


def _of_record(intent: Intent, entries: Sequence[AuditEvent], begin: int) -> Iterator[_Told]:
    for index, entry in enumerate(entries[begin:], begin):
        message = entry.summary + (f". {entry.detail}" if entry.detail else "")
        if entry.action == _ASKED:
            message += f" Asked: {_who(intent)}."
        yield _Told(entry.at, {"message": message}, "entry", index + 1, _TYPES.get(entry.action, "log"))


def _who(intent: Intent) -> str:
    """Names of those who may agree, as the decision knew them."""
    names = [str(one.get("name")) for one in intent.decisions.latest("id").explanation.get("approvers", [])]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _of_steps(steps: Iterable[RunStep], begin: int) -> Iterator[_Told]:
    done = list(takewhile(lambda step: step.state in _STEP_ENDS, steps))
    for index, step in enumerate(done[begin:], begin):
        status, verb = _STEP_ENDS[step.state]
        body = {"message": f"{verb} step {step.name}", "stepId": step.step_id, "status": status}
        yield _Told(step.finished_at or clock.now(), body, "step", index + 1)


def _numbered(run_id: UUID, told: Sequence[_Told], mark: Mark) -> tuple[list[dict[str, Any]], Mark]:
    events = []
    for one in told:
        mark = replace(mark, **{one.part: one.to})
        events.append(_event(run_id, one, mark))
    return events, mark


def _event(run_id: UUID, told: _Told, mark: Mark) -> dict[str, Any]:
    return {
        "id": mark.event_id,
        "taskId": str(run_id),
        "body": told.body,
        "type": told.type,
        "createdAt": moment(told.at),
    }


def _completion(intent: Intent, ended: AuditEvent | None, mark: Mark) -> _Told:
    status = STATUS_OF[intent.state]
    words = f"Run completed with status: {status}"
    body: dict[str, Any] = {"message": words, "status": status}
    if status == COMPLETED:
        body["output"] = Run.objects.values_list("output", flat=True).get(pk=intent.pk)
    else:
        said = (ended.detail or ended.summary) if ended else intent.error
        body["error"] = {"name": "Error", "message": said or str(intent.get_state_display())}
    at = ended.at if ended else intent.finished_at or intent.requested_at
    return _Told(at, body, "entry", mark.entry, "completion")
