"""Templates, rules and runs for tests of the scaffolder's pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from catalog.models import Entity
from control import policy
from control.models import Intent, PolicyRevision, State, User
from scaffolder.models import Run, RunLog, RunStep
from tests import factories

AT_ONCE = """
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: templates-at-once}
spec:
  capabilities: [scaffolder.run]
  subjects: [{kind: Everyone}]
  approval: none
"""
OWNERS = AT_ONCE.replace("templates-at-once", "templates-by-owners").replace(
    "approval: none", "approval: {anyOf: [{owners: true}], count: 1}"
)
IN_STAGES = AT_ONCE.replace("templates-at-once", "templates-in-stages").replace(
    "approval: none",
    """approval:
    stages:
      - name: Owners
        anyOf: [{owners: true}]
        escalation: [{after: 4h, anyOf: [{kind: User, name: root.admin}]}]
      - {name: Platform, anyOf: [{kind: User, name: root.admin}]}""",
)
HELLO: dict[str, Any] = {
    "parameters": [
        {
            "title": "What it is",
            "required": ["name"],
            "properties": {"name": {"type": "string", "title": "Name", "pattern": "^[a-z-]+$"}},
        },
        {"title": "Size", "properties": {"size": {"type": "integer", "title": "Size", "default": 3}}},
    ],
    "steps": [
        {
            "id": "say",
            "name": "Say hello",
            "action": "debug:log",
            "input": {"message": "${{ parameters.name }}"},
        }
    ],
}


def publish(folder: Path, text: str) -> PolicyRevision:
    path = folder / "rules.yaml"
    path.write_text(text)
    return policy.publish([path], by=None)


def template(ref: str = "template:default/hello", spec: Mapping[str, Any] = HELLO, **fields: Any) -> Entity:
    """A template as ingestion leaves it."""
    made = factories.entity(ref, **{"owner_ref": "group:default/payments", "type": "service", **fields})
    metadata = {**made.document["metadata"]}
    made.document = {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": metadata,
        "spec": {"type": made.type, "owner": made.owner_ref, **spec},
    }
    made.save()
    return made


def run_of(
    person: User,
    *,
    state: State = State.RUNNING,
    title: str = "Hello: payout-reports",
    ref: str = "template:default/hello",
    lines: int = 0,
    steps: int = 0,
    at: datetime | None = None,
    **fields: Any,
) -> Run:
    """A run as it stands in the middle of things, written directly."""
    now = at or timezone.now()
    has_begun = state in (State.RUNNING, State.SUCCEEDED, State.FAILED)
    intent = Intent.objects.create(
        capability="scaffolder.run",
        title=title,
        subject_ref=ref,
        subject_title="Hello",
        state=state,
        requested_by=person,
        requested_at=now,
        decide_before=now + timedelta(days=7),
        plan_digest="0" * 64,
        decided_at=now,
        started_at=now if has_begun else None,
        finished_at=now + timedelta(seconds=72) if state in (State.SUCCEEDED, State.FAILED) else None,
    )
    document = {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "hello", "title": "Hello"},
        "spec": HELLO,
    }
    run = Run.objects.create(intent=intent, template_ref=ref, template=document, **fields)
    made = [
        RunStep(run=run, index=index, step_id=f"s{index}", name=f"Step number {index}", action="debug:log")
        for index in range(steps)
    ]
    RunStep.objects.bulk_create(made)
    RunLog.objects.bulk_create(
        [RunLog(run=run, text=f"line number {number}") for number in range(1, lines + 1)]
    )
    return run
