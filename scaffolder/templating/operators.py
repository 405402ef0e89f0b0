"""The operators of Nunjucks with JavaScript's arithmetic and comparison."""

from __future__ import annotations

import math
from collections.abc import Callable

from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import Budget
from scaffolder.templating.values import (
    Value,
    less_than,
    loosely_equal,
    number,
    primitive,
    strictly_equal,
    text_key,
    to_number,
    to_text,
    truthy,
)


def unary(operator: str, value: Value) -> Value:
    if operator == "not":
        return not truthy(value)
    amount = to_number(value)
    return number(-amount if operator == "-" else amount)


def binary(operator: str, left: Value, right: Value, budget: Budget) -> Value:
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](left, right, budget)
    if operator == "in":
        return contains(right, left, budget)
    if operator == "~":
        return joined(to_text(left, budget), to_text(right, budget), budget)
    if operator == "+":
        return add(left, right, budget)
    return number(_calculated(operator, to_number(left), to_number(right)))


_COMPARISONS: dict[str, Callable[[Value, Value, Budget], bool]] = {
    "==": loosely_equal,
    "!=": lambda left, right, budget: not loosely_equal(left, right, budget),
    "===": lambda left, right, budget: strictly_equal(left, right),
    "!==": lambda left, right, budget: not strictly_equal(left, right),
    "<": lambda left, right, budget: less_than(left, right, budget) is True,
    ">": lambda left, right, budget: less_than(right, left, budget) is True,
    "<=": lambda left, right, budget: less_than(right, left, budget) is False,
    ">=": lambda left, right, budget: less_than(left, right, budget) is False,
}


def joined(left: str, right: str, budget: Budget) -> str:
    budget.room_for_text(len(left) + len(right))
    return left + right


def add(left: Value, right: Value, budget: Budget) -> Value:
    left, right = primitive(left, budget), primitive(right, budget)
    if isinstance(left, str) or isinstance(right, str):
        return joined(to_text(left, budget), to_text(right, budget), budget)
    return number(to_number(left) + to_number(right))


def contains(container: Value, item: Value, budget: Budget) -> bool:
    budget.handle(container)
    if isinstance(container, str):
        return to_text(item, budget) in container
    if isinstance(container, list):
        budget.handle(item if isinstance(item, str) else None, times=len(container))
        return any(strictly_equal(item, candidate) for candidate in container)
    if isinstance(container, dict):
        return text_key(item) in container
    raise ScriptError("`in` needs a list, a text or a map on its right side.")


def _calculated(operator: str, left: float, right: float) -> float:
    """All of JavaScript's numbers are floating point: nothing overflows, and 1 / 0 is Infinity."""
    try:
        match operator:
            case "-":
                return left - right
            case "*":
                return float(left) * float(right)
            case "/":
                return _divided(left, right)
            case "//":
                result = _divided(left, right)
                return math.floor(result) if math.isfinite(result) else result
            case "%":
                return math.fmod(left, right) if right and math.isfinite(left) else math.nan
        power = float(left) ** float(right)
        return power if isinstance(power, float) else math.nan
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.inf


def _divided(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)
