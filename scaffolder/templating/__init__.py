"""Nunjucks templates as Backstage uses them, rendered without Node and without running code of the template.

    render(source, {"values": {}})           text, for skeleton files
    render_value(data, {"parameters": {}})   data, for the inputs of a step; a single expression keeps its type

The language is Nunjucks 3 with JavaScript's rules for truth, equality and text
(docs/decisions/005-templates-are-interpreted.md). Values are plain data; each rendering has a budget of steps,
seconds and characters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scaffolder.templating import nodes as n
from scaffolder.templating.errors import LimitReached, ScriptError, TemplatingError, excerpt_of
from scaffolder.templating.evaluate import Evaluator
from scaffolder.templating.lexer import PLAIN, Syntax
from scaffolder.templating.limits import Budget
from scaffolder.templating.parser import parse
from scaffolder.templating.values import UNDEFINED, Undefined, from_python, to_python, truthy

__all__ = [
    "Budget",
    "LimitReached",
    "Renderer",
    "Syntax",
    "TemplatingError",
    "check",
    "is_true",
    "render",
    "render_value",
]


@dataclass
class Renderer:
    """Renders several sources over one context, which is copied into values once."""

    context: Mapping[str, Any]
    syntax: Syntax = PLAIN
    seconds: float = 10.0  # for one source
    all_seconds: float = 60.0  # for all its sources, from the first one on
    shared: Budget | None = None  # what all sources together may cost, where that must be known beforehand

    def __post_init__(self) -> None:
        """Raises `TemplatingError` for data that is nested too deeply."""
        self._spent = 0.0
        try:
            self._values = from_python(dict(self.context))
        except ScriptError as problem:
            raise TemplatingError(str(problem)) from None

    def text(self, source: str, *, where: str = "") -> str:
        """Raises `TemplatingError` with `where`, the line and the text of the line."""
        if not self._is_marked(source):
            return source
        return str(self._guarded(source, where, lambda body: self._evaluator().text(body)))

    def value(self, source: str, *, where: str = "") -> Any:
        """As Backstage reads a text of template.yaml: one single expression gives its value, with its type.

        Nothing at all (undefined, an empty text) is UNDEFINED.
        """
        if not self._is_marked(source):
            return source or UNDEFINED
        result = self._guarded(source, where, self._typed)
        return UNDEFINED if isinstance(result, Undefined) else result

    def data(self, value: Any, *, where: str = "") -> Any:
        """Every text inside `value` rendered; what comes out undefined is left out of maps, None in lists."""
        found = self._rendered(value, where)
        return None if isinstance(found, Undefined) else found

    def _rendered(self, value: Any, where: str) -> Any:
        if isinstance(value, str):
            return self.value(value, where=where)
        if isinstance(value, Mapping):
            below = f"{where}." if where else ""
            pairs = ((str(key), self._rendered(item, f"{below}{key}")) for key, item in value.items())
            return {key: item for key, item in pairs if not isinstance(item, Undefined)}
        if isinstance(value, (list, tuple)):
            items = [self._rendered(item, f"{where}[{index}]") for index, item in enumerate(value)]
            return [None if isinstance(item, Undefined) else item for item in items]
        return value

    def _is_marked(self, source: str) -> bool:
        return any(mark in source for mark in (self.syntax.variable_start, "{%", "{#"))

    def _evaluator(self) -> Evaluator:
        # Loops and set write to frames, but push() and sort() change lists in place: each source gets a copy.
        budget = self.shared or Budget(seconds=self.seconds)
        budget.pay(self._size)
        return Evaluator(from_python(self._values), budget, compat=self.syntax.compat)

    @cached_property
    def _size(self) -> int:
        """What copying the context costs, in steps."""
        return _count(self._values) // 20

    def _typed(self, body: n.Body) -> Any:
        evaluator = self._evaluator()
        if len(body) == 1 and isinstance(body[0], n.Output):
            found = evaluator.value(body[0].expression)
            return UNDEFINED if isinstance(found, Undefined) else to_python(found, evaluator.budget)
        return evaluator.text(body) or UNDEFINED

    def _guarded(self, source: str, where: str, work: Callable[[n.Body], Any]) -> Any:
        begun_at = time.monotonic()
        try:
            if self._spent > self.all_seconds:
                raise LimitReached(f"All of this takes longer than {self.all_seconds:g} s. Make it simpler.")
            return work(parse(source, self.syntax))
        except ScriptError as problem:
            raise TemplatingError(str(problem), where=where, line=1, excerpt=excerpt_of(source, 1)) from None
        except RecursionError:
            raise TemplatingError("This is nested too deeply to be rendered.", where=where) from None
        except (ArithmeticError, LookupError, TypeError, ValueError) as defect:
            words = f"This expression has no value ({type(defect).__name__}). Write it differently."
            raise TemplatingError(words, where=where, excerpt=excerpt_of(source, 1)) from defect
        except TemplatingError as problem:
            problem.where = where
            problem.excerpt = problem.excerpt or excerpt_of(source, problem.line)
            raise
        finally:
            self._spent += time.monotonic() - begun_at


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def render(source: str, context: Mapping[str, Any], *, syntax: Syntax = PLAIN, where: str = "") -> str:
    return Renderer(context, syntax).text(source, where=where)


def render_value(value: Any, context: Mapping[str, Any], *, where: str = "") -> Any:
    return Renderer(context).data(value, where=where)


def is_true(value: Any) -> bool:
    """Whether a rendered `if` holds: as in JavaScript, but an empty list is false, as Backstage has it."""
    return bool(value) if isinstance(value, list) else truthy(from_python(value))


def check(value: Any, *, where: str = "") -> list[TemplatingError]:
    """The syntax errors of every text inside `value`; nothing is rendered."""
    if isinstance(value, Mapping):
        below = f"{where}." if where else ""
        return [found for key, item in value.items() for found in check(item, where=f"{below}{key}")]
    if isinstance(value, list):
        return [found for at, item in enumerate(value) for found in check(item, where=f"{where}[{at}]")]
    if isinstance(value, str):
        try:
            parse(value)
        except TemplatingError as problem:
            return [problem.at(where)]
    return []
