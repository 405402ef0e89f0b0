"""What lists are sorted by: real columns where there are some, values of the document else; ties by the entity's id.

Columns are served by B-trees, also after a filter of kind and type; to sort by a value of the document, every entity
that the filter lets through is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, Expression, F, OrderBy, Q, TextField, Value, When
from django.db.models.functions import Cast, Left, Lower, NullIf

from catalog.filter_sql import path_of, scalar_at
from catalog.mentions import fields_at
from catalog.visibility import OWNER_KEY, names_hidden, sight_of
from control.api import ApiError
from control.models import User

# Fields as columns; True where every entity has one.
_COLUMNS = {
    "kind": ("kind", True),
    "metadata.namespace": ("namespace", True),
    "metadata.name": ("name", True),
    "metadata.uid": ("pk", True),
    "spec.type": ("type", False),
    "spec.lifecycle": ("lifecycle", False),
    "relations.ownedby": ("owner_ref", False),
}
LONGEST_VALUE = 200  # characters that are compared
MOST = 10


@dataclass(frozen=True)
class Order:
    """One field and its direction; `field` empty is the default: by reference."""

    field: str = ""
    is_descending: bool = False

    def value(self, user: User) -> Expression | F:
        """What is compared; NULL or empty for entities that lack the field, or name there what `user` does not see."""
        if not self.field or sight_of(user).is_whole or self._is_safe:
            return self._value
        nothing = Value("" if self.field.lower() in _COLUMNS else None)
        is_hidden = When(names_hidden(self.field, user), then=nothing)
        return Case(is_hidden, default=self._value, output_field=TextField())

    @property
    def _is_safe(self) -> bool:
        """Whether it can name no other entity."""
        return self.field.lower() != OWNER_KEY and not fields_at(self.field)

    @property
    def _value(self) -> Expression | F:
        if not self.field:
            return F("ref")
        column, _ = _COLUMNS.get(self.field.lower(), ("", False))
        if column == "pk":
            return Cast("pk", TextField())
        return F(column) if column else Left(Lower(scalar_at(path_of(self.field))), LONGEST_VALUE)

    @property
    def has_value(self) -> Q:
        """Of the annotation `value`. Nothing to ask where all entities have one."""
        column, is_everywhere = _COLUMNS.get(self.field.lower(), ("", False))
        if not self.field or is_everywhere:
            return Q()
        return ~Q(value="") if column else Q(value__isnull=False)

    def sorted(self, *, is_reversed: bool = False) -> list[str]:
        sign = "-" if self.is_descending != is_reversed else ""
        return [f"{sign}value", f"{sign}pk"]

    def beyond(self, value: str, id: str, *, is_reversed: bool) -> Q:
        """What comes after the row of `value` and `id`, or before it."""
        side = "lt" if self.is_descending != is_reversed else "gt"
        return Q(**{f"value__{side}e": value}) & (Q(**{f"value__{side}": value}) | Q(**{f"pk__{side}": id}))

    def lacking_last(self, user: User) -> OrderBy:
        _, is_everywhere = _COLUMNS.get(self.field.lower(), ("", True))
        value = self.value(user) if is_everywhere else NullIf(self.value(user), Value(""))
        return OrderBy(value, descending=self.is_descending, nulls_last=True)


def order_fields(texts: list[str]) -> list[Order]:
    """`metadata.name,asc` of by-query."""
    return [_order_field(text) for text in texts]


def orders(texts: list[str]) -> list[Order]:
    """`asc:metadata.name` of /entities."""
    found = []
    for text in texts:
        direction, colon, field = text.partition(":")
        if not colon or direction not in ("asc", "desc") or not field:
            raise ApiError(400, f'Invalid order parameter "{text}", expected "<asc or desc>:<field name>"')
        found.append(Order(field, direction == "desc"))
    return _few(found)


def _order_field(text: str) -> Order:
    field, _, direction = text.partition(",")
    if direction not in ("", "asc", "desc"):
        raise ApiError(400, "Invalid order field order, must be asc or desc")
    if not field:
        raise ApiError(400, f"Invalid order field, '{text}' names no field")
    return Order(field, direction == "desc")


def _few(found: list[Order]) -> list[Order]:
    if len(found) > MOST:
        raise ApiError(400, f"At most {MOST} fields can be ordered by.")
    return found
