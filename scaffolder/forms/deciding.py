"""Names of the questions whose answers decide which others are asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scaffolder.forms.schema import Schema


def deciding_names(schema: Schema) -> set[str]:
    return set(_names(schema))


def _names(schema: Schema) -> Iterator[str]:
    for name, dependent in schema.get("dependencies", {}).items():
        yield name
        yield from _names(dependent)
    if "if" in schema:
        yield from _mentioned(schema["if"])
    for word in ("oneOf", "anyOf"):
        for part in schema.get(word, ()):
            yield from part.get("properties", {})
    for part in _parts(schema):
        yield from _names(part)


def _mentioned(condition: Schema) -> Iterator[str]:
    yield from condition.get("required", ())
    for name, part in condition.get("properties", {}).items():
        yield name
        yield from _mentioned(part)
    for part in _parts(condition):
        yield from _mentioned(part)


def _parts(schema: Schema) -> Iterator[Schema]:
    single: list[Any] = [schema.get(word) for word in ("if", "then", "else", "not", "items")]
    several = [*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    yield from (part for part in [*single, *several, *schema.get("properties", {}).values()] if part)
