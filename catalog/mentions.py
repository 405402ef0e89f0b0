"""What a value of a document may mean as a reference: `spec.providesApis=orders` is `api:default/orders`.

Visibility asks it, so that a filter, a facet or an order by such a field does not tell of a hidden entity.
"""

from __future__ import annotations

from collections.abc import Iterator

from catalog import custom_kinds
from catalog.refs import RefInvalid, canonical
from catalog.relations import RelationField, known_fields
from catalog.terms import COLUMNS
from control.filters import Condition
from control.per_request import once

RELATIONS = "relations."


def fields_at(key: str) -> list[RelationField]:
    """The fields of all kinds, also of one's own, that `key` (`spec.dependsOn`, `spec.dependsOn.0`) may be."""
    first, *rest = key.lower().split(".")
    if first != "spec" or not rest or key.lower() in COLUMNS:
        return []
    return [field for field in once("relation fields", _fields) if field.name.lower() == rest[0]]


def _fields() -> frozenset[RelationField]:
    own = (field for kind in custom_kinds.in_force().values() for field in kind.relations)
    return known_fields().union(own)


def meanings(key: str, value: str) -> set[str]:
    """The references that `value` at `key` may be, in the default namespace where it names none."""
    if key.lower().startswith(RELATIONS):
        return {value.lower()}
    kinds = {""} if ":" in value else {field.kind for field in fields_at(key)}
    return set(_canonical(value, kinds))


def _canonical(value: str, kinds: set[str]) -> Iterator[str]:
    for kind in kinds:
        try:
            yield canonical(value, kind=kind)
        except RefInvalid:
            continue


def meanings_of_key(condition: Condition) -> set[str]:
    """Members of lists can stand in the key too: `spec.dependsOn.component:default/shop`."""
    parts = condition.key.split(".")
    tails = ((".".join(parts[:at]), ".".join(parts[at:])) for at in range(2, len(parts)))
    return {ref for key, tail in tails for ref in meanings(key, tail)}


def meanings_of(condition: Condition) -> set[str]:
    """All that a condition may ask about."""
    said = (meanings(condition.key, value) for value in condition.values)
    return meanings_of_key(condition).union(*said)
