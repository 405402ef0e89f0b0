"""Writing what was read, set by set: rows are copied into a table of this connection, a few statements do the rest.

The number of statements does not grow with the number of entities. Whoever calls holds the catalogue's lock and a
transaction (`lock_catalogue`); relations are `relation_store.py`, problems `problem_store.py`.
"""

# ruff: noqa: S608 - what is put into statements is constants of this module; values are parameters
from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection

from catalog import relation_store
from catalog.entity_rows import EntityRow
from catalog.ids import new_id
from catalog.models import Entity, Location
from catalog.packed_text import pack
from catalog.per_revision import NUMBER
from control.per_request import forget

_CATALOGUE_LOCK = 7_340_004  # any number, the same in every process
_SEPARATOR = "\x1e"  # between tags on their way in; no tag holds it
# Typed as they will be stored, so that the server understands a row while the next one is still being read.
_TYPES = {
    **dict.fromkeys(
        ("ref", "kind", "namespace", "name", "title", "description", "type", "lifecycle"), "text"
    ),
    "owner_ref": "text",
    "system_ref": "text",
    "tags": "text",
    "document": "jsonb",
    "digest": "text",
    "term_keys": "bigint[]",
    "search": "tsvector",
    "source_path": "text",
    "source_line": "integer",
    "source_text": "bytea",
    "parent_ref": "text",
    "relations": "jsonb",
    "new_id": "uuid",
}
_COLUMNS = tuple(_TYPES)
_plain = attrgetter(*_COLUMNS[:-1])
_TAGS, _KEYS, _SOURCE, _RELATIONS = map(_COLUMNS.index, ("tags", "term_keys", "source_text", "relations"))
_CREATE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS entity_stage (
    {", ".join(f"{column} {type}" for column, type in _TYPES.items())}, state text, entity_id uuid
)
"""
# What each row means for the catalogue: new, changed, moved (same words, another place), same, or somebody else's.
_COMPARE = """
UPDATE entity_stage s SET entity_id = e.id, state = CASE
    WHEN e.location_id <> %(location)s THEN 'foreign'
    WHEN e.digest <> s.digest THEN 'changed'
    WHEN (e.source_path, e.source_line, e.source_text, e.orphaned_at)
        IS DISTINCT FROM (s.source_path, s.source_line, s.source_text, NULL::timestamptz) THEN 'moved'
    ELSE 'same' END
FROM catalog_entity e WHERE e.ref = s.ref
"""
_WRITTEN = (
    *("title", "description", "type", "lifecycle", "owner_ref", "system_ref"),
    *("tags", "document", "digest", "term_keys", "search"),
    *("name", "source_path", "source_line", "source_text", "parent_id", "orphaned_at"),
)
_UPSERT = f"""
INSERT INTO catalog_entity (
    id, ref, kind, namespace, location_id, first_seen_at, changed_at, {", ".join(_WRITTEN)}
)
SELECT COALESCE(s.entity_id, s.new_id), s.ref, s.kind, s.namespace, %(location)s, %(at)s, %(at)s,
    s.title, s.description, s.type, s.lifecycle, s.owner_ref, s.system_ref,
    string_to_array(s.tags, %(separator)s), s.document, s.digest, s.term_keys, s.search,
    s.name, s.source_path, s.source_line, s.source_text, parent.id, NULL
FROM entity_stage s LEFT JOIN catalog_entity parent ON parent.ref = NULLIF(s.parent_ref, '')
WHERE s.state IN ('new', 'changed', 'moved') AND (s.kind = 'location') = %(pointers)s
ON CONFLICT (ref) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in _WRITTEN)},
    changed_at = CASE WHEN catalog_entity.digest = excluded.digest THEN catalog_entity.changed_at
                      ELSE excluded.changed_at END
"""
# Location entities may point to Location entities, so theirs are known only once all of them are there.
_POINTERS_PARENTS = """
UPDATE catalog_entity e SET parent_id = parent.id
FROM entity_stage s JOIN catalog_entity parent ON parent.ref = s.parent_ref
WHERE e.ref = s.ref AND s.kind = 'location' AND s.parent_ref <> '' AND s.state <> 'foreign'
    AND e.parent_id IS DISTINCT FROM parent.id
