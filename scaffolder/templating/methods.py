"""The JavaScript methods and properties that real templates call on texts, lists, maps and numbers.

Looked up by name in tables: what is not listed is undefined, as an unknown property is in JavaScript.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any

from scaffolder.templating import regexes
from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import Budget
from scaffolder.templating.values import (
    UNDEFINED,
    Function,
    Regex,
    Undefined,
    Value,
    is_number,
    join,
    number,
    number_text,
    position_in,
    strictly_equal,
    text_key,
    to_integer,
    to_number,
    to_text,
)

Method = Callable[..., Value]


def member(target: Value, key: Value, budget: Budget, *, compat: bool = False) -> Value:
    """`target[key]`, with methods bound to their target. Never Python's own attributes."""
    if target is None or isinstance(target, Undefined):
        return UNDEFINED
    if isinstance(target, dict):
        found = target.get(text_key(key), UNDEFINED)
        if isinstance(found, Undefined):
            return _bound(MAP_METHODS | PYTHON_MAP_METHODS if compat else MAP_METHODS, target, key, budget)
        return found
    if isinstance(target, (str, list)):
        if key == "length":
            return len(target)
        position = position_in(key, len(target))
        if position is not None:
            return target[position]
        methods = TEXT_METHODS if isinstance(target, str) else LIST_METHODS
        if compat and isinstance(target, list):
            methods = PYTHON_LIST_METHODS | methods
        return _bound(methods, target, key, budget)
    if is_number(target):
        return _bound(NUMBER_METHODS, target, key, budget)
    if isinstance(target, Regex):
        return _bound(REGEX_METHODS, target, key, budget)
    return _bound({"toString": lambda value, budget: to_text(value)}, target, key, budget)


def _bound(methods: dict[str, Method], target: Value, key: Value, budget: Budget) -> Value:
    method = methods.get(key) if isinstance(key, str) else None
    if method is None:
        return UNDEFINED
    found = method
    return Function(str(key), lambda arguments, keywords: _called(found, target, budget, arguments))


def _called(method: Method, target: Value, budget: Budget, arguments: list[Value]) -> Value:
    """Surplus arguments are ignored and missing ones undefined, as in JavaScript."""
    budget.handle(target)
    if getattr(method, "takes_all", False):
        return method(target, budget, *arguments)
    count = _arity(method)
    padded = [*arguments, *[UNDEFINED] * count][:count]
    return method(target, budget, *padded)


@cache
def _arity(method: Method) -> int:
    return len(signature(method).parameters) - 2


def _takes_all(method: Method) -> Method:
    method.takes_all = True  # type: ignore[attr-defined]  # a mark on our own function
    return method


# Texts


def _text_at(text: str, budget: Budget, position: Value) -> Value:
    index = to_integer(position)
    index = index + len(text) if index < 0 else index
    return text[index] if 0 <= index < len(text) else UNDEFINED


def _char_at(text: str, budget: Budget, position: Value) -> Value:
    index = to_integer(position)
    return text[index] if 0 <= index < len(text) else ""


def _char_code_at(text: str, budget: Budget, position: Value) -> Value:
    found = _char_at(text, budget, position)
    return ord(found) if found else math.nan


@_takes_all
def _text_concat(text: str, budget: Budget, *others: Value) -> Value:
    parts = [text, *(to_text(other, budget) for other in others)]
    budget.room_for_text(sum(map(len, parts)))
    return "".join(parts)


def _code_point_at(text: str, budget: Budget, position: Value) -> Value:
    found = _char_at(text, budget, position)
    return ord(found) if found else UNDEFINED


def _ends_with(text: str, budget: Budget, ending: Value, end: Value) -> Value:
    return text[: max(0, to_integer(end, len(text)))].endswith(to_text(ending, budget))


def _starts_with(text: str, budget: Budget, beginning: Value, start: Value) -> Value:
    return text[max(0, to_integer(start)) :].startswith(to_text(beginning, budget))


