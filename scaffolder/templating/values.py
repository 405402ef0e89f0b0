"""JavaScript's values in Python: what is true, equal, smaller, and how things become texts and numbers.

A value is UNDEFINED, None, bool, int, float, str, list, dict with text keys, Function or Regex. Nothing else
ever gets in (`from_python`), so an expression has no Python object to reach into.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import MAX_TEXT, Budget

Value = Any

_EXACT_INTEGER = 2**53
_NUMBER = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,64}")
_INDEX = re.compile(r"0|[1-9]\d{0,8}")


class Undefined:
    """JavaScript's `undefined`; there is one, `UNDEFINED`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """Something a template may call: `call(positional, keywords)`."""

    name: str
    call: Callable[[list[Value], dict[str, Value]], Value]


@dataclass(frozen=True, slots=True, eq=False)
class Regex:
    pattern: Any  # a compiled RE2 pattern: its time is linear in the text
    is_global: bool
    source: str = ""  # as it was written: /…/flags


def from_python(value: Any, depth: int = 0) -> Value:
    """A copy of plain data as a value. Whatever is not plain data becomes its text."""
    if value is None or isinstance(value, (bool, Undefined, Function)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, float)):
        return number(value)
    if depth > 100:
        raise ScriptError("The data is nested too deeply.")
    if isinstance(value, dict):
        return {text_key(key): from_python(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [from_python(item, depth + 1) for item in value]
    return str(value)


def text_key(key: Any) -> str:
    return key if isinstance(key, str) else to_text(from_python(key))


def to_python(value: Value, budget: Budget) -> Any:
    """A value as JSON data; inside lists and at the top undefined is UNDEFINED's JSON form, None."""
    budget.pay()
    if isinstance(value, list):
        budget.descend()
        items = [to_python(item, budget) for item in value]
        budget.ascend()
        return items
    if isinstance(value, dict):
        budget.descend()
        pairs = {key: to_python(item, budget) for key, item in value.items() if _is_data(item)}
        budget.ascend()
        return pairs
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if _is_data(value) else None


def _is_data(value: Value) -> bool:
    return not isinstance(value, (Undefined, Function))


def number(value: float) -> Value:
    """A number in its plainest form: whole numbers are int, as they print."""
    if isinstance(value, int):
        return value if -_EXACT_INTEGER <= value <= _EXACT_INTEGER else _as_float(value)
    if value.is_integer() and abs(value) <= _EXACT_INTEGER:
        return int(value)
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def truthy(value: Value) -> bool:
    """Empty lists and maps are true in JavaScript; empty texts, 0, NaN, null and undefined are not."""
    if isinstance(value, (list, dict, Function, Regex)):
        return True
    return bool(value) and value == value


def number_text(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    digits = repr(value)
    if "e" not in digits:
        return digits.removesuffix(".0")
    mantissa, exponent = digits.split("e")
    if -7 < int(exponent) < 21:
        return format(Decimal(digits), "f").removesuffix(".0")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def to_text(value: Value, budget: Budget | None = None) -> str:
    """JavaScript's String(value)."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        return join(value, ",", budget or Budget())
    if isinstance(value, Undefined):
        return "undefined"
    if isinstance(value, Regex):
        return value.source
    return "[object Object]" if isinstance(value, dict) else "[function]"


def join(items: Iterable[Value], separator: str, budget: Budget) -> str:
    """Array.prototype.join: null and undefined are empty."""
    budget.descend()
    parts, length = [], 0
    for item in items:
        part = "" if item is None or isinstance(item, Undefined) else to_text(item, budget)
        length += len(part) + len(separator)
        budget.room_for_text(length if length > MAX_TEXT else len(part))
        parts.append(part)
    budget.ascend()
    return separator.join(parts)


def shown(value: Value, budget: Budget) -> str:
    """What `${{ value }}` prints."""
    return "" if value is None or isinstance(value, Undefined) else to_text(value, budget)


def to_number(value: Value) -> float:
    """JavaScript's Number(value)."""
    if isinstance(value, (bool, int, float)):
        return int(value) if isinstance(value, bool) else value
    if value is None:
        return 0
    if isinstance(value, list):
        value = to_text(value)
    if not isinstance(value, str):
        return math.nan
    return _parsed_number(value.strip())


def _parsed_number(text: str) -> float:
    if not text:
        return 0
    if _HEX.fullmatch(text):
        return float(int(text, 16))
    if len(text) < 400 and _NUMBER.fullmatch(text):
        return float(number(float(text.replace("Infinity", "inf"))))
    return math.nan


def to_integer(value: Value, default: int = 0) -> int:
    """A position or count: truncated, NaN counts as 0, far out as 2^53."""
    if isinstance(value, Undefined):
        return default
    wanted = to_number(value)
    if math.isnan(wanted):
        return 0
    return int(max(-_EXACT_INTEGER, min(_EXACT_INTEGER, wanted)))


def primitive(value: Value, budget: Budget) -> Value:
    return to_text(value, budget) if isinstance(value, (list, dict, Function, Regex)) else value


def strictly_equal(left: Value, right: Value) -> bool:
    if isinstance(left, (list, dict, Function, Regex, Undefined)) or left is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


def loosely_equal(left: Value, right: Value, budget: Budget) -> bool:
    """JavaScript's `==`."""
    nothing = [side is None or isinstance(side, Undefined) for side in (left, right)]
    if any(nothing):
        return all(nothing)
    containers = [isinstance(side, (list, dict, Function, Regex)) for side in (left, right)]
    if all(containers):
        return left is right
    left, right = primitive(left, budget), primitive(right, budget)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return to_number(left) == to_number(right)


def less_than(left: Value, right: Value, budget: Budget) -> bool | None:
    """`left < right`; None when one of them is not a number (every comparison is false then)."""
    left, right = primitive(left, budget), primitive(right, budget)
    if isinstance(left, str) and isinstance(right, str):
        budget.handle(min(left, right, key=len))
        return left < right
    first, second = to_number(left), to_number(right)
    return None if math.isnan(first) or math.isnan(second) else first < second


def keys_of(value: dict[str, Value]) -> list[str]:
    """JavaScript lists whole-number keys first, in their order."""
    indexes = [key for key in value if _INDEX.fullmatch(key)]
    if not indexes:
        return list(value)
    return sorted(indexes, key=int) + [key for key in value if not _INDEX.fullmatch(key)]


def position_in(key: Value, length: int) -> int | None:
    """`key` as a position in something of that length, or None."""
    if isinstance(key, str) and _INDEX.fullmatch(key):
        key = int(key)
    return key if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < length else None


def stringify(value: Value, budget: Budget, indent: str = "", level: str = "") -> Value:
    """JSON.stringify: no blanks unless `indent`; UNDEFINED for what JSON does not know."""
    budget.pay()
    if isinstance(value, list):
        items = [stringify(item, budget, indent, level + indent) for item in _entered(value, budget)]
        return _wrapped("[", "]", [item or "null" for item in items], indent, level, budget)
    if isinstance(value, dict):
        colon = ": " if indent else ":"
        pairs = [
            (key, stringify(value[key], budget, indent, level + indent))
            for key in _entered(keys_of(value), budget)
        ]
        parts = [json.dumps(key, ensure_ascii=False) + colon + item for key, item in pairs if item]
        return _wrapped("{", "}", parts, indent, level, budget)
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    if isinstance(value, (Undefined, Function)):
        return UNDEFINED
    if isinstance(value, str):
        budget.room_for_text(len(value))
        return json.dumps(value, ensure_ascii=False)
    return "{}" if isinstance(value, Regex) else to_text(value)


def _entered(items: list[Value], budget: Budget) -> list[Value]:
    budget.descend()
    return items


def _wrapped(opening: str, closing: str, parts: list[str], indent: str, level: str, budget: Budget) -> str:
    budget.ascend()
    budget.room_for_text(sum(map(len, parts)) + len(parts) * (len(level) + len(indent) + 2))
    if not parts or not indent:
        return opening + ",".join(parts) + closing
    newline = "\n" + level
    return opening + newline + indent + ("," + newline + indent).join(parts) + newline + closing
