"""Walks a parsed template over JavaScript values.

No code is generated and no Python attribute can be named: an expression reaches its context and the listed
methods, filters and tests, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from inspect import signature
from typing import Any

from scaffolder.templating import backstage, filters, operators, regexes
from scaffolder.templating import nodes as n
from scaffolder.templating.conditions import TESTS
from scaffolder.templating.errors import LimitReached, ScriptError, TemplatingError
from scaffolder.templating.frames import Frame
from scaffolder.templating.globals import globals_of
from scaffolder.templating.limits import MAX_TEXT, Budget
from scaffolder.templating.methods import bounds, member
from scaffolder.templating.values import (
    UNDEFINED,
    Function,
    Undefined,
    Value,
    keys_of,
    shown,
    strictly_equal,
    text_key,
    to_integer,
    truthy,
)

FILTERS: dict[str, Any] = {**filters.FILTERS, **backstage.FILTERS}
_COMPAT_FILTERS: dict[str, Any] = {**FILTERS, "jsonify": filters.dump}
_COMPAT_NAMES = {"True": True, "False": False, "None": None}


class Evaluator:
    """Renders one template. `context` holds values already (`from_python`)."""

    def __init__(self, context: Mapping[str, Value], budget: Budget, *, compat: bool = False) -> None:
        self.context, self.budget, self.compat = context, budget, compat
        self._globals = globals_of(budget)
        self._frame = Frame()
        self._tags: dict[type[n.Node], Callable[[Any], str]] = {
            n.Text: lambda node: node.text,
            n.Output: lambda node: shown(self.value(node.expression), self.budget),
            n.If: self._if,
            n.For: self._for,
            n.Set: self._set,
            n.Switch: self._switch,
            n.Macro: self._define,
            n.FilterBlock: self._filter_block,
        }
        self._expressions: dict[type[n.Node], Callable[[Any], Value]] = {
            n.Literal: lambda node: node.value,
            n.RegexLiteral: lambda node: regexes.compiled(node.pattern, node.flags),
            n.Name: self._name,
            n.Group: lambda node: self.value(node.expression),
            n.ListLiteral: lambda node: [self.value(item) for item in node.items],
            n.DictLiteral: lambda node: {text_key(self.value(k)): self.value(v) for k, v in node.pairs},
            n.Lookup: lambda node: member(
                self.value(node.target), self.value(node.key), self.budget, compat=self.compat
            ),
            n.Slice: self._slice,
            n.Call: self._call,
            n.Filtered: lambda node: self.filtered(self.value(node.value), node.filter),
            n.Unary: lambda node: operators.unary(node.operator, self.value(node.operand)),
            n.Binary: self._binary,
            n.Is: self._is,
            n.InlineIf: self._inline_if,
        }

    # Tags: each returns its text

    def text(self, body: n.Body) -> str:
        parts, length = [], 0
        for node in body:
            self.budget.pay()
            part = self._placed(node, self._tags)
            length += len(part)
            if length > MAX_TEXT:
                raise LimitReached(f"This makes a text of more than {MAX_TEXT:,} characters.", line=node.line)
            parts.append(part)
        return "".join(parts)

    def value(self, node: n.Node) -> Value:
        self.budget.pay()
        return self._expressions[type(node)](node)

    def _placed(self, node: n.Node, handlers: Mapping[type[n.Node], Callable[[Any], Any]]) -> Any:
        """Run a handler; what goes wrong inside gets the line of `node` unless it has one."""
        try:
            return handlers[type(node)](node)
        except ScriptError as problem:
            raise TemplatingError(str(problem), line=node.line) from None
        except LimitReached as limit:
            if not limit.line:
                limit.line = node.line
            raise

    def _if(self, node: n.If) -> str:
        for test, body in node.branches:
            if truthy(self.value(test)):
                return self.text(body)
        return self.text(node.otherwise)

    def _switch(self, node: n.Switch) -> str:
        subject, parts, matched = self.value(node.subject), [], False
        for test, body in node.cases:
            matched = matched or strictly_equal(subject, self.value(test))
            if matched:
                parts.append(self.text(body))
            if matched and body:
                return "".join(parts)
        return "".join(parts) + self.text(node.otherwise)

    def _for(self, node: n.For) -> str:
        rows = self._rows(node)
        self._frame = Frame(self._frame)
        parts, length = [], 0
        try:
            for index, row in enumerate(rows):
                self._frame.variables.update(zip(node.names, row, strict=False))
                self._frame.variables["loop"] = _loop(index, len(rows))
                parts.append(self.text(node.body))
                length += len(parts[-1])
                self.budget.room_for_text(length if length > MAX_TEXT else len(parts[-1]))
            return "".join(parts) if rows else self.text(node.otherwise)
        finally:
            self._frame = self._frame.parent or self._frame

    def _rows(self, node: n.For) -> list[list[Value]]:
        """What the names of the loop are bound to, turn by turn."""
        source, count = self.value(node.iterable), len(node.names)
        if count > 1 and isinstance(source, dict):
            return [[key, source[key]] for key in keys_of(source)]
        items = list(source) if isinstance(source, (list, str)) else []
        self.budget.room_for_items(len(items))
        if count == 1:
            return [[item] for item in items]
        return [[member(item, place, self.budget) for place in range(count)] for item in items]

    def _set(self, node: n.Set) -> str:
        value = self.text(node.body) if node.value is None else self.value(node.value)
        for name in node.names:
            self._frame.assign(name, value)
        return ""

    def _filter_block(self, node: n.FilterBlock) -> str:
        value: Value = self.text(node.body)
        for call in node.filters:
            value = self.filtered(value, call)
        return shown(value, self.budget)

    def _define(self, node: n.Macro) -> str:
        home = self._frame
        function = Function(
            node.name, lambda positional, keywords: self._expand(node, home, positional, keywords)
        )
        home.variables[node.name] = function
        return ""

    def _expand(
        self, macro: n.Macro, home: Frame, positional: list[Value], keywords: dict[str, Value]
    ) -> str:
        self.budget.descend()
        caller, self._frame = self._frame, Frame(home, isolates=True)
        try:
            for index, (name, fallback) in enumerate(macro.parameters):
                if index < len(positional):
                    self._frame.variables[name] = positional[index]
                elif name in keywords:
                    self._frame.variables[name] = keywords[name]
                elif fallback:
                    self._frame.variables[name] = self.value(fallback)
            return self.text(macro.body)
        finally:
            self._frame = caller
            self.budget.ascend()

    # Expressions: each returns a value

    def _name(self, node: n.Name) -> Value:
        found = self._frame.find(node.name)
        if not isinstance(found, Undefined):
            return found
        if node.name in self.context:
            return self.context[node.name]
        known = self._globals | _COMPAT_NAMES if self.compat else self._globals
        return known.get(node.name, UNDEFINED)

    def _binary(self, node: n.Binary) -> Value:
        left = self.value(node.left)
        if node.operator in ("and", "or"):
            return self.value(node.right) if truthy(left) == (node.operator == "and") else left
        return operators.binary(node.operator, left, self.value(node.right), self.budget)

    def _inline_if(self, node: n.InlineIf) -> Value:
        if truthy(self.value(node.test)):
            return self.value(node.body)
        return self.value(node.otherwise) if node.otherwise else ""

    def _is(self, node: n.Is) -> Value:
        test = TESTS.get(node.test)
        if test is None:
            raise ScriptError(f"There is no test `is {node.test}`.{_similar(node.test, TESTS)}")
        positional, _ = self._arguments(node.arguments)
        return test(self.value(node.value), positional[0] if positional else UNDEFINED, self.budget)

    def _slice(self, node: n.Slice) -> Value:
        target = self.value(node.target)
        if not isinstance(target, (list, str)):
            return UNDEFINED
        self.budget.handle(target)
        start, stop, step = (
            UNDEFINED if p is None else self.value(p) for p in (node.start, node.stop, node.step)
        )
        if isinstance(step, Undefined):
            first, last = bounds(len(target), start, stop)
            return target[first:last]
        places = [None if isinstance(p, Undefined) else to_integer(p) for p in (start, stop)]
        return target[places[0] : places[1] : to_integer(step) or 1]

    def _arguments(self, arguments: n.Arguments) -> tuple[list[Value], dict[str, Value]]:
        positional = [self.value(argument) for argument in arguments.positional]
        return positional, {name: self.value(argument) for name, argument in arguments.keywords}

    def _call(self, node: n.Call) -> Value:
        function = self.value(node.function)
        if not isinstance(function, Function):
            state = "not a function" if truthy(function) else "undefined"
            raise ScriptError(f"{n.quoted(node.function)}() cannot be called: it is {state}.")
        return function.call(*self._arguments(node.arguments))

    def filtered(self, value: Value, call: n.FilterCall) -> Value:
        positional, keywords = self._arguments(call.arguments)
        self.budget.handle(value)
        if call.name in ("select", "reject"):
            return self._selected(value, call.name == "select", positional)
        known = _COMPAT_FILTERS if self.compat else FILTERS
        function = known.get(call.name)
        if function is None:
            raise ScriptError(f"There is no filter {call.name}.{_similar(call.name, known)}")
        names = _parameters(function)
        given = dict(zip(names, positional, strict=False)) | keywords
        return function(value, self.budget, *(given.get(name, UNDEFINED) for name in names))

    def _selected(self, value: Value, wanted: bool, arguments: list[Value]) -> Value:
        name, other = [*arguments, UNDEFINED, UNDEFINED][:2]
        test = TESTS.get("truthy" if isinstance(name, Undefined) else str(name))
        if test is None or not isinstance(value, list):
            raise ScriptError("select and reject take a list and the name of a test.")
        return [item for item in value if test(item, other, self.budget) == wanted]


def _similar(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, known, n=1)
    return f" Is {found[0]} meant?" if found else ""


def _loop(index: int, length: int) -> dict[str, Value]:
    return {
        "index": index + 1,
        "index0": index,
        "revindex": length - index,
        "revindex0": length - index - 1,
        "first": index == 0,
        "last": index == length - 1,
        "length": length,
    }


@cache
def _parameters(function: Callable[..., Value]) -> tuple[str, ...]:
    return tuple(signature(function).parameters)[2:]
