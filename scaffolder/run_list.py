"""The list of runs: mine or all that the person may see, by state and template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from control.models import Intent, State, User
from control.templatetags.times import took
from scaffolder.models import Run
from scaffolder.words import RUN_MARKS

PAGE_SIZE = 50
# What people look for; each is one or more states.
STATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "going": ("Going on", (State.APPROVED, State.RUNNING, State.SUBMITTED)),
    "waiting": ("Waiting for approval", (State.AWAITING_APPROVAL,)),
    "done": ("Done", (State.SUCCEEDED,)),
    "failed": ("Failed", (State.FAILED,)),
    "stopped": (
        "Refused or stopped",
        (State.DENIED, State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.CANCELLED),
    ),
}


@dataclass(frozen=True)
class Row:
    run: Run
    mark: str
    took: str


def rows_of(page: Page[Any]) -> list[Row]:
    return [Row(run, RUN_MARKS[run.intent.state], _took(run.intent)) for run in page.object_list]


def _took(intent: Intent) -> str:
    if intent.started_at is None or intent.finished_at is None:
        return ""
    return took(intent.finished_at - intent.started_at)


def page_of(query: QueryDict, *, user: User) -> Page[Any]:
    """Two queries."""
    visible = Intent.objects.visible_to(user) if query.get("of") == "all" else Intent.objects.involving(user)
    runs = Run.objects.filter(intent__in=visible).select_related("intent__requested_by")
    if known := STATES.get(str(query.get("state"))):
        runs = runs.filter(intent__state__in=known[1])
    if template := str(query.get("template", "")).lower():
        runs = runs.filter(template_ref=template)
    newest = runs.defer("template", "values", "output").order_by("-intent__requested_at", "pk")
    return Paginator(newest, PAGE_SIZE).get_page(query.get("page"))
