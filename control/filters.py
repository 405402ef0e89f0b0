"""The filter language of the catalogue, as Backstage writes it: `kind=component,spec.type=service`.

A comma is AND, a key given twice means one of its values, a bare key means that it exists, a list of filters is OR.
Keys and values compare without regard to case. This module parses and answers in memory, over the `path` and
`path=value` strings of an entity; `catalog.filter_sql` answers the same `Filter` from the database.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass


class FilterError(ValueError):
    """Text that is no filter; the message quotes the statement and says how one looks."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`key` has one of `values`; without values it only has to exist."""

    key: str
    values: tuple[str, ...] = ()

    def matches(self, terms: Container[str]) -> bool:
        if not self.values:
            return self.key in terms
        return any(f"{self.key}={value}" in terms for value in self.values)


@dataclass(frozen=True, slots=True)
class Filter:
    """Alternatives of conditions that must all hold. No alternatives: everything matches."""

    alternatives: tuple[tuple[Condition, ...], ...] = ()

    def matches(self, terms: Container[str]) -> bool:
        if not self.alternatives:
            return True
        return any(all(condition.matches(terms) for condition in every) for every in self.alternatives)

    def __str__(self) -> str:
        return " or ".join(",".join(_written(c) for c in every) for every in self.alternatives)


EVERYTHING = Filter()


def parse(text: str | Sequence[str]) -> Filter:
    """One filter, or a list of which any may match. Raises `FilterError`, also for an empty list: say `EVERYTHING`."""
    texts = [text] if isinstance(text, str) else list(text)
    if not texts:
        raise FilterError(
            "The list of filters is empty. Leave it out to mean everything, or write a condition."
        )
    return Filter(tuple(_alternative(one) for one in texts))


def _alternative(text: str) -> tuple[Condition, ...]:
    values: dict[str, list[str]] = {}
    exists: list[str] = []
    for statement in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip().lower() for part in statement.partition("="))
        if not key:
            raise FilterError(
                f"Invalid filter, '{statement}' is not a valid statement (expected a string on the form a=b or a= or a)"
            )
        if equals:
            values.setdefault(key, []).append(value)
        else:
            exists.append(key)
    if not values and not exists:
        raise FilterError("The filter is empty. Write conditions like kind=component,spec.type=service.")
    return (
        *(Condition(key, tuple(dict.fromkeys(found))) for key, found in values.items()),
        *(Condition(key) for key in dict.fromkeys(exists)),
    )


def _written(condition: Condition) -> str:
    if not condition.values:
        return condition.key
    return ",".join(f"{condition.key}={value}" for value in condition.values)
