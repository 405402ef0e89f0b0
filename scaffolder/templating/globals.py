"""The functions that Nunjucks knows everywhere: range, cycler and joiner."""

from __future__ import annotations

import math

from scaffolder.templating.limits import Budget
from scaffolder.templating.values import UNDEFINED, Function, Undefined, Value, to_integer, to_text

Keywords = dict[str, Value]


def globals_of(budget: Budget) -> dict[str, Function]:
    return {
        "range": Function("range", lambda positional, _: _range(positional, budget)),
        "cycler": Function("cycler", lambda positional, _: _cycler(positional)),
        "joiner": Function("joiner", lambda positional, _: _joiner(positional, budget)),
    }


def _range(positional: list[Value], budget: Budget) -> Value:
    """range(stop) and range(start, stop, step)."""
    start, stop, step = [*(to_integer(item) for item in positional[:3]), 0, 0, 0][:3]
    if len(positional) < 2:
        start, stop, step = 0, start, 1
    step = step or 1
    budget.room_for_items(max(0, math.ceil((stop - start) / step)))
    return list(range(start, stop, step))


def _cycler(items: list[Value]) -> Value:
    """A map whose `next()` goes round the items; `current` is the last one given."""
    turn = -1
    cycle: dict[str, Value] = {"current": None}

    def following(_positional: list[Value], _keywords: Keywords) -> Value:
        nonlocal turn
        turn = (turn + 1) % max(1, len(items))
        cycle["current"] = items[turn] if items else UNDEFINED
        return cycle["current"]

    def reset(_positional: list[Value], _keywords: Keywords) -> Value:
        nonlocal turn
        turn, cycle["current"] = -1, None
        return UNDEFINED

    cycle["next"], cycle["reset"] = Function("next", following), Function("reset", reset)
    return cycle


def _joiner(positional: list[Value], budget: Budget) -> Value:
    """A function that gives nothing the first time and the separator from then on."""
    given = positional[0] if positional else UNDEFINED
    separator = "," if isinstance(given, Undefined) or given in (None, "") else to_text(given, budget)
    is_first = True

    def join(_positional: list[Value], _keywords: Keywords) -> Value:
        nonlocal is_first
        was_first, is_first = is_first, False
        return "" if was_first else separator

    return Function("joiner", join)
