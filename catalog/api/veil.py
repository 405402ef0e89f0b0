"""What the text of an entity says of others that the person does not see: relations are left out, names blotted out.

Texts come ready from the database; only those that name something hidden are parsed and printed again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from catalog.models import Entity, Problem, Relation
from catalog.visibility import masked, sight_of
from control.models import User

_STATUS_TYPE = "backstage.io/catalog-processing"
# What the entity itself is and where it comes from; not what it says of others.
_OWN = frozenset(
    {
        *(("kind",), ("apiVersion",), ("spec", "type"), ("spec", "lifecycle")),
        *(("metadata", name) for name in ("name", "namespace", "uid", "etag")),
        *(
            ("metadata", "annotations", f"backstage.io/{name}")
            for name in ("managed-by-location", "managed-by-origin-location", "view-url")
        ),
    }
)


def veiled(texts: Mapping[UUID, str], user: User) -> dict[UUID, str]:
    """The texts by entity as `user` may read them. No query for who sees everything, else one, or two with problems."""
    if sight_of(user).is_whole or not texts:
        return dict(texts)
    hidden = _hidden_of(texts, user)
    secrets = _hidden_problems([id for id, text in texts.items() if _STATUS_TYPE in text], user)
    return {id: _veiled(text, hidden.get(id, frozenset()), secrets) for id, text in texts.items()}


def _hidden_of(ids: Iterable[UUID], user: User) -> dict[UUID, frozenset[str]]:
    """Entity → what it is related to and `user` does not see."""
    rows = Relation.objects.filter(
        source__in=list(ids), target_ref__in=Entity.objects.hidden_from(user).values("ref")
    )
    found: dict[UUID, set[str]] = {}
    for id, ref in rows.values_list("source_id", "target_ref"):
        found.setdefault(id, set()).add(ref)
    return {id: frozenset(refs) for id, refs in found.items()}


def _hidden_problems(ids: list[UUID], user: User) -> frozenset[str]:
    if not ids:
        return frozenset()
    of_these = Problem.objects.filter(entity_ref__in=Entity.objects.filter(pk__in=ids).values("ref"))
    visible = Problem.objects.visible_to(user).values("pk")
    return frozenset(of_these.exclude(pk__in=visible).values_list("message", flat=True))


def _veiled(text: str, hidden: frozenset[str], secrets: frozenset[str]) -> str:
    if not hidden and not (secrets and _STATUS_TYPE in text):
        return text
    document: dict[str, Any] = json.loads(text)
    if isinstance(relations := document.get("relations"), list):
        document["relations"] = [one for one in relations if one["targetRef"] not in hidden]
    _drop_problems(document, secrets)
    shown = {
        name: value if name == "relations" and isinstance(value, list) else _masked(value, (name,), hidden)
        for name, value in document.items()
    }
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _drop_problems(document: dict[str, Any], secrets: frozenset[str]) -> None:
    status = document.get("status")
    if isinstance(status, dict) and isinstance(items := status.get("items"), list):
        status["items"] = [one for one in items if one.get("message") not in secrets]


def _masked(value: Any, path: tuple[str, ...], hidden: frozenset[str]) -> Any:
    if path in _OWN:
        return value
    if isinstance(value, str):
        return masked(value, hidden)
    if isinstance(value, list):
        return [_masked(item, path, hidden) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, (*path, key), hidden) for key, item in value.items()}
    return value
