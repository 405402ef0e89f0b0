"""Rules, an entity and requests for tests of access, as plain functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from access.capability import NAME
from access.models import Grant
from control import approvals, intents, policy, subjects
from control.capability import Draft
from control.models import Intent, PolicyRevision, State, User

REF = "component:default/payments"
RIGHT = "portico_test_reader"
TARGET = "payments-logs"
RULES = """
apiVersion: portico.dev/v1
kind: Role
metadata: {name: production-logs, title: Production logs, description: Read application logs}
rules: [{resources: [logs], verbs: [read]}]
outside: [{connector: postgresql, target: payments-logs, role: portico_test_reader}]
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: production-logs-all, title: Production logs of all, description: Reads and downloads}
rules: [{resources: [logs], verbs: [read, download]}]
outside: [{connector: postgresql, target: payments-logs, role: portico_test_reader}]
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: staging-logs, title: Staging logs, description: Read application logs in staging}
rules: [{resources: [logs], verbs: [read]}]
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: staging-shell, title: Staging shell, description: Open a shell in staging}
rules: [{resources: [shell], verbs: [open]}]
---
apiVersion: portico.dev/v1
kind: Role
metadata: {name: production-shell, title: Production shell, description: Open a shell in production}
rules: [{resources: [shell], verbs: [open]}]
---
apiVersion: portico.dev/v1
kind: RoleBinding
metadata: {name: owners-read-staging}
subjects: [{kind: Group, name: payments}]
roleRef: {kind: Role, name: staging-logs}
spec: {entities: "kind=component", environments: [staging]}
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: production-logs}
spec:
  roles: [production-logs, production-logs-all]
  subjects: [{kind: Group, name: support}]
  entities: "kind=component,spec.type=service"
  environments: [production]
  maxDuration: 4h
  defaultDuration: 1h
  approval: {anyOf: [{owners: true}], count: 1}
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: staging-shell}
spec:
  roles: [staging-shell]
  subjects: [{kind: Everyone}]
  entities: "kind=component"
  environments: [staging]
  maxDuration: 8h
  approval: none
---
apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: production-shell}
spec:
  roles: [production-shell]
  subjects: [{kind: Group, name: platform}]
  entities: "kind=component"
  environments: [production]
  maxDuration: 1h
  approval: {anyOf: [{owners: true}], count: 1}
"""
NO_SUPPORT = """
---
apiVersion: portico.dev/v1
kind: DenyRule
metadata: {name: no-support}
spec:
  subjects: [{kind: Group, name: support}]
  roles: ["*"]
  message: "Support holds nothing today. Ask the platform team."
"""


def publish(folder: Path, text: str = RULES) -> PolicyRevision:
    path = folder / "rules.yaml"
    path.write_text(text)
    return policy.publish([path], by=None)


def draft(actor: User, **given: Any) -> Draft:
    """Maya's usual wish: production logs of payments for an hour."""
    parameters = {
        "role": given.pop("role", "production-logs"),
        "duration": given.pop("duration", "1h"),
        "starts_at": given.pop("starts_at", ""),
    }
    return Draft(
        capability=NAME,
        actor=actor,
        subject=subjects.resolve(given.pop("ref", REF)),
        environment=given.pop("environment", "production"),
        parameters=parameters,
        reason=given.pop("reason", "Refunds of order 88 fail."),
    )


def ask(actor: User, **given: Any) -> Intent:
    return intents.submit(draft(actor, **given))


def granted(actor: User, *, by: User, **given: Any) -> Grant:
    """Asked for by `actor` and approved by `by`, through the spine."""
    intent = ask(actor, **given)
    approvals.approve(intent.pk, by=by, digest=intent.plan_digest)
    return Grant.objects.get(intent=intent)


def ended_request(actor: User, **fields: Any) -> Intent:
    """An approved request as a row only, for grants with a window of the test's choice."""
    now = timezone.now()
    base: dict[str, Any] = {
        "id": uuid4(),
        "capability": NAME,
        "title": "Production logs of payments",
        "subject_ref": REF,
        "subject_title": "payments",
        "environment": "production",
        "parameters": {
            "role": "production-logs",
            "entity": REF,
            "environment": "production",
            "duration": "1h",
        },
        "state": State.SUCCEEDED,
        "requested_by": actor,
        "requested_at": now - timedelta(days=2),
        "decide_before": now + timedelta(days=5),
        "decided_at": now - timedelta(days=2),
        "plan": {"data": {"role_title": "Production logs"}},
        "plan_digest": "0" * 64,
    }
    return Intent(**{**base, **fields})


def grant_between(actor: User, starts_at: Any, expires_at: Any, **fields: Any) -> Grant:
    """A grant with a window of the test's choice, for questions about the clock."""
    intent = ended_request(actor)
    intent.save(force_insert=True)
    return Grant.objects.create(**_window(actor, intent.pk, starts_at, expires_at, fields))


def many_grants(actors: Iterable[User], count: int) -> None:
    """`count` live grants spread over `actors`, in two statements."""
    people, now = list(actors), timezone.now()
    asked = [ended_request(people[number % len(people)]) for number in range(count)]
    Intent.objects.bulk_create(asked)
    hour = timedelta(hours=1)
    Grant.objects.bulk_create(
        [Grant(**_window(intent.requested_by, intent.pk, now - hour, now + hour, {})) for intent in asked]
    )


def _window(
    actor: User, intent_id: UUID, starts_at: Any, expires_at: Any, fields: dict[str, Any]
) -> dict[str, Any]:
    return {
        "intent_id": intent_id,
        "user": actor,
        "role": "production-logs",
        "role_title": "Production logs",
        "entity_ref": REF,
        "environment": "production",
        "permissions": ["logs:read"],
        "starts_at": starts_at,
        "expires_at": expires_at,
        **fields,
    }
