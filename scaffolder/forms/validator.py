"""JSON Schema (Draft 2020-12) with patterns as JavaScript reads them, and none that can run for ever."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import regex
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from scaffolder.forms.schema import Path, Schema

PATTERN_SECONDS = (
    0.25  # templates bring their own patterns, people their own text; together they may never end
)
ALL_SECONDS = 3.0  # of all patterns of one request: a template may bring thousands
_ends_at: ContextVar[float] = ContextVar("patterns_end_at", default=float("inf"))


class PatternUnusable(ValueError):
    """A pattern that cannot be read, or that took too long on this text."""


@contextmanager
def patience() -> Iterator[None]:
    """All patterns within take `ALL_SECONDS` at most; those that come later are unusable."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + ALL_SECONDS))
    try:
        yield
    finally:
        _ends_at.reset(token)


def matches(pattern: str, text: str) -> bool:
    """As JavaScript's `RegExp.test`. Raises `PatternUnusable`."""
    seconds = min(PATTERN_SECONDS, _ends_at.get() - time.monotonic())
    if seconds <= 0:
        raise PatternUnusable(pattern)
    try:
        return _compiled(pattern).search(text, timeout=seconds) is not None
    except (regex.error, TimeoutError) as problem:
        raise PatternUnusable(pattern) from problem


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(_ends_exactly(pattern), regex.ASCII)


_DOLLAR = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$")


def _ends_exactly(pattern: str) -> str:
    """JavaScript's `$` is the very end; Python's also matches before a last line break."""
    return _DOLLAR.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    if not isinstance(instance, str):
        return
    try:
        if not matches(pattern, instance):
            yield ValidationError(f"{instance!r} does not match {pattern!r}")
    except PatternUnusable:
        yield ValidationError("pattern unusable")


_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # jsonschema's


@dataclass(frozen=True)
class Broken:
    """One rule that an answer does not keep: the keyword, what it demands, the answer, the schema and the place."""

    keyword: str
    rule: Any
    value: Any
    schema: Schema
    path: Path
    words: str  # jsonschema's, for developers


def broken_rules(schema: Schema, value: Any) -> Iterator[Broken]:
    for error in _Validator(schema).iter_errors(value):
        path = tuple(error.absolute_path)
        within = error.schema if isinstance(error.schema, dict) else {}
        yield Broken(str(error.validator), error.validator_value, error.instance, within, path, error.message)


def fits(schema: Schema, value: Any) -> bool:
    return bool(_Validator(schema).is_valid(value))
