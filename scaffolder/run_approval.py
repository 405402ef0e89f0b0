"""`scaffolder.approval`: people whom a step of a template names must agree before the run goes on.

Asked by `approval:wait` alone, in the name of who started the run; decided in the inbox as any other request. It gives
nothing by itself: the run that waits reads the answer (`scaffolder.waiting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from control.capability import Ask, Change, Draft, Plan
from control.durations import compact_duration, parse_duration
from control.errors import InvalidParameters
from control.execution import Execution
from control.models import Approval, Intent, State, User
from control.subjects import resolve
from scaffolder.models import Run

NAME = "scaffolder.approval"
LONGEST_TITLE = 200
LONGEST_MESSAGE = 2_000


def draft(
    run: Intent,
    *,
    title: str,
    message: str,
    deciders: Sequence[str],
    count: int,
    within: timedelta,
    ahead: Sequence[Change],
) -> Draft:
    """What `run` asks these people. `ahead` is what it will change once they agree."""
    return Draft(
        NAME,
        run.requested_by,
        resolve(run.subject_ref),
        environment=run.environment,
        parameters={
            "run": str(run.pk),
            "title": title[:LONGEST_TITLE],
            "message": message[:LONGEST_MESSAGE],
            "deciders": list(deciders),
            "count": count,
            "within": compact_duration(within),
            "ahead": [[change.sign, change.where, change.what] for change in ahead],
        },
    )


class RunApproval:
    name = NAME
    noun = "step of a run"
    holds_when_approved = True  # the run tells how it went on

    def validate(self, draft: Draft) -> Mapping[str, Any]:
        """Only a run that is going on asks, and only in the name of who started it."""
        run = Intent.objects.filter(pk=draft.parameters["run"], state=State.RUNNING).first()
        if run is None or run.requested_by_id != draft.actor.pk:
            raise InvalidParameters({"run": "Only a run that is going on asks for this."})
        return draft.parameters

    def ask(self, draft: Draft) -> Ask:
        given = draft.parameters
        within = parse_duration(given["within"])
        return Ask(self.name, deciders=tuple(given["deciders"]), count=given["count"], decide_within=within)

    def plan(self, draft: Draft) -> Plan:
        given = draft.parameters
        run = Run.objects.select_related("intent").get(pk=given["run"])
        return Plan(
            title=f"{given['title']}: {run.intent.title}"[:300],
            summary=f"{given['message']} The run of {draft.actor.label} goes on when this is agreed.".strip(),
            changes=tuple(Change(*one) for one in given["ahead"]),
            facts=(("Step", given["title"]), *_facts(run)),
            data={"run": given["run"]},
        )

    def narrow(self, intent: Intent, narrowed: Mapping[str, Any]) -> Mapping[str, Any]:
        raise InvalidParameters(
            {"narrow": "A run goes on as it is, or ends. Reject it and say what to change."}
        )

    def on_submitted(self, intent: Intent) -> None:
        """The step keeps that it asked."""

    def on_approved(self, intent: Intent) -> None:
        """The run that waits takes it from here."""

    def on_answer(self, intent: Intent, approval: Approval) -> None:
        """One answer changes nothing before all have agreed."""

    def execute(self, intent: Intent, execution: Execution) -> Mapping[str, Any]:
        return {}

    def url(self, intent: Intent) -> str:
        return ""  # its page is that of the inbox: who decides may not see the whole run

    def inbox_facts(self, intent: Intent, approver: User) -> Mapping[str, Any]:
        return {}

    def warnings(self, intents: Sequence[Intent]) -> Mapping[UUID, Sequence[tuple[str, str]]]:
        return {}


def _facts(run: Run) -> list[tuple[str, str]]:
    """What the run's own plan told: template and answers."""
    return [(str(label), str(value)) for label, value in run.intent.plan.get("facts", ())]
