"""Relations as rows of both ends, kept by a few statements over whole sets.

A row stands while one of its ends says it. So a changed entity first takes back what it does not say any more, at both
ends, and then says what it says now; a new entity also gets the other ends of what others said about it before.
"""

# ruff: noqa: S608 - what is put into statements is constants of this module; values are parameters
from __future__ import annotations

from typing import Any

from catalog.relations import INVERSE

_INVERSE = ", ".join(f"('{here}', '{there}')" for here, there in INVERSE.items())
_EDGES = """
CREATE TEMPORARY TABLE edge_stage ON COMMIT DROP AS
SELECT e.id AS source_id, e.ref AS source_ref, edge ->> 0 AS type, edge ->> 1 AS target_ref
FROM entity_stage s JOIN catalog_entity e ON e.ref = s.ref, jsonb_array_elements(s.relations) edge
WHERE s.state IN ('new', 'changed')
"""
_TAKE_BACK_HERE = """
UPDATE catalog_relation r SET is_stated = false
FROM entity_stage s
WHERE s.state = 'changed' AND r.source_id = s.entity_id AND r.is_stated AND NOT EXISTS (
    SELECT FROM edge_stage n WHERE n.source_id = r.source_id AND n.type = r.type AND n.target_ref = r.target_ref)
"""
_TAKE_BACK_THERE = f"""
UPDATE catalog_relation r SET is_stated_by_target = false
FROM entity_stage s, (VALUES {_INVERSE}) AS inverse (here, there), catalog_entity other
WHERE s.state = 'changed' AND r.target_ref = s.ref AND r.is_stated_by_target AND inverse.there = r.type
    AND other.id = r.source_id AND NOT EXISTS (
    SELECT FROM edge_stage n
    WHERE n.source_ref = r.target_ref AND n.type = inverse.here AND n.target_ref = other.ref)
"""
_DROP_UNSAID = """
DELETE FROM catalog_relation r USING entity_stage s
WHERE s.state = 'changed' AND NOT r.is_stated AND NOT r.is_stated_by_target
    AND (r.source_id = s.entity_id OR r.target_ref = s.ref)
"""
# Sorted, so that the rows of one entity lie together and the key's index is filled from one end.
_SAY = f"""
INSERT INTO catalog_relation (source_id, type, target_ref, is_stated, is_stated_by_target)
SELECT source_id, type, target_ref, bool_or(here), bool_or(NOT here)
FROM (
    SELECT source_id, type, target_ref, true AS here FROM edge_stage
    UNION ALL
    SELECT target.id, inverse.there, said.source_ref, false
    FROM (
        SELECT source_ref, type, target_ref FROM edge_stage
        UNION ALL
        SELECT e.ref, r.type, r.target_ref
        FROM entity_stage s JOIN catalog_relation r ON r.target_ref = s.ref AND r.is_stated
            JOIN catalog_entity e ON e.id = r.source_id
        WHERE s.state = 'new'
    ) said
    JOIN catalog_entity target ON target.ref = said.target_ref
    JOIN (VALUES {_INVERSE}) AS inverse (here, there) ON inverse.here = said.type
) every
GROUP BY source_id, type, target_ref
ORDER BY source_id, type, target_ref
ON CONFLICT (source_id, type, target_ref) DO UPDATE SET
    is_stated = catalog_relation.is_stated OR excluded.is_stated,
    is_stated_by_target = catalog_relation.is_stated_by_target OR excluded.is_stated_by_target
WHERE excluded.is_stated AND NOT catalog_relation.is_stated
    OR excluded.is_stated_by_target AND NOT catalog_relation.is_stated_by_target
"""


def write_staged(cursor: Any) -> None:
    """Bring the relations of every new and changed row of the stage up to date, at both ends."""
    cursor.execute("DROP TABLE IF EXISTS edge_stage")
    for statement in (_EDGES, _TAKE_BACK_HERE, _TAKE_BACK_THERE, _DROP_UNSAID, _SAY):
        cursor.execute(statement)


def forget(cursor: Any, ids: list[object], refs: list[str]) -> None:
    """Before entities go: what only they said goes with them; what others say about them stays, and dangles."""
    cursor.execute("DELETE FROM catalog_relation WHERE source_id = ANY(%s)", [ids])
    cursor.execute("DELETE FROM catalog_relation WHERE target_ref = ANY(%s) AND NOT is_stated", [refs])
    cursor.execute(
        "UPDATE catalog_relation SET is_stated_by_target = false WHERE target_ref = ANY(%s) AND is_stated_by_target",
        [refs],
    )
