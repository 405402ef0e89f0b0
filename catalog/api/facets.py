"""How many entities have which values, for any field; kept per revision of the catalogue (`per_revision.py`).

Values of the columns (kind, type, lifecycle, namespace) are counted without reading a document; in which letters they
are shown is looked up in one entity for each value. So spellings that differ in case alone are one value, as they are
for filters.
"""

# ruff: noqa: S608 - what is put into statements is constants of this module; values are parameters
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from catalog.filter_sql import path_of
from catalog.mentions import meanings
from catalog.models import Entity
from catalog.per_revision import kept
from catalog.relations import INVERSE
from catalog.visibility import hidden_in
from control.api import ApiError
from control.filters import Condition
from control.models import User

MOST = 50  # facets of one request
MOST_VALUES = 10_000  # of one facet, by value
_COLUMNS = {
    "kind": "kind",
    "metadata.namespace": "namespace",
    "spec.type": "type",
    "spec.lifecycle": "lifecycle",
}
_RELATION_TYPES = {f"relations.{name.lower()}": name for name in INVERSE}
_OF_COLUMN = """
SELECT COALESCE(CASE WHEN lower(e.document #>> %s::text[]) = v.value THEN e.document #>> %s::text[] END, v.value),
    v.found
FROM (SELECT f.{column} AS value, count(*) AS found, min(f.ref) AS ref FROM ({base}) f
    WHERE f.{column} <> '' GROUP BY f.{column}) v JOIN catalog_entity e ON e.ref = v.ref
"""
_OF_RELATION = """
SELECT r.target_ref, count(*) FROM ({base}) f JOIN catalog_relation r ON r.source_id = f.id AND r.type = %s GROUP BY 1
"""
_OF_DOCUMENT = """
SELECT item #>> '{{}}', count(DISTINCT f.id) FROM ({base}) f, LATERAL jsonb_array_elements(
    CASE jsonb_typeof(f.document #> %s::text[]) WHEN 'array' THEN f.document #> %s::text[]
        ELSE jsonb_build_array(f.document #> %s::text[]) END) item
WHERE f.document #> %s::text[] IS NOT NULL AND jsonb_typeof(item) IN ('string', 'number', 'boolean') GROUP BY 1
"""
_SORTED = f"""
SELECT value, found FROM ({{statement}}) AS counted (value, found) ORDER BY value COLLATE "C" LIMIT {MOST_VALUES}
"""


def facets(found: QuerySet[Entity], names: Iterable[str], user: User) -> dict[str, list[dict[str, Any]]]:
    """Facet → its values in order, each with its count, without what names an entity that `user` does not see.

    Two queries for each facet at most, one when they are kept.
    """
    wanted = list(dict.fromkeys(names))
    if len(wanted) > MOST:
        raise ApiError(400, f"At most {MOST} facets can be asked for at once.")
    return kept(f"facets {wanted}", found.order_by().values("pk"), lambda: _counted(found, wanted, user))


def _counted(found: QuerySet[Entity], names: list[str], user: User) -> dict[str, list[dict[str, Any]]]:
    counted = {name: _values(found, name) for name in names}
    said = [Condition(name, tuple(value for value, _ in values)) for name, values in counted.items()]
    hidden = hidden_in(said, user)
    return {
        name: [{"value": v, "count": n} for v, n in values if not (hidden and meanings(name, v) & hidden)]
        for name, values in counted.items()
    }


def _values(found: QuerySet[Entity], name: str) -> list[tuple[str, int]]:
    try:
        statement, parameters = _statement(found, name)
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_SORTED.format(statement=statement), parameters)
        return [(value, count) for value, count in cursor.fetchall()]


def _statement(found: QuerySet[Entity], name: str) -> tuple[str, tuple[Any, ...]]:
    path = list(path_of(name))
    if column := _COLUMNS.get(name.lower()):
        base, parameters = found.order_by().values("ref", column).query.sql_with_params()
        return _OF_COLUMN.format(column=column, base=base), (path, path, *parameters)
    if relation := _RELATION_TYPES.get(name.lower()):
        base, parameters = found.order_by().values("id").query.sql_with_params()
        return _OF_RELATION.format(base=base), (*parameters, relation)
    base, parameters = found.order_by().values("id", "document").query.sql_with_params()
    return _OF_DOCUMENT.format(base=base), (*parameters, path, path, path, path)