"""


@dataclass
class Written:
    """What an ingestion did, as references."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    foreign: list[tuple[str, str, int, str]] = field(default_factory=list)  # ref, path, line, whose
    moved: int = 0  # described at another place than before, in the same words

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def lock_catalogue() -> None:
    """One writer of the catalogue at a time, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CATALOGUE_LOCK])


class Stage:
    """Rows on their way in; nothing is visible to anybody before `apply`."""

    def __init__(self) -> None:
        self.is_empty = True

    def add(self, rows: Iterable[EntityRow]) -> None:
        with connection.cursor() as cursor:
            if self.is_empty:
                cursor.execute(_CREATE)
                cursor.execute("TRUNCATE entity_stage")
                self.is_empty = False
            with cursor.copy(f"COPY entity_stage ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(_sent(row))

    def apply(self, location: Location, *, at: datetime) -> Written:
        """Put the rows into the catalogue, with their relations. What another location owns stays as it is."""
        if self.is_empty:
            return Written()
        parameters: dict[str, UUID | datetime | str] = {
            "location": location.pk,
            "at": at,
            "separator": _SEPARATOR,
        }
        with connection.cursor() as cursor:
            cursor.execute("UPDATE entity_stage SET state = 'new', entity_id = NULL")
            cursor.execute(_COMPARE, parameters)
            for pointers in (True, False):
                cursor.execute(_UPSERT, {**parameters, "pointers": pointers})
            cursor.execute(_POINTERS_PARENTS)
            written = _written(cursor)
            relation_store.write_staged(cursor)
            cursor.execute("TRUNCATE entity_stage")
        return written


def _sent(row: EntityRow) -> list[str | int | bytes | UUID]:
    """In the order of the columns; lists and packed text as the text that COPY takes."""
    values = list(_plain(row))
    values[_TAGS] = _SEPARATOR.join(row.tags)
    values[_KEYS] = f"{{{','.join(map(str, row.term_keys))}}}"
    values[_SOURCE] = pack(row.source_text)
    values[_RELATIONS] = json.dumps(row.relations)
    return [*values, new_id()]


def _written(cursor: Any) -> Written:
    cursor.execute("SELECT state, array_agg(ref ORDER BY ref) FROM entity_stage GROUP BY state")
    refs = dict(cursor.fetchall())
    cursor.execute(
        "SELECT s.ref, s.source_path, s.source_line, l.type || ':' || l.target FROM entity_stage s"
        " JOIN catalog_entity e ON e.id = s.entity_id JOIN catalog_location l ON l.id = e.location_id"
        " WHERE s.state = 'foreign' ORDER BY s.ref"
    )
    foreign = cursor.fetchall()
    return Written(refs.get("new", []), refs.get("changed", []), [], foreign, len(refs.get("moved", [])))


def settle() -> None:
    """After a large write, outside of its transaction: tell the planner what there is, and file waiting index entries.

    Autovacuum would do both, minutes later; until then plans are guesses, and every search reads what waits.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalog_entity, catalog_relation")
        cursor.execute(
            "SELECT gin_clean_pending_list(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_am a ON a.oid = c.relam WHERE i.indrelid = 'catalog_entity'::regclass AND a.amname = 'gin'"
        )


def remove_all_but(location: Location, refs: Collection[str]) -> list[str]:
    """Take away what `location` does not describe any more. Returns what went."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, ref FROM catalog_entity WHERE location_id = %s AND NOT ref = ANY(%s) ORDER BY ref",
            [location.pk, list(refs)],
        )
        gone = cursor.fetchall()
    _delete([id for id, _ in gone], [ref for _, ref in gone])
    return [ref for _, ref in gone]


def remove_entities_of(location: Location) -> list[str]:
    return remove_all_but(location, [])


def remove_entity(entity: Entity) -> None:
    """Take one entity away. The caller holds the catalogue's lock."""
    _delete([entity.pk], [entity.ref])


def count_entities(location: Location) -> None:
    """Bring `entity_count` up to date."""
    Location.objects.filter(pk=location.pk).update(
        entity_count=Entity.objects.filter(location=location).count()
    )


def _delete(ids: list[object], refs: list[str]) -> None:
    if not ids:
        return
    with connection.cursor() as cursor:
        relation_store.forget(cursor, ids, refs)
        cursor.execute("DELETE FROM catalog_problem WHERE entity_id = ANY(%s)", [ids])
        cursor.execute("UPDATE catalog_entity SET parent_id = NULL WHERE parent_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM catalog_entity WHERE id = ANY(%s)", [ids])


def mark_orphans(location: Location, kept: Collection[str], *, at: datetime) -> bool:
    """What is kept though its file or document is broken is marked; what is described again is not any more.

    Returns whether anything changed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_entity SET orphaned_at = CASE WHEN ref = ANY(%(kept)s) THEN %(at)s END"
            " WHERE location_id = %(location)s AND (orphaned_at IS NOT NULL) <> (ref = ANY(%(kept)s))",
            {"kept": list(kept), "at": at, "location": location.pk},
        )
        return bool(cursor.rowcount)


def raise_revision(*, at: datetime) -> None:
    """Everything that is kept per revision (facets, totals, whole answers) is worked out again.

    To be called with whatever changes an entity, its relations or its problems, in the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_catalogrevision (id, number, changed_at, facets, facets_number)"
            " VALUES (1, 1, %(at)s, '{}', 0)"
            " ON CONFLICT (id) DO UPDATE SET number = catalog_catalogrevision.number + 1, changed_at = %(at)s",
            {"at": at},
        )
    forget(NUMBER)
