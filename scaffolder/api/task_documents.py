"""A run as one of Backstage's tasks: its status, its specification, its moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from catalog.models import Entity
from control.models import Intent, State, User
from scaffolder.models import Run

OPEN, PROCESSING, COMPLETED, FAILED, CANCELLED, SKIPPED = (
    "open",
    "processing",
    "completed",
    "failed",
    "cancelled",
    "skipped",
)
# A run that waits for somebody's approval is open: its events say for whose.
STATUS_OF: dict[str, str] = {
    State.SUBMITTED: OPEN,
    State.AWAITING_APPROVAL: OPEN,
    State.APPROVED: OPEN,
    State.RUNNING: PROCESSING,
    State.SUCCEEDED: COMPLETED,
    State.FAILED: FAILED,
    State.DENIED: FAILED,
    State.REJECTED: FAILED,
    State.EXPIRED: FAILED,
    State.WITHDRAWN: CANCELLED,
    State.CANCELLED: CANCELLED,
}


def states_of(statuses: Iterable[str]) -> list[str]:
    wanted = set(statuses)
    return [state for state, status in STATUS_OF.items() if status in wanted]


def tasks_of(runs: Sequence[Run], viewer: User) -> list[dict[str, Any]]:
    """One query, for the entities of those who asked; a person that `viewer` does not see is named only."""
    refs = {run.intent.requested_by.entity_ref for run in runs if run.intent.requested_by.entity_ref}
    people = dict(Entity.objects.visible_to(viewer).filter(ref__in=refs).values_list("ref", "document"))
    return [_task(run, people.get(run.intent.requested_by.entity_ref or "")) for run in runs]


def moment(at: datetime) -> str:
    """As JavaScript writes it: `2026-11-29T08:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _task(run: Run, person: Mapping[str, Any] | None) -> dict[str, Any]:
    intent = run.intent
    task = {
        "id": str(run.pk),
        "spec": _spec(run, person),
        "status": STATUS_OF[intent.state],
        "createdAt": moment(intent.requested_at),
        "lastHeartbeatAt": moment(_last_sign(intent)),
        "createdBy": intent.requested_by.entity_ref,
    }
    return {name: value for name, value in task.items() if value is not None}


def _last_sign(intent: Intent) -> datetime:
    """When a worker was last known to be at it; of a run that no worker touched, when it was asked for."""
    if intent.lease_expires_at:
        return intent.lease_expires_at - timedelta(seconds=settings.PORTICO_LEASE_SECONDS)
    return intent.finished_at or intent.started_at or intent.requested_at


def _spec(run: Run, person: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was asked for, without secrets: those are no part of a run's answers."""
    spec = run.template["spec"]
    user = {"entity": person, "ref": run.intent.requested_by.entity_ref}
    return {
        "apiVersion": run.template["apiVersion"],
        "steps": [
            {
                **step,
                "id": str(step.get("id") or f"step-{index}"),
                "name": str(step.get("name") or step.get("action")),
            }
            for index, step in enumerate(spec["steps"], 1)
        ],
        "output": spec.get("output") or {},
        "parameters": run.values,
        "user": {name: value for name, value in user.items() if value is not None},
        "templateInfo": {
            "entityRef": run.template_ref,
            "entity": {"metadata": run.template["metadata"]},
        },
    }
