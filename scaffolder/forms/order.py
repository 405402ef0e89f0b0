"""The order in which a template's author wrote things: PostgreSQL's jsonb keeps values, but not the order of keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog import yaml12


def as_written(document: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`document` with its keys in the order of `text`, its YAML; parts that came from other files stay as they are."""
    try:
        written = yaml12.load(text) if text else None
    except yaml12.YamlError:
        written = None
    ordered: dict[str, Any] = _ordered(dict(document), written)
    return ordered


def _ordered(value: Any, like: Any) -> Any:
    if isinstance(value, dict) and isinstance(like, dict):
        first = {key: _ordered(value[key], like[key]) for key in like if key in value}
        return {**first, **{key: part for key, part in value.items() if key not in first}}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [_ordered(part, other) for part, other in zip(value, like, strict=True)]
    return value
