"""Queries in the language of Backstage's filter predicates: objects of conditions with $all, $any, $not, $in, $exists,
$contains and $hasPrefix. For entities they are answered by the columns, terms and relations of the filter language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from catalog.filter_sql import as_q, begins_with
from catalog.visibility import hidden_in, left_of, names_hidden, sight_of
from control.filters import Condition, Filter

if TYPE_CHECKING:
    from control.models import User

DEEPEST = 20  # levels of a query
MOST = 1_000  # conditions of a query
_COMBINING = frozenset({"$all", "$any", "$not"})
NOTHING = Q(pk__in=[])


class PredicateError(ValueError):
    """A query that cannot be understood; the message says where."""


def predicate_q(query: Any, user: User) -> Q:
    """What entities that match `query` have in common, as if those hidden from `user` did not exist.

    Raises `PredicateError`.
    """
    asked: list[Condition] = []
    if not sight_of(user).is_whole:  # read twice, so that one query tells what is hidden
        _Leaves(user, note=asked.append).read(query)
    return _Leaves(user, hidden=hidden_in(asked, user)).read(query)


@dataclass(frozen=True)
class _Leaves:
    """What the conditions of a query mean for entities."""

    user: User
    hidden: frozenset[str] = frozenset()
    note: Callable[[Condition], None] = lambda _condition: None

    def read(self, query: Any) -> Q:
        return Predicates(self._is_one_of, self._exists, self._begins_with, self._contains_object).expression(
            query
        )

    def _answer(self, condition: Condition) -> Q:
        self.note(condition)
        left = left_of(condition, self.hidden)
        return NOTHING if left is None else as_q(Filter(((left,),)))

    def _is_one_of(self, key: str, values: tuple[str, ...]) -> Q:
        return self._answer(Condition(key.lower(), values)) if values else NOTHING

    def _exists(self, key: str) -> Q:
        return self._answer(Condition(key.lower()))

    def _begins_with(self, key: str, prefix: str) -> Q:
        return begins_with(key, prefix, self.user) & ~names_hidden(key, self.user)

    def _contains_object(self, key: str, wanted: Mapping[str, Any], at: str) -> Q:
        """Of lists of objects, the relations can be asked: by type and targetRef."""
        if key.lower() != "relations" or not wanted.keys() <= {"type", "targetRef"} or "type" not in wanted:
            raise PredicateError(
                f'$contains at "{at}" can hold a value, or for relations their type and targetRef'
            )
        types = _values(wanted["type"], f"{at}.type")
        targets = _values(wanted["targetRef"], f"{at}.targetRef") if "targetRef" in wanted else []
        if "targetRef" in wanted and not targets:
            return NOTHING
        found = [self._answer(Condition(f"relations.{type}", tuple(targets))) for type in types]
        return reduce(or_, found, NOTHING)


def _refused(_key: str, _wanted: Mapping[str, Any], at: str) -> Q:
    raise _invalid(at)


@dataclass
class Predicates:
    """Reads a query; what the leaves mean is given. Good for one query."""

    is_one_of: Callable[[str, tuple[str, ...]], Q]
    exists: Callable[[str], Q]
    begins_with: Callable[[str, str], Q]
    contains_object: Callable[[str, Mapping[str, Any], str], Q] = _refused
    _left: int = field(default=MOST, init=False)

    def expression(self, query: Any, at: str = "", depth: int = 0) -> Q:
        if not isinstance(query, Mapping) or depth > DEEPEST:
            raise _invalid(at)
        names = [name for name in query if name.startswith("$")]
        if not names:
            return _every([self._condition(key, value, _at(at, key)) for key, value in query.items()])
        if len(query) > 1 or names[0] not in _COMBINING:
            raise _invalid(_at(at, names[0]))
        return self._combined(names[0], query[names[0]], _at(at, names[0]), depth + 1)

    def _combined(self, operator: str, value: Any, at: str, depth: int) -> Q:
        if operator == "$not":
            return _not(self.expression(value, at, depth))
        if not isinstance(value, list):
            raise _invalid(at)
        parts = [self.expression(part, f"{at}[{i}]", depth) for i, part in enumerate(value)]
        return _every(parts) if operator == "$all" else _any(parts)

    def _condition(self, key: str, value: Any, at: str) -> Q:
        self._left -= 1
        if self._left < 0:
            raise PredicateError(f"it has more than {MOST} conditions")
        if not isinstance(value, Mapping):
            return self.is_one_of(key, (_primitive(value, at),))
        if len(value) != 1:
            raise _invalid(at)
        [(operator, operand)] = value.items()
        return self._compared(key, operator, operand, _at(at, operator))

    def _compared(self, key: str, operator: str, operand: Any, at: str) -> Q:
        match operator, operand:
            case "$in", list():
                return self.is_one_of(key, tuple(_primitive(one, at) for one in operand))
            case "$exists", bool():
                return self.exists(key) if operand else _not(self.exists(key))
            case "$hasPrefix", str():
                return self.begins_with(key, operand)
            case "$contains", Mapping():
                return self.contains_object(key, operand, at)
            case "$contains", _:  # a list of texts is asked like a text
                return self.is_one_of(key, (_primitive(operand, at),))
        raise _invalid(at)


def _every(parts: list[Q]) -> Q:
    return reduce(and_, parts, Q())


def _not(part: Q) -> Q:
    """An empty part matches everything; Django's `~` leaves it empty."""
    return ~part if part else NOTHING


def _any(parts: list[Q]) -> Q:
    """An empty part matches everything, which Django's `|` takes for nothing said."""
    return reduce(or_, parts, NOTHING) if all(parts) else Q()


def _values(value: Any, at: str) -> list[str]:
    """One text or `{"$in": […]}`."""
    if isinstance(value, Mapping) and list(value) == ["$in"] and isinstance(value["$in"], list):
        return [_primitive(one, at) for one in value["$in"]]
    return [_primitive(value, at)]


def _primitive(value: Any, at: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, str):
        return value.lower()
    raise _invalid(at)


def _at(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _invalid(at: str) -> PredicateError:
    return PredicateError(f'Validation error: Invalid at "{at}"')
