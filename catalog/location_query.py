"""Queries for locations: the predicates of `predicates.py` over the three things that a location says of itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q

from catalog.predicates import NOTHING, Predicates

_FIELDS = frozenset({"id", "type", "target"})


def location_q(query: Any) -> Q:
    """What locations that match `query` have in common. Raises `PredicateError`."""
    return Predicates(is_one_of=_is_one_of, exists=_exists, begins_with=_begins_with).expression(query)


def _is_one_of(key: str, values: tuple[str, ...]) -> Q:
    if key == "id":
        return Q(pk__in=[id for value in values if (id := _uuid(value))])
    if key not in _FIELDS or not values:
        return NOTHING
    result = Q()
    for value in values:
        result |= Q(**{f"{key}__iexact": value})
    return result


def _exists(key: str) -> Q:
    return Q() if key in _FIELDS else NOTHING


def _begins_with(key: str, prefix: str) -> Q:
    return Q(**{f"{key}__istartswith": prefix}) if key in _FIELDS - {"id"} else NOTHING


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
