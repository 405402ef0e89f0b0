"""Rule documents as text that people read: fields in the order in which they are written."""

from __future__ import annotations

from typing import Any

import yaml

# PostgreSQL keeps the keys of JSON by length; a reader wants them from what it is to how it is decided.
_ORDER = (
    *("apiVersion", "kind", "metadata", "name", "title", "description", "labels", "annotations"),
    *("subjects", "roleRef", "rules", "resources", "verbs", "outside", "connector", "target", "role", "spec"),
    *(
        "roles",
        "capabilities",
        "subjects",
        "entities",
        "visibleTo",
        "environments",
        "maxDuration",
        "defaultDuration",
    ),
    *(
        "startWithin",
        "extensions",
        "timeZone",
        "when",
        "expression",
        "reason",
        "required",
        "ticket",
        "hint",
        "url",
    ),
    *(
        "decideWithin",
        "approval",
        "distinct",
        "stages",
        "allOf",
        "anyOf",
        "owners",
        "count",
        "escalation",
        "after",
    ),
    *("start", "shift", "people", "overrides", "from", "until", "total", "message"),
)
_RANKS = {name: rank for rank, name in enumerate(_ORDER)}
WIDTH = 100  # letters in a line


def text_of(document: Any) -> str:
    """YAML that would be read back as the same document."""
    written: str = yaml.safe_dump(
        _ordered(document), sort_keys=False, allow_unicode=True, default_flow_style=None, width=WIDTH
    )
    return written


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=_rank)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _rank(key: str) -> tuple[int, str]:
    return _RANKS.get(key, len(_ORDER)), key
