"""What may stand after `is`: the tests of Nunjucks 3."""

from __future__ import annotations

from collections.abc import Callable

from scaffolder.templating.limits import Budget
from scaffolder.templating.values import (
    UNDEFINED,
    Function,
    Undefined,
    Value,
    is_number,
    less_than,
    strictly_equal,
    to_number,
    truthy,
)

ValueTest = Callable[[Value, Value, Budget], bool]


def _smaller(one: Value, two: Value, budget: Budget) -> bool:
    return less_than(one, two, budget) is True


def _not_smaller(one: Value, two: Value, budget: Budget) -> bool:
    return less_than(one, two, budget) is False


def _equal(one: Value, two: Value, budget: Budget) -> bool:
    return strictly_equal(one, two)


def _greater(one: Value, two: Value, budget: Budget) -> bool:
    return _smaller(two, one, budget)


def _not_greater(one: Value, two: Value, budget: Budget) -> bool:
    return _not_smaller(two, one, budget)


def _divisible(one: Value, two: Value, budget: Budget) -> bool:
    divisor = to_number(two)
    return bool(divisor) and to_number(one) % divisor == 0


TESTS: dict[str, ValueTest] = {
    "callable": lambda one, two, budget: isinstance(one, Function),
    "defined": lambda one, two, budget: not isinstance(one, Undefined),
    "divisibleby": _divisible,
    "eq": _equal,
    "equalto": _equal,
    "even": lambda one, two, budget: to_number(one) % 2 == 0,
    "falsy": lambda one, two, budget: not truthy(one),
    "ge": _not_smaller,
    "greaterthan": _greater,
    "gt": _greater,
    "iterable": lambda one, two, budget: isinstance(one, (str, list)),
    "le": _not_greater,
    "lessthan": _smaller,
    "lower": lambda one, two, budget: isinstance(one, str) and one.lower() == one,
    "lt": _smaller,
    "mapping": lambda one, two, budget: isinstance(one, dict),
    "ne": lambda one, two, budget: not strictly_equal(one, two),
    "none": lambda one, two, budget: one is None,
    "null": lambda one, two, budget: one is None,
    "number": lambda one, two, budget: is_number(one),
    "odd": lambda one, two, budget: to_number(one) % 2 == 1,
    "sameas": _equal,
    "string": lambda one, two, budget: isinstance(one, str),
    "truthy": lambda one, two, budget: truthy(one),
    "undefined": lambda one, two, budget: one is UNDEFINED,
    "upper": lambda one, two, budget: isinstance(one, str) and one.upper() == one,
}
