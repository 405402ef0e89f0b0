"""The pages of a template's form: `spec.parameters`, cleaned.

Templates come from many hands. A keyword whose value has the wrong shape is dropped, not guessed at; a `oneOf` of
constants becomes an enum; local `$ref`s are put in place. What cannot be shown at all raises `FormUnreadable`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from scaffolder.forms.feature_flags import is_hidden

Schema = dict[str, Any]
Values = dict[str, Any]
Path = tuple[str | int, ...]

MAX_DEPTH = 12  # nested objects, arrays and conditions
MAX_PARTS = 3_000  # schemas of one template, so that a hostile one cannot keep a worker busy


class FormUnreadable(ValueError):
    """The form cannot be made; the message says where and why."""


@dataclass(frozen=True)
class Page:
    index: int
    title: str
    description: str
    schema: Schema


def pages_of(document: Mapping[str, Any]) -> tuple[Page, ...]:
    """The pages of a template's document. No parameters: no pages. Raises `FormUnreadable`."""
    spec = document.get("spec")
    found = spec.get("parameters") if isinstance(spec, Mapping) else None
    if found is None:
        return ()
    if not isinstance(found, list | dict):
        raise FormUnreadable("spec.parameters is neither a page nor a list of pages.")
    budget = _Budget()
    pages = [raw for raw in (found if isinstance(found, list) else [found]) if not is_hidden(raw)]
    return tuple(_page(index, raw, budget) for index, raw in enumerate(pages))


def _page(index: int, raw: Any, budget: _Budget) -> Page:
    where = f"spec.parameters, page {index + 1}"
    if not isinstance(raw, dict):
        raise FormUnreadable(f"{where} is not an object.")
    if "$yaml" in raw:
        raise FormUnreadable(
            f"{where}: {raw['$yaml']} could not be read. Check that the file is there, then refresh."
        )
    schema = _Cleaner(raw, budget, where).clean(raw, 0)
    schema["type"] = "object"
    schema.setdefault("properties", {})
    return Page(index, schema.pop("title", "") or f"Page {index + 1}", schema.pop("description", ""), schema)


class _Budget:
    def __init__(self) -> None:
        self.left = MAX_PARTS

    def spend(self, where: str, parts: int) -> None:
        self.left -= parts
        if self.left < 0:
            raise FormUnreadable(f"{where}: the form has more than {MAX_PARTS:,} parts. Split the template.")


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
_TEXTS = ("title", "description", "pattern", "format")
_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count
    ),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(("uniqueItems", "readOnly"), lambda value: isinstance(value, bool)),
    "enum": lambda value: isinstance(value, list) and bool(value),
    "enumNames": lambda value: isinstance(value, list),
    "errorMessage": lambda value: isinstance(value, str | dict),
}
_SINGLE = ("if", "then", "else", "not")
_LISTS = ("allOf", "anyOf", "oneOf")


