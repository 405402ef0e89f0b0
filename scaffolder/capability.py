"""Running a template, as a capability of the spine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from catalog.models import Entity
from control.capability import Ask, Draft, Plan
from control.errors import InvalidParameters
from control.execution import Execution
from control.models import Approval, Intent, User
from scaffolder import answers, document, planning, running, runs, waiting
from scaffolder.errors import TemplateUnusable
from scaffolder.forms.validator import patience
from scaffolder.models import Run
from scaffolder.templating import TemplatingError


class ScaffolderRun:
    name = runs.CAPABILITY
    noun = "template run"
    holds_when_approved = False

    @patience()
    def validate(self, draft: Draft) -> Mapping[str, Any]:
        if "secrets" in draft.parameters:
            raise InvalidParameters(
                {"secrets": "Secrets are not sent among the parameters, which are kept in clear."}
            )
        template = _template(draft)
        _blueprint(template)
        values = answers.checked_values(template.document, draft.parameters.get("values", {}), draft.actor)
        return {"template": template.ref, "values": values}

    def ask(self, draft: Draft) -> Ask:
        return Ask(self.name)

    @patience()
    def plan(self, draft: Draft) -> Plan:
        template = _template(draft)
        values = draft.parameters["values"]
        try:
            return planning.plan_of(_blueprint(template), template.document, values, draft.actor)
        except TemplatingError as problem:
            raise InvalidParameters({"values": str(problem)}) from None

    def narrow(self, intent: Intent, narrowed: Mapping[str, Any]) -> Mapping[str, Any]:
        raise InvalidParameters(
            {"values": "A run is approved as it was asked for. Reject it and say what to change."}
        )

    def on_submitted(self, intent: Intent) -> None:
        found = Entity.objects.get(ref=intent.subject_ref)
        runs.record(intent, found.document, document.read(found.document))

    def on_approved(self, intent: Intent) -> None:
        """Nothing holds before a worker runs it."""

    def execute(self, intent: Intent, execution: Execution) -> Mapping[str, Any]:
        return running.execute(intent, execution)

    def url(self, intent: Intent) -> str:
        return reverse("scaffolder:run", args=[intent.pk])

    def inbox_facts(self, intent: Intent, approver: User) -> Mapping[str, Any]:
        return {"closer": ("See what it would create", reverse("scaffolder:run_trial", args=[intent.pk]))}

    def warnings(self, intents: Sequence[Intent]) -> Mapping[UUID, Sequence[tuple[str, str]]]:
        return {}

    def on_cancelled(self, intent: Intent) -> None:
        """Also when no worker had it: it waited for people, or had not begun."""
        running.cancel_rest(Run.objects.get(pk=intent.pk))
        waiting.call_off(intent)

    def on_answer(self, intent: Intent, approval: Approval) -> None:
        if approval.answer == Approval.Answer.REJECTED:
            runs.forget(intent.pk)


def _template(draft: Draft) -> Entity:
    """The template as its actor sees it. Raises `InvalidParameters`."""
    ref = str(draft.parameters.get("template") or draft.subject.ref)
    found = Entity.objects.visible_to(draft.actor).filter(ref=ref.lower(), kind="template").first()
    if found is None or found.ref != draft.subject.ref:
        raise InvalidParameters(
            {"template": f"There is no template {ref}. Choose one from the list of templates."}
        )
    return found


def _blueprint(template: Entity) -> document.Blueprint:
    try:
        return document.read(template.document)
    except TemplateUnusable as problem:
        raise InvalidParameters({"template": str(problem)}) from None
