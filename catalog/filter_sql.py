"""The filter language answered by the database: real columns first, the keys of terms for what is left."""

from __future__ import annotations

from django.db.models import Q

from catalog.models import Relation
from catalog.relations import INVERSE
from catalog.terms import COLUMNS, key_of
from control.filters import Condition, Filter

_COLUMNS = {**COLUMNS, "relations.ownedby": "owner_ref"}
_RELATION_TYPES = {name.lower(): name for name in INVERSE}
_RELATIONS = "relations."


def as_q(filter: Filter) -> Q:
    """What the entities that match `filter` have in common. An empty filter restricts nothing."""
    result = Q()
    for every in filter.alternatives:
        result |= _all_of(every)
    return result


def _all_of(conditions: tuple[Condition, ...]) -> Q:
    result = Q()
    needed: list[str] = []
    for condition in conditions:
        if condition.key in _COLUMNS:
            result &= _column(_COLUMNS[condition.key], condition.values)
        elif condition.key.startswith(_RELATIONS):
            result &= _relation(condition)
        elif len(condition.values) > 1:
            result &= Q(term_keys__overlap=[key_of(f"{condition.key}={value}") for value in condition.values])
        else:
            needed.append(f"{condition.key}={condition.values[0]}" if condition.values else condition.key)
    return result & Q(term_keys__contains=[key_of(term) for term in needed]) if needed else result


def _column(name: str, values: tuple[str, ...]) -> Q:
    return Q(**{f"{name}__in": values}) if values else ~Q(**{name: ""})


def _relation(condition: Condition) -> Q:
    type = condition.key.removeprefix(_RELATIONS)
    rows = Relation.objects.filter(type=_RELATION_TYPES.get(type, type))
    if condition.values:
        rows = rows.filter(target_ref__in=condition.values)
    return Q(pk__in=rows.values("source_id"))