@dataclass
class _Cleaner:
    root: Schema  # where `#/…` references point into
    budget: _Budget
    where: str

    def clean(self, raw: Any, depth: int, through: tuple[str, ...] = ()) -> Schema:
        """A schema of known keywords in the right shapes. `through`: the references on the way here."""
        self.budget.spend(self.where, 1)
        if depth > MAX_DEPTH:
            raise FormUnreadable(f"{self.where}: more than {MAX_DEPTH} levels deep.")
        if raw is False:
            return {"not": {}}
        if not isinstance(raw, dict):
            return {}
        if isinstance(raw.get("$ref"), str):
            raw, through = self._resolved(raw, through)
        # What a reference brings is copied each time, so each time it counts.
        self.budget.spend(self.where, sum(_size(raw[word]) for word in raw if _is_copied(word)) // 20)
        schema = _plain_keywords(raw)
        self._below(raw, schema, depth + 1, through)
        _constants_to_enum(schema)
        return schema

    def _below(self, raw: Schema, schema: Schema, depth: int, through: tuple[str, ...]) -> None:
        if isinstance(properties := raw.get("properties"), dict):
            hidden = {name for name, part in properties.items() if is_hidden(part)}
            schema["properties"] = {
                str(name): self.clean(part, depth, through)
                for name, part in properties.items()
                if name not in hidden
            }
            if hidden and "required" in schema:
                schema["required"] = [name for name in schema["required"] if name not in hidden]
        items = raw.get("items")
        items = items[0] if isinstance(items, list) and items else items
        if isinstance(items, dict):
            schema["items"] = self.clean(items, depth, through)
        for word in _SINGLE:
            if word in raw:
                schema[word] = self.clean(raw[word], depth, through)
        for word in _LISTS:
            if isinstance(raw.get(word), list) and raw[word]:
                schema[word] = [self.clean(part, depth, through) for part in raw[word]]
        if dependencies := self._dependencies(raw, depth, through):
            schema["dependencies"] = dependencies

    def _dependencies(self, raw: Schema, depth: int, through: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for word in ("dependencies", "dependentSchemas", "dependentRequired"):
            entries = raw.get(word)
            for name, value in entries.items() if isinstance(entries, dict) else ():
                if isinstance(value, list):
                    found[str(name)] = {"required": _names(value)}
                elif isinstance(value, dict):
                    found[str(name)] = self.clean(value, depth, through)
        return found

    def _resolved(self, raw: Schema, through: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """`raw` over what its `$ref` points to; a circle or a stranger's address leaves the rest of `raw`."""
        ref = raw["$ref"]
        rest = {key: value for key, value in raw.items() if key != "$ref"}
        target: Any = self.root if ref.startswith("#") and ref not in through else {}
        for part in ref.removeprefix("#").strip("/").split("/"):
            if part and isinstance(target, dict):
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
        return {**(target if isinstance(target, dict) else {}), **rest}, (*through, ref)


def _is_copied(word: str) -> bool:
    return word in ("enum", "enumNames", "default", "const", "errorMessage") or str(word).startswith("ui:")


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 1


def _names(value: Any) -> list[str]:
    return [str(name) for name in value if _is_scalar(name)] if isinstance(value, list) else []


def _plain_keywords(raw: Schema) -> Schema:
    schema: Schema = {word: str(raw[word]) for word in _TEXTS if _is_scalar(raw.get(word))}
    schema |= {
        word: copy.deepcopy(raw[word])
        for word, is_fit in _CHECKS.items()
        if word in raw and is_fit(raw[word])
    }
    schema |= {key: copy.deepcopy(value) for key, value in raw.items() if str(key).startswith("ui:")}
    schema |= {word: copy.deepcopy(raw[word]) for word in ("default", "const") if word in raw}
    if required := _names(raw.get("required")):
        schema["required"] = required
    kinds = raw["type"] if isinstance(raw.get("type"), list) else [raw.get("type")]
    if known := [kind for kind in kinds if isinstance(kind, str) and kind in _TYPES]:
        schema["type"] = known if isinstance(raw.get("type"), list) else known[0]
    return schema


def _constants_to_enum(schema: Schema) -> None:
    """`oneOf: [{const: a, title: A}, …]` says the same as an enum with names."""
    for word in ("oneOf", "anyOf"):
        parts = schema.get(word)
        if not parts or schema.get("type") in ("object", "array"):
            continue
        if all(
            set(part) <= {"const", "title", "description", "type", "enum"} and _constant(part)
            for part in parts
        ):
            schema["enum"] = [_constant(part)[0] for part in parts]
            schema["enumNames"] = [part.get("title", str(_constant(part)[0])) for part in parts]
            schema["x-hints"] = [part.get("description", "") for part in parts]
            del schema[word]


def _constant(part: Schema) -> list[Any]:
    if "const" in part:
        return [part["const"]]
    enum = part.get("enum", [])
    return enum if len(enum) == 1 else []
