"""Runs as Backstage's tasks: asked for, found, stopped, run again. The same functions do it as for the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Case, CharField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse

from catalog.api.asked import Parameters, body_of
from control.api import ApiError, answer_data
from control.errors import InvalidParameters, Refused
from control.models import Intent, State, User
from scaffolder import runs
from scaffolder.api.invalid import invalid
from scaffolder.api.task_documents import CANCELLED, STATUS_OF, states_of, tasks_of
from scaffolder.api.templates import template_of
from scaffolder.forms.validator import patience
from scaffolder.models import Run

MOST_TASKS = 200  # of one answer, each with its whole template
_SECRETS = {"type": "object", "additionalProperties": {"type": "string"}}
_WISH = {
    "type": "object",
    "properties": {
        "templateRef": {"type": "string"},
        "values": {"type": "object"},
        "secrets": _SECRETS,
        # Not Backstage's: what a rule may ask for, and a name of the caller's that makes a second try harmless.
        "reason": {"type": "string"},
        "key": {"type": "string"},
    },
    "required": ["templateRef", "values"],
}
_RETRY = {"type": "object", "properties": {"secrets": _SECRETS}}
_ORDER = re.compile(r"(asc|desc):(.+)")
_STATUS = Case(
    *(When(intent__state=state, then=Value(status)) for state, status in STATUS_OF.items()),
    output_field=CharField(),
)
_ORDERS = {
    "created_at": "intent__requested_at",
    "status": "status",
    "created_by": "intent__requested_by__entity_ref",
}


@patience()
def create(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for a run. What the rules refuse is kept in the record, as on the page, and answered 403."""
    body = body_of(request, _WISH)
    template = template_of(user, body["templateRef"])
    try:
        intent = runs.start(
            template,
            body["values"],
            body.get("secrets"),
            by=user,
            reason=body.get("reason", ""),
            key=_key(body),
        )
    except InvalidParameters as problem:
        return invalid(request, problem)
    if intent.state == State.DENIED:
        raise Refused(f"{_why_denied(intent)} The refused run is kept as task {intent.pk}.")
    return answer_data({"id": str(intent.pk)}, 201)


def _key(body: Mapping[str, Any]) -> UUID:
    try:
        return UUID(body["key"]) if "key" in body else uuid4()
    except ValueError:
        raise ApiError(400, "request/body/key is no UUID. Leave it out, or send one that you made.") from None


def _why_denied(intent: Intent) -> str:
    decision = intent.decisions.latest("id")
    return str(decision.explanation.get("message", "")) or "The rules do not allow this."


def listed(request: HttpRequest, user: User) -> HttpResponse:
    """What the person sees, the newest first, at most `MOST_TASKS` of them; `totalTasks` says how many there are."""
    asked = Parameters(request, "createdBy", "status", "order", "limit", "offset")
    found = _visible(user)
    if creators := asked.many("createdBy"):
        found = found.filter(intent__requested_by__entity_ref__in=[ref.lower() for ref in creators])
    if statuses := asked.many("status"):
        found = found.filter(intent__state__in=states_of(statuses))
    limit, offset = asked.integer("limit"), asked.integer("offset") or 0
    size = MOST_TASKS if limit is None else min(limit, MOST_TASKS)
    page = list(_ordered(found, asked.many("order"))[offset : offset + size])
    return answer_data({"tasks": tasks_of(page, user), "totalTasks": found.count()})


def _ordered(found: QuerySet[Run], wanted: list[str]) -> QuerySet[Run]:
    orders = []
    for text in wanted:
        match = _ORDER.fullmatch(text)
        if match is None:
            raise ApiError(
                400, f'Invalid order parameter "{text[:80]}", expected "<asc or desc>:<field name>"'
            )
        if match[2] not in _ORDERS:
            raise ApiError(400, f'Invalid order field "{match[2][:80]}"')
        orders.append(("-" if match[1] == "desc" else "") + _ORDERS[match[2]])
    return found.annotate(status=_STATUS).order_by(*(orders or ["-intent__requested_at"]), "pk")


def one(_request: HttpRequest, user: User, task_id: str) -> HttpResponse:
    return answer_data(tasks_of([run_of(user, task_id)], user)[0])


def run_of(user: User, task_id: str) -> Run:
    """The run that `user` sees under this id. Raises `ApiError` 404."""
    try:
        found = _visible(user).filter(pk=UUID(task_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise ApiError(404, f"Task with id {task_id[:80]} does not exist")
    return found


def cancel(_request: HttpRequest, user: User, task_id: str) -> HttpResponse:
    """A run that waits for approval is withdrawn; one that runs stops after the step that runs now."""
    runs.stop(run_of(user, task_id).pk, by=user)
    return answer_data({"status": CANCELLED})


@patience()
def retry(request: HttpRequest, user: User, task_id: str) -> HttpResponse:
    """Run a failed run again under its approval; steps that are done stay done."""
    body = body_of(request, _RETRY, is_required=False)
    run = run_of(user, task_id)
    try:
        runs.retry(run.pk, body.get("secrets"), by=user)
    except InvalidParameters as problem:
        return invalid(request, problem)
    return answer_data({"id": str(run.pk)}, 201)


def _visible(user: User) -> QuerySet[Run]:
    visible = Run.objects.filter(intent__in=Intent.objects.visible_to(user))
    return visible.select_related("intent__requested_by")
