"""The page of actions: what each takes, gives and changes, read from its own schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify

from catalog.highlight import SourceLine, source_lines
from scaffolder import actions
from scaffolder.actions.base import Action
from scaffolder.actions.packages import Problem

_MOST_VALUES = 8  # of an enum, before only their number is told


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    description: str
    is_required: bool = False


@dataclass(frozen=True)
class Entry:
    name: str
    anchor: str
    description: str
    inputs: list[Field]
    outputs: list[Field]
    example: list[SourceLine]
    origin: str  # its package, when it is not Portico's own


@dataclass(frozen=True)
class Group:
    """Actions whose names begin alike: `fetch`, `publish`, …"""

    name: str
    entries: list[Entry]


def read(text: str) -> list[Group]:
    """Groups by name; `text` narrows to actions with all of its words in name, description or package."""
    words = text.casefold().split()
    groups: dict[str, list[Entry]] = {}
    for action in actions.every():
        told = f"{action.name} {action.description} {action.origin}".casefold()
        if all(word in told for word in words):
            groups.setdefault(action.name.partition(":")[0], []).append(_entry(action))
    return [Group(name, entries) for name, entries in groups.items()]


def problems() -> Sequence[Problem]:
    """Packages whose actions are missing here."""
    return actions.problems()


def _entry(action: Action) -> Entry:
    return Entry(
        action.name,
        slugify(action.name.replace(":", "-")),
        action.description,
        _fields(action.schema),
        _fields(action.output),
        source_lines(action.example, "yaml").lines,
        action.origin,
    )


def _fields(schema: Mapping[str, Any], prefix: str = "") -> list[Field]:
    """Fields with those within them, as `files[].from`; what is required comes first."""
    required = set(schema.get("required", ()))
    found: list[Field] = []
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in sorted(properties, key=lambda name: name not in required):
        part = properties[name]
        found.append(Field(prefix + name, _type(part), str(part.get("description", "")), name in required))
        whole = _given(part)
        below = whole.get("items") if whole.get("type") == "array" else whole
        mark = "[]." if whole.get("type") == "array" else "."
        if isinstance(below, Mapping) and "properties" in below:
            found += _fields(below, f"{prefix}{name}{mark}")
    return found


def _given(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of something that may be left out, what it is when it is given."""
    some = [option for option in part.get("anyOf", ()) if option.get("type") != "null"]
    return some[0] if len(some) == 1 else part


def _type(part: Mapping[str, Any]) -> str:
    if values := part.get("enum"):
        shown = [str(value) for value in values]
        return " or ".join(shown) if len(shown) <= _MOST_VALUES else f"one of {len(shown)}"
    if options := part.get("anyOf"):
        some = [option for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(_type(option) for option in some))
    if part.get("writeOnly"):
        return "secret"
    kind = part.get("type", "anything")
    if kind == "array":
        inner = part.get("items", {}).get("type", "")
        return f"list of {inner}s" if isinstance(inner, str) and inner else "list"
    return kind if isinstance(kind, str) else " or ".join(kind)
