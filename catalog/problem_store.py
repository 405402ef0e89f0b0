"""Problems as rows: those that a read found are replaced as one set, dangling references follow what is there.

Rows that say the same are left alone, so a read that finds nothing new writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q

from catalog.models import Entity, Location, Problem
from catalog.reading import Trouble

MOST_OF_ONE_LOCATION = 1_000
_TEXTS_AT_ONCE = 50
_POINTED_AT_IN_ONE = 50  # problems of one entity that lead to their line; the others to its beginning
_DANGLING = """
INSERT INTO catalog_problem (
    location_id, entity_id, entity_ref, target_ref, severity, code, path, line, message, found_at
)
SELECT e.location_id, e.id, e.ref, r.target_ref, 'warning', 'dangling', e.source_path, e.source_line,
    'Its ' || COALESCE(words.field, r.type) || ' names ' || r.target_ref || ', which is not in the catalogue. '
        || 'Register the file that describes it, or correct the reference.', now()
FROM catalog_relation r JOIN catalog_entity e ON e.id = r.source_id
    LEFT JOIN (VALUES {words}) AS words (type, field) ON words.type = r.type
WHERE r.is_stated AND ({which}) AND NOT EXISTS (SELECT FROM catalog_entity t WHERE t.ref = r.target_ref)
    AND NOT EXISTS (SELECT FROM catalog_problem p
        WHERE p.entity_id = e.id AND p.code = 'dangling' AND p.target_ref = r.target_ref)
"""
# Relation → what the field is called in a file.
_FIELDS = {
    "ownedBy": "owner",
    "partOf": "system, domain or whole",
    "providesApi": "providesApis",
    "consumesApi": "consumesApis",
    "childOf": "parent",
    "parentOf": "children",
    "hasMember": "members",
}
_WORDS = ", ".join(f"('{type}', '{field}')" for type, field in _FIELDS.items())


def replace(location: Location, troubles: Sequence[Trouble]) -> bool:
    """Make the problems found by reading exactly `troubles`. Returns whether anything was written."""
    wanted = list(dict.fromkeys(troubles))
    if len(wanted) > MOST_OF_ONE_LOCATION:
        rest = len(wanted) - MOST_OF_ONE_LOCATION + 1
        note = Trouble(
            Problem.Code.INVALID, f"{rest:,} more problems are not shown. Solve the first ones.", ""
        )
        wanted = [*wanted[: MOST_OF_ONE_LOCATION - 1], note]
    present = Problem.objects.filter(location=location).exclude(code=Problem.Code.DANGLING)
    if sorted(present.values_list(*_KEY)) == sorted(_key(trouble) for trouble in wanted):
        return False
    refs = {trouble.entity_ref for trouble in wanted if trouble.entity_ref}
    ids = dict(Entity.objects.filter(location=location, ref__in=refs).values_list("ref", "pk"))
    present.delete()
    Problem.objects.bulk_create(
        [
            Problem(
                location=location,
                entity_id=ids.get(trouble.entity_ref),
                entity_ref=trouble.entity_ref,
                severity=trouble.severity,
                code=trouble.code,
                path=trouble.path[:1000],
                line=trouble.line,
                message=trouble.message,
            )
            for trouble in wanted
        ],
        batch_size=500,
    )
    return True


_KEY = ("code", "path", "line", "entity_ref", "message", "severity")


def _key(trouble: Trouble) -> tuple[str, str, int | None, str, str, str]:
    return (
        trouble.code,
        trouble.path[:1000],
        trouble.line,
        trouble.entity_ref,
        trouble.message,
        trouble.severity,
    )


def follow_references(said: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> None:
    """Warn of references to what is not there: from entities that `said` something new, and to what was `removed`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM catalog_problem p WHERE p.code = 'dangling' AND (p.target_ref = ANY(%s) OR ("
            " p.entity_ref = ANY(%s) AND NOT EXISTS (SELECT FROM catalog_relation r"
            " WHERE r.source_id = p.entity_id AND r.is_stated AND r.target_ref = p.target_ref)))",
            [list(added), list(said)],
        )
        cursor.execute(_DANGLING.format(words=_WORDS, which="e.ref = ANY(%s)"), [list(said)])
        if removed:
            cursor.execute(_DANGLING.format(words=_WORDS, which="r.target_ref = ANY(%s)"), [list(removed)])
    _point_at_lines(said)


def _point_at_lines(refs: Sequence[str]) -> None:
    """From the beginning of the document to the line with the reference, for as many as people will look at."""
    begun = Problem.objects.filter(
        code=Problem.Code.DANGLING, entity_ref__in=refs, line=F("entity__source_line")
    )[:MOST_OF_ONE_LOCATION]
    of_entity: dict[UUID | None, list[Problem]] = {}
    for problem in begun:
        of_entity.setdefault(problem.entity_id, []).append(problem)
    # Texts may be megabytes: each is held once, and only a few at a time.
    texts = Entity.objects.filter(pk__in=list(of_entity)).only("source_line", "source_text")
    found = []
    for entity in texts.iterator(chunk_size=_TEXTS_AT_ONCE):
        for problem in of_entity[entity.pk][:_POINTED_AT_IN_ONE]:
            problem.line = entity.source_line + _line_with(entity.source_text, problem.target_ref)
            found.append(problem)
    Problem.objects.bulk_update(found, ["line"], batch_size=500)


def _line_with(text: str, ref: str) -> int:
    """Offset of the first line below `spec:` that says the name of `ref`."""
    name = re.compile(rf"(?<![\w.-]){re.escape(ref.rpartition('/')[2])}(?![\w.-])", re.IGNORECASE)
    is_in_spec = False
    for offset, line in enumerate(text.splitlines()):
        is_in_spec = is_in_spec or line.startswith("spec")
        if is_in_spec and name.search(line):
            return offset
    return 0


def count_again(location: Location, touched: Sequence[str]) -> None:
    """Bring `problem_count` up to date: of this location, and of those that refer to what came or went."""
    with connection.cursor() as cursor:
        concerned = [location.pk, *(_referring(cursor, touched) if touched else ())]
        # Counted one by one by the index: the planner would read all problems for a join.
        cursor.execute(
            "UPDATE catalog_location l SET problem_count = counted.found FROM ("
            " SELECT c.id, (SELECT count(*) FROM catalog_problem p WHERE p.location_id = c.id) AS found"
            " FROM unnest(%s::uuid[]) AS c (id)"
            ") counted WHERE counted.id = l.id AND l.problem_count <> counted.found",
            [concerned],
        )


def _referring(cursor: Any, refs: Sequence[str]) -> list[UUID]:
    cursor.execute(
        "SELECT DISTINCT e.location_id FROM catalog_relation r JOIN catalog_entity e ON e.id = r.source_id"
        " WHERE r.target_ref = ANY(%s)",
        [list(refs)],
    )
    return [id for (id,) in cursor.fetchall()]


def conflicts(foreign: Sequence[tuple[str, str, int, str]]) -> list[Trouble]:
    return [
        Trouble(
            Problem.Code.CONFLICT,
            f"{ref} belongs to {whose}, which was first, and stays as it is there. Rename one, or remove the other.",
            path,
            line,
            ref,
        )
        for ref, path, line, whose in foreign
    ]


def of_entity(entity: Entity) -> Q:
    """The problems to show on an entity: its own, and those of files that claim its name."""
    return Q(entity=entity) | Q(entity_ref=entity.ref)
