"""JSON Schema that people bring for kinds of their own: what may be in one, and checking with it in bounded time.

Draft 2020-12 and draft 7. Nothing is fetched: references stay inside the schema. Patterns run on RE2, whose time is
linear in the text; every keyword that is looked at is paid from a budget, so that nested alternatives and references in
a circle end too. What RE2 cannot take is refused when the schema is read, not when somebody needs it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any

import re2
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker, SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

Path = tuple[str | int, ...]
LONGEST_SCHEMA = 200_000  # characters as JSON
LONGEST_PATTERN = 1_000  # characters
STEPS, SECONDS = 50_000, 1.0  # of checking one document
MOST_FAULTS = 10
_LOOK_AT_CLOCK_EACH = 64  # steps
_NOT_SUPPORTED = {
    "$dynamicRef": "Write $ref instead.",
    "$recursiveRef": "Write $ref instead.",
    "unevaluatedProperties": "Write additionalProperties instead.",
    "unevaluatedItems": "Write items instead.",
}
_MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_SINGLE = frozenset(
    {
        "items",
        "additionalItems",
        "additionalProperties",
        "contains",
        "propertyNames",
        "not",
        "if",
        "then",
        "else",
    }
)
_DRAFTS = {
    "": Draft202012Validator,
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
    "http://json-schema.org/draft-07/schema": Draft7Validator,
}


class SchemaUnusable(ValueError):
    """A schema that is not taken; `path` is where in it the trouble stands."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class TooCostly(Exception):
    """Checking took more than the budget."""


class _Budget:
    def __init__(self) -> None:
        self._left = STEPS
        self._ends_at = time.monotonic() + SECONDS

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0 or (self._left % _LOOK_AT_CLOCK_EACH == 0 and time.monotonic() > self._ends_at):
            raise TooCostly


_budget: ContextVar[_Budget] = ContextVar("budget_of_a_check")


class Checker:
    """A schema that can be used. Raises `SchemaUnusable` when it cannot."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            draft = _draft_of(schema)
            _look_through(schema)
            draft.check_schema(schema, format_checker=FormatChecker(formats=()))
        except SchemaError as error:
            raise SchemaUnusable(
                tuple(error.absolute_path), f"It is no JSON Schema: {_short(error.message)}."
            ) from error
        except RecursionError as error:
            raise SchemaUnusable((), "It is nested too deep. Flatten it with $defs.") from error
        own = {key: value for key, value in schema.items() if key not in ("$id", "$schema")}
        self._validator: Any = _BOUNDED[draft](own, registry=Registry())

    def broken(self, value: Any) -> list[ValidationError]:
        """The first rules that `value` does not keep. Raises `TooCostly`; `SchemaUnusable` for a $ref to nothing."""
        token = _budget.set(_Budget())
        try:
            return list(islice(self._validator.iter_errors(value), MOST_FAULTS))
        except RecursionError as error:
            raise TooCostly from error
        except Unresolvable as error:
            raise SchemaUnusable((), f"A $ref leads nowhere: {_short(str(error))}.") from error
        finally:
            _budget.reset(token)


def _draft_of(schema: dict[str, Any]) -> Any:
    if len(json.dumps(schema)) > LONGEST_SCHEMA:
        raise SchemaUnusable((), f"It has more than {LONGEST_SCHEMA:,} characters. Make it smaller.")
    named = schema.get("$schema", "")
    draft = _DRAFTS.get(named.removesuffix("#")) if isinstance(named, str) else None
    if draft is None:
        raise SchemaUnusable(
            ("$schema",), "Only JSON Schema draft 2020-12 and draft-07 are known. Write one of them."
        )
    return draft


def _look_through(schema: dict[str, Any]) -> None:
    for inner in schema.values():
        _refuse_other_schemas(inner)
    for path, key, value in _keywords(schema, ()):
        if key in _NOT_SUPPORTED:
            raise SchemaUnusable((*path, key), f"{key} is not supported. {_NOT_SUPPORTED[key]}")
        if key == "$ref" and not (isinstance(value, str) and value.startswith("#")):
            raise SchemaUnusable(
                (*path, key),
                f"$ref {_short(str(value))} leads out of the schema, and nothing is fetched. Copy it into $defs.",
            )
        patterns: Iterable[Any] = [value] if key == "pattern" else value if key == "patternProperties" else ()
        for pattern in patterns:
            if isinstance(pattern, str):
                _checked_pattern(pattern, (*path, key))


def _refuse_other_schemas(value: Any) -> None:
    """Anywhere, as a $ref may lead anywhere: a schema of its own draft would be checked by the library's own rules."""
    if isinstance(value, dict):
        for key in ("$schema", "$id"):
            if isinstance(value.get(key), str):
                raise SchemaUnusable(
                    (), f"{key} below the top is not supported. Write $defs and $ref: '#/$defs/…'."
                )
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_other_schemas(inner)


def _keywords(schema: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    """Every keyword of a schema and of the schemas inside it; data (const, enum, examples) is not entered."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        yield path, key, value
        inner: Iterable[tuple[Any, Any]] = ()
        if key in _MAPS and isinstance(value, dict):
            inner = value.items()
        elif key in _LISTS and isinstance(value, list):
            inner = enumerate(value)
        elif key in _SINGLE:
            yield from _keywords(value, (*path, key))
        for name, found in inner:
            yield from _keywords(found, (*path, key, name))


def _checked_pattern(pattern: str, path: Path) -> None:
    try:
        _compiled(pattern)
    except (re2.error, ValueError) as error:
        raise SchemaUnusable(
            path, f"The pattern {_short(pattern)} cannot be used. Leave out look-around and back references."
        ) from error


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> Any:
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"longer than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _fits(pattern: str, text: str) -> bool:
    _checked_pattern(pattern, ())
    return _compiled(pattern).search(text) is not None


def _pattern(_validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _fits(pattern, instance):
        yield ValidationError(f"does not fit the pattern {pattern}")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, inner in patterns.items():
            for key, value in instance.items():
                if _fits(pattern, key):
                    yield from validator.descend(value, inner, path=key, schema_path=pattern)


def _additional(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, value in instance.items():
        if key in known or any(_fits(pattern, key) for pattern in patterns):
            continue
        if wanted is False:
            yield ValidationError(f"{key} is no field here", path=[key], instance=value)
        else:
            yield from validator.descend(value, wanted, path=key)


def _unique(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    items = instance if wanted and isinstance(instance, list) else []
    if len({json.dumps(item, sort_keys=True) for item in items}) < len(items):
        yield ValidationError("holds something twice")


def _unsupported(_validator: Any, _value: Any, _instance: Any, _schema: Any) -> Iterator[ValidationError]:
    raise SchemaUnusable((), f"One of {', '.join(_NOT_SUPPORTED)} is not supported.")


_OURS = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "uniqueItems": _unique,
    **dict.fromkeys(_NOT_SUPPORTED, _unsupported),
}


def _paid(keyword: Any) -> Any:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _budget.get().spend()
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _bounded(draft: Any) -> Any:
    keywords = {**draft.VALIDATORS, **_OURS}
    return extend(draft, {name: _paid(keyword) for name, keyword in keywords.items()})  # type: ignore[no-untyped-call]


_BOUNDED = {draft: _bounded(draft) for draft in (Draft202012Validator, Draft7Validator)}


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
