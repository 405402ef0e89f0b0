"""What the expressions of template.yaml see: parameters, secrets, steps, each, user and context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.models import Entity
from control.models import User


def base_context(values: Mapping[str, Any], person: User, *, task_id: str = "") -> dict[str, Any]:
    """Without secrets and without steps: those come while the run goes on."""
    return {
        "parameters": dict(values),
        "secrets": {},
        "steps": {},
        "user": {"entity": _entity_of(person), "ref": person.entity_ref or ""},
        "context": {"task": {"id": task_id}},
    }


def _entity_of(person: User) -> dict[str, Any]:
    """The person's catalogue entity; without one, what the account knows in the same shape."""
    found = Entity.objects.filter(ref=person.entity_ref or "").values_list("document", flat=True).first()
    if isinstance(found, dict):
        return found
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "User",
        "metadata": {"name": person.username, "namespace": "default"},
        "spec": {"profile": {"displayName": person.label, "email": person.email}},
    }
