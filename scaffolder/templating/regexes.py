"""Regular expressions of templates, run by RE2: their time is linear in the text, whatever the pattern."""

from __future__ import annotations

import re
from typing import Any

import re2

from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import Budget
from scaffolder.templating.values import Regex, Value, to_text

MAX_PATTERN = 1_000  # characters
_GROUP = re.compile(r"\$(\$|&|[1-9]\d?|<\w+>)")


def compiled(pattern: str, flags: str) -> Regex:
    """Raises `ScriptError` for what RE2 does not know: look-around and back references."""
    if len(pattern) > MAX_PATTERN:
        raise ScriptError(f"A regular expression may have {MAX_PATTERN} characters.")
    letters = "".join(letter for letter in "im" if letter in flags)
    try:
        found = re2.compile(f"(?{letters}){pattern}" if letters else pattern)
        return Regex(found, "g" in flags, f"/{pattern}/{flags}")
    except re2.error as problem:
        raise ScriptError(f"The regular expression {pattern!r} cannot be used: {problem}.") from None


def as_regex(pattern: Value, budget: Budget) -> Regex:
    return pattern if isinstance(pattern, Regex) else compiled(re2.escape(to_text(pattern, budget)), "")


def match(text: str, regex: Regex, budget: Budget) -> Value:
    if regex.is_global:
        found = [hit.group(0) for hit in regex.pattern.finditer(text)]
        budget.room_for_items(len(found))
        return found or None
    hit = regex.pattern.search(text)
    return [hit.group(0), *hit.groups()] if hit else None


def split(text: str, regex: Regex, budget: Budget) -> list[Value]:
    parts: list[Value] = list(regex.pattern.split(text))
    budget.room_for_items(len(parts))
    return parts


def replace(text: str, regex: Regex, replacement: str, budget: Budget) -> str:
    parts, at, length = [], 0, len(text)
    for hit in regex.pattern.finditer(text):
        put = _filled(replacement, hit)
        length += len(put)
        budget.room_for_text(length)
        parts += [text[at : hit.start()], put]
        at = hit.end()
        if not regex.is_global:
            break
    return "".join([*parts, text[at:]])


def _filled(replacement: str, hit: Any) -> str:
    def group(sign: re.Match[str]) -> str:
        if sign[1] == "$":
            return "$"
        if sign[1].startswith("<"):
            named = hit.groupdict()
            return (named.get(sign[1][1:-1]) or "") if named else sign[0]
        index = 0 if sign[1] == "&" else int(sign[1])
        return (hit.group(index) or "") if index <= len(hit.groups()) else sign[0]

    return _GROUP.sub(group, replacement) if "$" in replacement else replacement
