"""Patterns for files, as templates write them: `*`, `**`, `?`, `[ab]`, `{a,b}`, a leading `!` to except again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import re2

from scaffolder.errors import ActionFailed

MAX_PATTERN = 500  # characters
_MAX_ALTERNATIVES = 64
_BRACES = re.compile(r"\{([^{}]*)\}")


def matching(paths: Iterable[str], patterns: Iterable[str]) -> set[str]:
    """The paths (relative, with `/`) that a pattern or a folder named by one covers; later `!patterns` except.

    Raises `ActionFailed` for a pattern that is none.
    """
    everything = list(paths)
    found: set[str] = set()
    for pattern in patterns:
        excepts, text = pattern.startswith("!"), pattern.removeprefix("!")
        expression = _compiled(text)
        hit = {path for path in everything if expression.fullmatch(path.rstrip("/"))}
        found = found - hit if excepts else found | hit
    return found


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """`a/b` also covers all below a folder of that name, as the globs of Backstage do. RE2 takes linear time."""
    cleaned = pattern.strip().removeprefix("./").rstrip("/")[:MAX_PATTERN]
    alternatives = "|".join(_expression(one) for one in _expanded(cleaned))
    try:
        return re2.compile(f"(?s)(?:{alternatives})(?:/.*)?")
    except re2.error:
        raise ActionFailed(
            f"{pattern[:80]!r} is no pattern for files. Write one like docs/**/*.md."
        ) from None


def _expanded(pattern: str) -> list[str]:
    """`{a,b}` written out, up to a limit."""
    waiting = [pattern]
    done: list[str] = []
    while waiting:
        current = waiting.pop(0)
        braces = _BRACES.search(current)
        if braces is None or len(waiting) + len(done) > _MAX_ALTERNATIVES:
            done.append(current)
            continue
        head, tail = current[: braces.start()], current[braces.end() :]
        waiting += [head + choice + tail for choice in braces[1].split(",")]
    return done


def _expression(pattern: str) -> str:
    parts, at = [], 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            parts.append(".*")
            at += 2
        elif (
            pattern[at] == "["
            and (end := pattern.find("]", at + 2 + pattern.startswith(("[!", "[^"), at))) > 0
        ):
            inside = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append("[" + ("^" + inside[1:] if inside[0] in "!^" else inside) + "]")
            at = end + 1
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(pattern[at]) or re2.escape(pattern[at]))
            at += 1
    return "".join(parts)