def _text_includes(text: str, budget: Budget, part: Value, start: Value) -> Value:
    return to_text(part, budget) in text[max(0, to_integer(start)) :]


def _text_index(text: str, budget: Budget, part: Value, start: Value) -> Value:
    return text.find(to_text(part, budget), max(0, to_integer(start)))


def _text_last_index(text: str, budget: Budget, part: Value) -> Value:
    return text.rfind(to_text(part, budget))


def _match(text: str, budget: Budget, pattern: Value) -> Value:
    return regexes.match(text, regexes.as_regex(pattern, budget), budget)


def _search(text: str, budget: Budget, pattern: Value) -> Value:
    found = regexes.as_regex(pattern, budget).pattern.search(text)
    return found.start() if found else -1


def _pad(text: str, budget: Budget, length: Value, filler: Value) -> str:
    missing = to_integer(length) - len(text)
    fill = " " if isinstance(filler, Undefined) else to_text(filler, budget)
    if missing <= 0 or not fill:
        return ""
    budget.room_for_text(missing + len(text) + len(fill))
    return (fill * (missing // len(fill) + 1))[:missing]


def _repeat(text: str, budget: Budget, count: Value) -> Value:
    times = to_integer(count)
    if times < 0:
        raise ScriptError("repeat() needs a count of 0 or more.")
    budget.room_for_text(times * len(text))
    return text * times


def _replacement(text: str, budget: Budget, old: Value, new: Value, *, every: bool) -> Value:
    if isinstance(new, Function):
        raise ScriptError("A function as replacement is not available. Give a text.")
    if isinstance(old, Regex):
        return regexes.replace(text, old, to_text(new, budget), budget)
    searched, put = to_text(old, budget), to_text(new, budget)
    times = text.count(searched) if every else min(1, text.count(searched))
    budget.room_for_text(len(text) + times * len(put))
    for sign in ("$$", "$&"):
        put = put.replace(sign, "$" if sign == "$$" else searched)
    budget.room_for_text(len(text) + times * len(put))
    return text.replace(searched, put, times)


def _replace(text: str, budget: Budget, old: Value, new: Value) -> Value:
    return _replacement(text, budget, old, new, every=False)


def _replace_all(text: str, budget: Budget, old: Value, new: Value) -> Value:
    return _replacement(text, budget, old, new, every=True)


def bounds(length: int, start: Value, end: Value) -> tuple[int, int]:
    """The positions that JavaScript's slice() means; negative ones count from the end."""
    first, last = to_integer(start), to_integer(end, length)
    first = max(0, first + length) if first < 0 else min(first, length)
    last = max(0, last + length) if last < 0 else min(last, length)
    return first, max(first, last)


def _slice(target: Any, budget: Budget, start: Value, end: Value) -> Value:
    first, last = bounds(len(target), start, end)
    return target[first:last]


def _substring(text: str, budget: Budget, start: Value, end: Value) -> Value:
    ends = sorted(min(max(0, place), len(text)) for place in (to_integer(start), to_integer(end, len(text))))
    return text[ends[0] : ends[1]]


def _substr(text: str, budget: Budget, start: Value, length: Value) -> Value:
    first, _ = bounds(len(text), start, UNDEFINED)
    return text[first : first + max(0, to_integer(length, len(text)))]


def _split(text: str, budget: Budget, separator: Value, limit: Value) -> Value:
    if isinstance(separator, Undefined):
        parts = [text]
    elif isinstance(separator, Regex):
        parts = regexes.split(text, separator, budget)
    else:
        cut = to_text(separator, budget)
        budget.room_for_items(text.count(cut) + 1)
        parts = text.split(cut) if cut else list(text)
    return parts if isinstance(limit, Undefined) else parts[: max(0, to_integer(limit))]


TEXT_METHODS: dict[str, Method] = {
    "at": _text_at,
    "charAt": _char_at,
    "charCodeAt": _char_code_at,
    "codePointAt": _code_point_at,
    "concat": _text_concat,
    "endsWith": _ends_with,
    "includes": _text_includes,
    "indexOf": _text_index,
    "lastIndexOf": _text_last_index,
    "localeCompare": lambda text, budget, other: (text > to_text(other)) - (text < to_text(other)),
    "match": _match,
    "normalize": lambda text, budget: unicodedata.normalize("NFC", text),
    "padEnd": lambda text, budget, length, filler: text + _pad(text, budget, length, filler),
    "padStart": lambda text, budget, length, filler: _pad(text, budget, length, filler) + text,
    "repeat": _repeat,
    "replace": _replace,
    "replaceAll": _replace_all,
    "search": _search,
    "slice": _slice,
    "split": _split,
    "startsWith": _starts_with,
    "substr": _substr,
    "substring": _substring,
    "toLocaleLowerCase": lambda text, budget: text.lower(),
    "toLocaleUpperCase": lambda text, budget: text.upper(),
    "toLowerCase": lambda text, budget: text.lower(),
    "toString": lambda text, budget: text,
    "toUpperCase": lambda text, budget: text.upper(),
    "trim": lambda text, budget: text.strip(),
    "trimEnd": lambda text, budget: text.rstrip(),
    "trimStart": lambda text, budget: text.lstrip(),
    "valueOf": lambda text, budget: text,
}


# Lists


def _list_index(items: list[Value], budget: Budget, wanted: Value) -> Value:
    budget.handle(wanted if isinstance(wanted, str) else None, times=len(items))
    return next((index for index, item in enumerate(items) if strictly_equal(item, wanted)), -1)


@_takes_all
def _list_concat(items: list[Value], budget: Budget, *others: Value) -> Value:
    joined = list(items)
    for other in others:
        joined += other if isinstance(other, list) else [other]
        budget.room_for_items(len(joined))
    return joined


@_takes_all
def _push(items: list[Value], budget: Budget, *new: Value) -> Value:
    budget.room_for_items(len(items) + len(new))
    items.extend(new)
    return len(items)


@_takes_all
def _unshift(items: list[Value], budget: Budget, *new: Value) -> Value:
    budget.room_for_items(len(items) + len(new))
    items[:0] = new
    return len(items)


def _reverse(items: list[Value], budget: Budget) -> Value:
    items.reverse()
    return items


def _sort(items: list[Value], budget: Budget) -> Value:
    items.sort(key=lambda item: (isinstance(item, Undefined), to_text(item, budget)))
    return items


def _flat(items: list[Value], budget: Budget, depth: Value) -> Value:
    levels, flat = to_integer(depth, 1), []
    budget.descend()
    for item in items:
        if isinstance(item, list) and levels > 0:
            flat += _flat(item, budget, levels - 1)
        else:
            flat.append(item)
        budget.room_for_items(len(flat))
    budget.ascend()
    return flat


def _list_join(items: list[Value], budget: Budget, separator: Value) -> Value:
    return join(items, "," if isinstance(separator, Undefined) else to_text(separator, budget), budget)


def _list_at(items: list[Value], budget: Budget, position: Value) -> Value:
    index = to_integer(position)
    index = index + len(items) if index < 0 else index
    return items[index] if 0 <= index < len(items) else UNDEFINED


def _list_last_index(items: list[Value], budget: Budget, wanted: Value) -> Value:
    index = _list_index(items[::-1], budget, wanted)
    return len(items) - 1 - index if index >= 0 else -1


LIST_METHODS: dict[str, Method] = {
    "at": _list_at,
    "concat": _list_concat,
    "flat": _flat,
    "includes": lambda items, budget, wanted: _list_index(items, budget, wanted) >= 0,
    "indexOf": _list_index,
    "join": _list_join,
    "lastIndexOf": _list_last_index,
    "pop": lambda items, budget: items.pop() if items else UNDEFINED,
    "push": _push,
    "append": _push,  # what cookiecutter templates call it
    "reverse": _reverse,
    "shift": lambda items, budget: items.pop(0) if items else UNDEFINED,
    "slice": _slice,
    "sort": _sort,
    "toString": lambda items, budget: to_text(items, budget),
    "unshift": _unshift,
}


def _index(items: list[Value], budget: Budget, wanted: Value) -> Value:
    found = _list_index(items, budget, wanted)
    if found < 0:
        raise ScriptError("index(): the list has no such item.")
    return found


def _insert(items: list[Value], budget: Budget, position: Value, item: Value) -> Value:
    budget.room_for_items(len(items) + 1)
    items.insert(to_integer(position), item)
    return UNDEFINED


def _remove(items: list[Value], budget: Budget, item: Value) -> Value:
    return items.pop(_index(items, budget, item))


def _count(items: list[Value], budget: Budget, wanted: Value) -> Value:
    budget.handle(wanted if isinstance(wanted, str) else None, times=len(items))
    return sum(strictly_equal(item, wanted) for item in items)


# What cookiecutter templates call; JavaScript's methods of the same names go first.
PYTHON_LIST_METHODS: dict[str, Method] = {
    "count": _count,
    "find": _list_index,
    "index": _index,
    "insert": _insert,
    "remove": _remove,
}


# Regular expressions


def _test(regex: Regex, budget: Budget, text: Value) -> Value:
    return regex.pattern.search(to_text(text, budget)) is not None


def _exec(regex: Regex, budget: Budget, text: Value) -> Value:
    hit = regex.pattern.search(to_text(text, budget))
    return [hit.group(0), *hit.groups()] if hit else None


REGEX_METHODS: dict[str, Method] = {
    "exec": _exec,
    "test": _test,
    "toString": lambda regex, budget: regex.source,
}


# Maps and numbers


def _has(mapping: dict[str, Value], budget: Budget, key: Value) -> Value:
    return text_key(key) in mapping


def _get(mapping: dict[str, Value], budget: Budget, key: Value, default: Value) -> Value:
    return mapping.get(text_key(key), default)


MAP_METHODS: dict[str, Method] = {
    "hasOwnProperty": _has,
    "toString": lambda mapping, budget: "[object Object]",
}


def _pop(mapping: dict[str, Value], budget: Budget, key: Value, default: Value) -> Value:
    return mapping.pop(text_key(key), default)


def _set_default(mapping: dict[str, Value], budget: Budget, key: Value, default: Value) -> Value:
    return mapping.setdefault(text_key(key), default)


def _update(mapping: dict[str, Value], budget: Budget, other: Value) -> Value:
    if isinstance(other, dict):
        budget.room_for_items(len(mapping) + len(other))
        mapping.update(other)
    return None


PYTHON_MAP_METHODS: dict[str, Method] = {
    "get": _get,
    "has_key": _has,
    "items": lambda mapping, budget: [[key, value] for key, value in mapping.items()],
    "iteritems": lambda mapping, budget: [[key, value] for key, value in mapping.items()],
    "keys": lambda mapping, budget: list(mapping),
    "pop": _pop,
    "setdefault": _set_default,
    "update": _update,
    "values": lambda mapping, budget: list(mapping.values()),
}


def _to_fixed(value: float, budget: Budget, digits: Value) -> Value:
    places = to_integer(digits)
    if not 0 <= places <= 100:
        raise ScriptError("toFixed() takes 0 to 100 digits.")
    return f"{value:.{places}f}" if math.isfinite(value) else number_text(value)


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _to_string(value: float, budget: Budget, radix: Value) -> Value:
    base = to_integer(radix, 10)
    if base == 10 or not math.isfinite(value):
        return number_text(value)
    if not 2 <= base <= 36 or value != int(value):
        raise ScriptError(
            "toString() takes a base from 2 to 36, and other bases than 10 for whole numbers only."
        )
    digits, rest = "", abs(int(value))
    while rest:
        rest, digit = divmod(rest, base)
        digits = _DIGITS[digit] + digits
    return ("-" if value < 0 else "") + (digits or "0")


NUMBER_METHODS: dict[str, Method] = {
    "toFixed": _to_fixed,
    "toString": _to_string,
    "valueOf": lambda value, budget: number(to_number(value)),
}
