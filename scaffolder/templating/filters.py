"""The filters of Nunjucks 3, on JavaScript values. `backstage` adds those that Backstage adds.

Each takes the value, the budget and its arguments (UNDEFINED when left out).
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any
from urllib.parse import quote

from scaffolder.templating import operators, regexes
from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import Budget
from scaffolder.templating.methods import member
from scaffolder.templating.values import (
    UNDEFINED,
    Regex,
    Undefined,
    Value,
    is_number,
    join,
    keys_of,
    less_than,
    number,
    shown,
    strictly_equal,
    stringify,
    to_integer,
    to_number,
    to_text,
    truthy,
)

FilterFunction = Callable[..., Value]

_UNQUOTED = re.compile(r"[A-Za-z0-9!'()*\-._~]+")
_TAG_START = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*\b")
_LEADING_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)")
_LEADING_DIGITS = re.compile(r"\s*([+-]?)([0-9a-zA-Z]{1,300})")


def _absent(value: Value) -> bool:
    return value is None or isinstance(value, Undefined)


def _text(value: Value, name: str) -> str:
    """Most text filters take null, undefined and false for an empty text, and refuse other things."""
    if _absent(value) or value is False:
        return ""
    if not isinstance(value, str):
        raise ScriptError(f"The filter {name} takes a text. Convert it first, for example with `~ ''`.")
    return value


def _items(value: Value, name: str) -> list[Value]:
    if isinstance(value, str):
        return list(value)
    if not isinstance(value, list):
        raise ScriptError(f"The filter {name} takes a list.")
    return value


def _attribute(item: Value, path: Value, budget: Budget) -> Value:
    for part in to_text(path, budget).split("."):
        item = member(item, part, budget)
    return item


# Texts


def capitalize(value: Value, budget: Budget) -> Value:
    text = _text(value, "capitalize")
    return text[:1].upper() + text[1:].lower()


def center(value: Value, budget: Budget, width: Value) -> Value:
    text = _text(value, "center")
    missing = (to_integer(width) or 80) - len(text)
    if missing <= 0:
        return text
    budget.room_for_text(missing + len(text))
    before = math.ceil(missing / 2 - missing % 2)
    return " " * max(0, before) + text + " " * math.ceil(missing / 2)


def escape(value: Value, budget: Budget) -> Value:
    text = shown(value, budget)
    budget.room_for_text(len(text) * 5)
    return html.escape(text).replace("&#x27;", "&#39;").replace("\\", "&#92;")


def indent(value: Value, budget: Budget, width: Value, indentfirst: Value) -> Value:
    text = _text(value, "indent")
    wanted = to_integer(width) or 4
    budget.room_for_text(len(text) + (text.count("\n") + 1) * max(0, wanted))
    blanks = " " * wanted
    return (blanks if truthy(indentfirst) and text else "") + text.replace("\n", "\n" + blanks)


def lower(value: Value, budget: Budget) -> Value:
    return _text(value, "lower").lower()


def upper(value: Value, budget: Budget) -> Value:
    return _text(value, "upper").upper()


def title(value: Value, budget: Budget) -> Value:
    return " ".join(word[:1].upper() + word[1:].lower() for word in _text(value, "title").split(" "))


def trim(value: Value, budget: Budget) -> Value:
    if not isinstance(value, str):
        raise ScriptError("The filter trim takes a text.")
    return value.strip()


def replace(value: Value, budget: Budget, old: Value, new: Value, max_count: Value) -> Value:
    if isinstance(old, Regex) and isinstance(value, str):
        return regexes.replace(value, old, to_text(new, budget), budget)
    old = to_text(old) if is_number(old) else old
    if not isinstance(old, str):
        return value
    value = to_text(value) if is_number(value) else value
    if not isinstance(value, str):
        return value
    put = to_text(new, budget)
    limit = to_integer(max_count, -1) if old else -1
    hits = value.count(old)
    budget.room_for_text(len(value) + (hits if limit < 0 else min(hits, limit)) * len(put))
    return value.replace(old, put, limit)


def striptags(value: Value, budget: Budget, preserve_linebreaks: Value) -> Value:
    text = _without_tags(_text(value, "striptags")).strip()
    if not truthy(preserve_linebreaks):
        return re.sub(r"\s+", " ", text)
    text = "\n".join(line.strip(" ") for line in text.split("\n"))
    return re.sub(r"\n\n\n+", "\n\n", re.sub(r" +", " ", text).replace("\r\n", "\n"))


def _without_tags(text: str) -> str:
    """Looks at each character a few times at most; a regular expression would scan to the end from every `<`."""
    parts, at, kept_from = [], text.find("<"), 0
    last_tag, last_comment = text.rfind(">"), text.rfind("-->")
    while 0 <= at < last_tag:
        end = at
        if _TAG_START.match(text, at):
            end = text.index(">", at) + 1
        elif text.startswith("<!--", at) and last_comment >= at + 4:
            end = text.index("-->", at + 4) + 3
        if end > at:
            parts.append(text[kept_from:at])
            kept_from = end
        at = text.find("<", max(end, at + 1))
    return "".join([*parts, text[kept_from:]])


def truncate(value: Value, budget: Budget, length: Value, killwords: Value, end: Value) -> Value:
    text = _text(value, "truncate")
    size = to_integer(length) or 255
    if len(text) <= size:
        return text
    cut = text[:size]
    if not truthy(killwords):
        space = text.rfind(" ", 0, size + 1)
        cut = text[: space if space >= 0 else size]
    ending = "..." if _absent(end) else to_text(end, budget)
    budget.room_for_text(len(cut) + len(ending))
    return cut + ending


def urlencode(value: Value, budget: Budget) -> Value:
    if isinstance(value, str):
        budget.room_for_text(len(value) + 2 * len(_UNQUOTED.sub("", value).encode()))
        return quote(value, safe="!'()*-._~")
    pairs = (
        [(key, value[key]) for key in keys_of(value)]
        if isinstance(value, dict)
        else _items(value, "urlencode")
    )
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise ScriptError("The filter urlencode takes a text, a map, or a list of pairs.")
    return "&".join(
        f"{urlencode(to_text(name, budget), budget)}={urlencode(to_text(item, budget), budget)}"
        for name, item in pairs
    )


def nl2br(value: Value, budget: Budget) -> Value:
    text = _text(value, "nl2br")
    budget.room_for_text(len(text) + text.count("\n") * 6)
    return re.sub(r"\r\n|\n", "<br />\n", text)


def wordcount(value: Value, budget: Budget) -> Value:
    return len(re.findall(r"\w+", _text(value, "wordcount"), re.ASCII)) or None


# Lists and maps


def batch(value: Value, budget: Budget, linecount: Value, fill_with: Value) -> Value:
    items, size = _items(value, "batch"), max(1, to_integer(linecount))
    rows = [items[start : start + size] for start in range(0, len(items), size)]
    if rows and truthy(fill_with):
        budget.room_for_items(size)
        rows[-1] += [fill_with] * (size - len(rows[-1]))
    return rows


def dictsort(value: Value, budget: Budget, case_sensitive: Value, by: Value) -> Value:
    if not isinstance(value, dict):
        raise ScriptError("The filter dictsort takes a map.")
    place = 1 if by == "value" else 0
    order = _ordering(budget, case_sensitive=truthy(case_sensitive))
    pairs: list[list[Value]] = [[key, item] for key, item in value.items()]

    def compared(one: list[Value], two: list[Value]) -> int:
        return order(one[place], two[place])

    return sorted(pairs, key=cmp_to_key(compared))


def first(value: Value, budget: Budget) -> Value:
    return member(value, 0, budget)


def last(value: Value, budget: Budget) -> Value:
    return member(value, to_integer(member(value, "length", budget)) - 1, budget)


def groupby(value: Value, budget: Budget, attribute: Value) -> Value:
    groups: dict[str, Value] = {}
    for item in _items(value, "groupby"):
        groups.setdefault(to_text(_attribute(item, attribute, budget), budget), []).append(item)
    return groups


def joined(value: Value, budget: Budget, separator: Value, attribute: Value) -> Value:
    items = value if isinstance(value, list) else None
    if items is None:
        raise ScriptError("The filter join takes a list.")
    if truthy(attribute):
        items = [member(item, attribute, budget) for item in items]
    return join(items, to_text(separator, budget) if truthy(separator) else "", budget)


def length(value: Value, budget: Budget) -> Value:
    if _absent(value) or value is False:
        return 0
    return len(value) if isinstance(value, (str, list, dict)) else UNDEFINED


def as_list(value: Value, budget: Budget) -> Value:
    if isinstance(value, dict):
        return [{"key": key, "value": value[key]} for key in keys_of(value)]
    budget.room_for_items(len(value) if isinstance(value, str) else 0)
    return _items(value, "list")


def reverse(value: Value, budget: Budget) -> Value:
    return value[::-1] if isinstance(value, str) else _items(value, "reverse")[::-1]


def slices(value: Value, budget: Budget, count: Value, fill_with: Value) -> Value:
    items, wanted = _items(value, "slice"), max(1, to_integer(count))
    budget.room_for_items(wanted)
    size, extra = divmod(len(items), wanted)
    found, at = [], 0
    for index in range(wanted):
        end = at + size + (1 if index < extra else 0)
        row = items[at:end]
        found.append([*row, fill_with] if truthy(fill_with) and index >= extra else row)
        at = end
    return found


def sort(value: Value, budget: Budget, reverse: Value, case_sensitive: Value, attribute: Value) -> Value:
    order = _ordering(budget, case_sensitive=truthy(case_sensitive), descending=truthy(reverse))

    def compared(one: Value, two: Value) -> int:
        if truthy(attribute):
            one, two = _attribute(one, attribute, budget), _attribute(two, attribute, budget)
        return order(one, two)

    return sorted([] if _absent(value) else _items(value, "sort"), key=cmp_to_key(compared))


def _ordering(
    budget: Budget, *, case_sensitive: bool, descending: bool = False
) -> Callable[[Value, Value], int]:
    def order(one: Value, two: Value) -> int:
        if not case_sensitive:
            one = one.lower() if isinstance(one, str) else one
            two = two.lower() if isinstance(two, str) else two
        if less_than(one, two, budget):
            return 1 if descending else -1
        return (-1 if descending else 1) if less_than(two, one, budget) else 0

    return order


def total(value: Value, budget: Budget, attribute: Value, start: Value) -> Value:
    items = _items(value, "sum")
    if truthy(attribute):
        items = [member(item, attribute, budget) for item in items]
    found: Value = 0
    for item in items:
        found = operators.binary("+", found, item, budget)
    return operators.binary("+", 0 if _absent(start) else start, found, budget)


def selectattr(value: Value, budget: Budget, attribute: Value) -> Value:
    return [item for item in _items(value, "selectattr") if truthy(member(item, attribute, budget))]


def rejectattr(value: Value, budget: Budget, attribute: Value) -> Value:
    return [item for item in _items(value, "rejectattr") if not truthy(member(item, attribute, budget))]


# Numbers and anything


def default(value: Value, budget: Budget, fallback: Value, falsy_too: Value) -> Value:
    missing = not truthy(value) if truthy(falsy_too) else isinstance(value, Undefined)
    return fallback if missing else value


def dump(value: Value, budget: Budget, spaces: Value) -> Value:
    blanks = spaces[:10] if isinstance(spaces, str) else " " * max(0, min(10, to_integer(spaces)))
    return stringify(value, budget, blanks)


def as_float(value: Value, budget: Budget, fallback: Value) -> Value:
    match = _LEADING_NUMBER.match(to_text(value, budget)[:400])
    return number(float(match[0])) if match else fallback


def as_int(value: Value, budget: Budget, default: Value, base: Value) -> Value:
    radix = to_integer(base, 10)
    match = _LEADING_DIGITS.match(to_text(value, budget)[:400])
    if not match or not 2 <= radix <= 36:
        return default
    digits = ""
    for letter in match[2]:
        if not letter.isalnum() or int(letter, 36) >= radix:
            break
        digits += letter
    return number(int(match[1] + digits, radix)) if digits else default


def absolute(value: Value, budget: Budget) -> Value:
    return number(abs(to_number(value)))


def rounded(value: Value, budget: Budget, precision: Value, method: Value) -> Value:
    amount, places = to_number(value), max(-300, min(300, to_integer(precision)))
    if not math.isfinite(amount):
        return amount
    scaled = amount * 10.0**places
    if not math.isfinite(scaled):
        return number(amount)
    whole = (
        math.ceil(scaled) if method == "ceil" else math.floor(scaled if method == "floor" else scaled + 0.5)
    )
    return number(whole / 10.0**places)


def string(value: Value, budget: Budget) -> Value:
    return shown(value, budget)


def safe(value: Value, budget: Budget) -> Value:
    return shown(value, budget)


def index_of(items: list[Value], wanted: Value) -> int:
    return next((index for index, item in enumerate(items) if strictly_equal(item, wanted)), -1)


FILTERS: dict[str, Any] = {
    "abs": absolute,
    "batch": batch,
    "capitalize": capitalize,
    "center": center,
    "d": default,
    "default": default,
    "dictsort": dictsort,
    "dump": dump,
    "e": escape,
    "escape": escape,
    "first": first,
    "float": as_float,
    "forceescape": escape,
    "groupby": groupby,
    "indent": indent,
    "int": as_int,
    "join": joined,
    "last": last,
    "length": length,
    "list": as_list,
    "lower": lower,
    "nl2br": nl2br,
    "rejectattr": rejectattr,
    "replace": replace,
    "reverse": reverse,
    "round": rounded,
    "safe": safe,
    "selectattr": selectattr,
    "slice": slices,
    "sort": sort,
    "string": string,
    "striptags": striptags,
    "sum": total,
    "title": title,
    "trim": trim,
    "truncate": truncate,
    "upper": upper,
    "urlencode": urlencode,
    "wordcount": wordcount,
}
