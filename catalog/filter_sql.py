"""The filter language answered by the database: real columns first, the keys of terms for what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BooleanField,
    Case,
    Expression,
    F,
    Field,
    Func,
    JSONField,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import In

from catalog.models import Relation
from catalog.relations import INVERSE
from catalog.terms import COLUMNS, key_of
from control.filters import Condition, Filter

if TYPE_CHECKING:
    from control.models import User

_COLUMNS = {**COLUMNS, "relations.ownedby": "owner_ref"}
_RELATION_TYPES = {name.lower(): name for name in INVERSE}
_RELATIONS = "relations."
_UID = "metadata.uid"
_ORPHAN = "metadata.annotations.backstage.io/orphan"  # answered by the row, not by the document


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
        elif condition.key == _UID:
            result &= Q(pk__in=_uids(condition.values)) if condition.values else Q(pk__isnull=False)
        elif condition.key == _ORPHAN:
            result &= Q(orphaned_at__isnull=bool(condition.values) and "true" not in condition.values)
        elif len(condition.values) > 1:
            result &= Q(term_keys__overlap=[key_of(f"{condition.key}={value}") for value in condition.values])
        else:
            needed.append(f"{condition.key}={condition.values[0]}" if condition.values else condition.key)
    return result & Q(term_keys__contains=[key_of(term) for term in needed]) if needed else result


def _uids(values: tuple[str, ...]) -> list[UUID]:
    """Those that are any; nothing has another one."""
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


def begins_with(key: str, prefix: str, user: User) -> Q:
    """Whose text at `key` begins with `prefix`, in any case; of relations, one that `user` may know."""
    if key.lower().startswith(_RELATIONS):
        type = key.lower().removeprefix(_RELATIONS)
        rows = Relation.objects.visible_to(user).filter(
            type=_RELATION_TYPES.get(type, type), target_ref__startswith=prefix.lower()
        )
        return Q(pk__in=rows.values("source_id"))
    return Q(is_like(text_at(key), escaped(prefix) + "%"))


def holds(key: str, part: str) -> Q:
    """Whose text at `key` has `part` in it, in any case."""
    return Q(is_like(text_at(key), f"%{escaped(part)}%"))


def is_like(text: Expression | F, pattern: str) -> Func:
    """ILIKE as it is, which trigram indexes serve; Django's `icontains` compares upper case and misses them."""
    return Func(
        text,
        Value(pattern),
        template="(%(expressions)s)",
        arg_joiner=" ILIKE ",
        output_field=BooleanField(),
    )


def escaped(text: str) -> str:
    """`text` as itself in a pattern of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_TEXTS = {
    **_COLUMNS,
    "metadata.name": "name",
    "metadata.title": "title",
    "metadata.description": "description",
    "spec.profile.displayname": "title",
}


def text_at(key: str) -> Expression | F:
    """The text at `key`: the column that repeats it, else out of the document. Empty where there is none."""
    if column := _TEXTS.get(key.lower()):
        return F(column)
    if key.lower() == _UID:
        return Cast("pk", TextField())
    return Coalesce(scalar_at(path_of(key)), Value(""))


def path_of(key: str) -> tuple[str, ...]:
    """`metadata.annotations.backstage.io/x` as its three keys: below annotations and labels, keys hold dots."""
    parts = key.split(".")
    if parts[:2] in (["metadata", "annotations"], ["metadata", "labels"]) and parts[2:]:
        return (*parts[:2], ".".join(parts[2:]))
    return tuple(parts)


def scalar_at(path: tuple[str, ...]) -> Case:
    """The text, number or truth value at `path` of the document as text; NULL for lists, mappings and nothing."""
    kind = Func(_at(path, "#>", JSONField()), function="jsonb_typeof", output_field=TextField())
    return Case(
        When(In(kind, ["string", "number", "boolean"]), then=_at(path, "#>>", TextField())),
        output_field=TextField(),
    )


def _at(path: tuple[str, ...], operator: str, kind: Field[Any, Any]) -> Func:
    keys = Value(list(path), output_field=ArrayField(TextField()))
    return Func(
        F("document"),
        keys,
        template="(%(expressions)s)",
        arg_joiner=f" {operator} ",
        output_field=kind,
    )


def _column(name: str, values: tuple[str, ...]) -> Q:
    return Q(**{f"{name}__in": values}) if values else ~Q(**{name: ""})


def _relation(condition: Condition) -> Q:
    type = condition.key.removeprefix(_RELATIONS)
    rows = Relation.objects.filter(type=_RELATION_TYPES.get(type, type))
    if condition.values:
        rows = rows.filter(target_ref__in=condition.values)
    return Q(pk__in=rows.values("source_id"))
