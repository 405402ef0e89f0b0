"""What differs between the people whom two rule sets ask for the same request: who, how many, in which order, and when
others are let in. Pure; what stages are called makes no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from control.panels import Panel, PartAsked, TierAsked

WHO, NUMBER, ORDER, ESCALATION = "who decides", "how many", "the order", "when others are let in"
_Names = tuple[str, ...]
_Later = tuple[tuple[timedelta, _Names], ...]
_Key = Callable[[PartAsked], _Names]


def differences(before: Panel, after: Panel) -> tuple[str, ...]:
    """Some of `WHO`, `NUMBER`, `ORDER` and `ESCALATION`; none when the same people are asked in the same way."""
    key = _first if _firsts(before) == _firsts(after) else _anybody
    found = {
        WHO: _everybody(before) != _everybody(after),
        NUMBER: _numbers(before, key) != _numbers(after, key),
        ORDER: _order(before, key) != _order(after, key),
        ESCALATION: _escalation(before, key) != _escalation(after, key),
    }
    return tuple(what for what, differs in found.items() if differs)


def _everybody(panel: Panel) -> set[str]:
    return {name for part in panel.parts for tier in part.tiers for name in _names(tier)}


def _firsts(panel: Panel) -> Counter[_Names]:
    return Counter(map(_first, panel.parts))


def _numbers(panel: Panel, key: _Key) -> tuple[list[tuple[_Names, int]], bool]:
    """How many of whom, in all stages; and whether nobody may count more than once."""
    is_distinct = panel.distinct or len(panel.parts) < 2
    return sorted((key(part), part.count) for part in panel.parts), is_distinct


def _order(panel: Panel, key: _Key) -> list[list[_Names]]:
    return [sorted(key(part) for part in stage.parts) for stage in panel.stages]


def _escalation(panel: Panel, key: _Key) -> list[tuple[_Names, _Later]]:
    return sorted((key(part), _later(part)) for part in panel.parts if len(part.tiers) > 1)


def _first(part: PartAsked) -> _Names:
    return _names(part.tiers[0])


def _anybody(_part: PartAsked) -> _Names:
    """Where others are asked first, parts cannot be told apart by whom they ask."""
    return ()


def _later(part: PartAsked) -> _Later:
    return tuple((tier.after, _names(tier)) for tier in part.tiers[1:])


def _names(tier: TierAsked) -> _Names:
    """Whom the rule names, by reference; roles and rotas by name, whoever holds them."""
    named = tier.named
    roles = (f"role {name}" for name in named.roles)
    rotas = (f"rota {name}" for name in named.rotas)
    return tuple(sorted({*named.groups, *named.users, *roles, *rotas, *map(str, named.accounts)}))
