"""Conditional parts of a schema, decided for given answers: what is left asks exactly what these answers must contain.

`dependencies`, `if/then/else` and `allOf` are decided by the answers. A `oneOf` or `anyOf` whose parts tell
themselves apart by a property that is asked anyway is decided by it; any other is a choice that the form asks
(`x-choices`). Where a part only constrains and brings no field of its own, it stays for the validator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffolder.forms.schema import Path, Schema
from scaffolder.forms.validator import fits

Choices = Mapping[str, int]  # key of a choice → the part chosen
_DECIDED_HERE = {"if", "then", "else", "allOf", "oneOf", "anyOf", "dependencies"}


def settle(schema: Schema, value: Any, choices: Choices, path: Path = ()) -> Schema:
    """`schema` without conditions, down to every answer; each row of an array has its own in `prefixItems`."""
    flat = _Settling(value, choices, path).flat(schema)
    if "properties" in flat:
        given = value if isinstance(value, dict) else {}
        flat["properties"] = {
            name: settle(part, given.get(name), choices, (*path, name))
            for name, part in flat["properties"].items()
        }
    if "items" in flat and isinstance(value, list):
        rows = enumerate(value)
        flat["prefixItems"] = [settle(flat["items"], row, choices, (*path, index)) for index, row in rows]
    return flat


def row_schema(schema: Schema, index: int, choices: Choices, path: Path) -> Schema:
    """The settled schema of one row, also of one that has no answers yet."""
    rows: list[Schema] = schema.get("prefixItems", [])
    return (
        rows[index] if index < len(rows) else settle(schema.get("items", {}), None, choices, (*path, index))
    )


class _Settling:
    """One level: the conditions of one schema for one value."""

    def __init__(self, value: Any, choices: Choices, path: Path) -> None:
        self.value = value
        self.given: Mapping[str, Any] = value if isinstance(value, dict) else {}
        self.choices = choices
        self.path = path
        self.asked = 0  # choices met so far, part of their keys

    def flat(self, schema: Schema) -> Schema:
        result = {word: part for word, part in schema.items() if word not in _DECIDED_HERE}
        for part in self._parts(schema):
            result = merge(result, self.flat(part))
        return result

    def _parts(self, schema: Schema) -> Iterator[Schema]:
        yield from schema.get("allOf", ())
        if "if" in schema:
            yield schema.get("then" if fits(schema["if"], self._known()) else "else", {})
        for name, dependent in schema.get("dependencies", {}).items():
            if name in self.given:
                yield from self._dependent(name, dependent)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                yield from self._alternatives(word, schema)

    def _known(self) -> Any:
        return {} if self.value is None else self.value

    def _dependent(self, name: str, dependent: Schema) -> Iterator[Schema]:
        for word in ("oneOf", "anyOf"):
            parts = dependent.get(word, [])
            if parts and all(name in part.get("properties", {}) for part in parts):
                yield {key: rest for key, rest in dependent.items() if key != word}
                yield from self._told_apart(name, parts)
                return
        yield dependent

    def _told_apart(self, name: str, parts: list[Schema]) -> Iterator[Schema]:
        """The part whose `name` fits the answer, without `name` itself: that field is asked by its own schema."""
        for part in parts:
            if fits(part["properties"][name], self.given.get(name)):
                rest = {key: sub for key, sub in part["properties"].items() if key != name}
                yield {**part, "properties": rest}
                return

    def _alternatives(self, word: str, schema: Schema) -> Iterator[Schema]:
        parts: list[Schema] = schema[word]
        if not any(_brings_fields(part) for part in parts):
            yield {"x-rules": [{word: parts}]}
        elif name := _discriminator(parts, schema.get("properties", {})):
            yield from self._told_apart(name, parts)
        else:
            self.asked += 1
            key = f"{'/'.join(map(str, self.path))}:{word}:{self.asked}"
            chosen = self._chosen(key, parts)
            titles = [_title(part, index) for index, part in enumerate(parts)]
            yield {"x-choices": [{"key": key, "titles": titles, "chosen": chosen}]}
            yield {keyword: sub for keyword, sub in parts[chosen].items() if keyword != "title"}

    def _chosen(self, key: str, parts: list[Schema]) -> int:
        chosen = self.choices.get(key, -1)
        if 0 <= chosen < len(parts):
            return chosen
        if self.value not in (None, {}, "", []):
            return next((index for index, part in enumerate(parts) if fits(part, self.value)), 0)
        return 0


def _brings_fields(part: Schema) -> bool:
    return any(word in part for word in ("properties", "type", "items", "enum", "oneOf", "anyOf", "allOf"))


def _discriminator(parts: list[Schema], asked: Mapping[str, Schema]) -> str:
    """A property that the schema asks anyway and that every part fixes to its own values."""
    for name in asked:
        fixed = [part.get("properties", {}).get(name, {}) for part in parts]
        if all("const" in one or "enum" in one for one in fixed):
            return name
    return ""


def _title(part: Schema, index: int) -> str:
    if title := part.get("title"):
        return str(title)
    names = [sub.get("title") or name for name, sub in part.get("properties", {}).items()]
    return ", ".join(names[:3]) or str(part.get("const", part.get("type", f"Option {index + 1}")))


def merge(one: Schema, other: Schema) -> Schema:
    """Both together; where they contradict each other, `other` (the more special part) has its way."""
    result = {**one, **other}
    for word in ("required", "x-choices", "x-rules"):
        if word in one and word in other:
            result[word] = one[word] + [entry for entry in other[word] if entry not in one[word]]
    if "properties" in one and "properties" in other:
        mine, theirs = one["properties"], other["properties"]
        both = {name: merge(mine[name], theirs[name]) for name in mine if name in theirs}
        result["properties"] = {**mine, **theirs, **both}
    if "enum" in one and "enum" in other:
        _merge_enums(result, one, other)
    return result


def _merge_enums(result: Schema, one: Schema, other: Schema) -> None:
    """The values that both allow, in the first one's order and words."""
    names = one.get("enumNames", [])
    kept = [
        (value, names[i] if i < len(names) else None)
        for i, value in enumerate(one["enum"])
        if value in other["enum"]
    ]
    if not kept:
        return
    result["enum"] = [value for value, _ in kept]
    if names and "enumNames" not in other:
        result["enumNames"] = [name for _, name in kept]
