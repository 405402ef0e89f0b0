"""Why an entity is here: the Location entities that led to it, up to the location that somebody registered."""

from __future__ import annotations

import json

from django.db import connection

from catalog.api import documents
from catalog.models import Entity, Location
from catalog.naming import location_ref
from catalog.reading import DEPTH_LIMIT
from control.models import User

_PARENTS = """
WITH RECURSIVE above AS (
    SELECT id, ref, parent_id, 0 AS step FROM catalog_entity WHERE id = %s
    UNION ALL
    SELECT p.id, p.ref, p.parent_id, above.step + 1 FROM catalog_entity p JOIN above ON p.id = above.parent_id
    WHERE above.step < %s
)
SELECT DISTINCT ON (ref) ref, step FROM above ORDER BY ref, step
"""


def ancestry_of(entity: Entity, user: User) -> str:
    """As JSON text, nearest first. What `user` may not see ends the way up. Three queries."""
    with connection.cursor() as cursor:
        cursor.execute(_PARENTS, [entity.pk, DEPTH_LIMIT + 1])
        steps = dict(cursor.fetchall())
    visible = Entity.objects.visible_to(user).filter(ref__in=steps)
    texts = documents.by_ref(visible, documents.EVERYTHING, user)
    chain = sorted(texts, key=lambda ref: steps[ref])
    location = Location.objects.get(pk=entity.location_id)
    top = location_ref(location)
    items = [_item(texts[ref], parent) for ref, parent in zip(chain, [*chain[1:], top], strict=True)]
    items.append(f'{{"entity":{json.dumps(generated(location))},"parentEntityRefs":[]}}')
    return f'{{"rootEntityRef":{json.dumps(entity.ref)},"items":[{",".join(items)}]}}'


def _item(text: str, parent: str) -> str:
    return f'{{"entity":{text},"parentEntityRefs":[{json.dumps(parent)}]}}'


def generated(location: Location) -> dict[str, object]:
    """The Location entity that Backstage makes of a registered location; here it is only said, not stored."""
    annotations = dict.fromkeys(
        ("backstage.io/managed-by-location", "backstage.io/managed-by-origin-location"), str(location)
    )
    name = location_ref(location).partition("/")[2]
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": str(location.pk),
            "annotations": annotations,
        },
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "spec": {"type": location.type, "target": location.target},
        "relations": [],
    }
