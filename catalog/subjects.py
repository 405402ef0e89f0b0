"""Entities as the subjects of requests: who owns them, and the terms that rules are matched against."""

from __future__ import annotations

from catalog.models import Entity, Relation
from control.subjects import Subject

_OWNS_ITSELF = frozenset({"user", "group"})


def resolve(ref: str) -> Subject | None:
    """The entity `ref` as a subject; None when the catalogue does not know it."""
    entity = (
        Entity.objects.filter(ref=ref.lower())
        .only("ref", "kind", "namespace", "name", "title", "type", "lifecycle", "owner_ref", "term_keys")
        .first()
    )
    if entity is None:
        return None
    relations = list(Relation.objects.filter(source=entity).values_list("type", "target_ref"))
    owner = effective_owner(entity, relations)
    return Subject(
        ref=entity.ref,
        title=entity.label,
        owner_refs=(owner,) if owner else (),
        terms=entity.terms | _relation_terms(relations),
        url=entity.get_absolute_url(),
    )


def effective_owner(entity: Entity, relations: list[tuple[str, str]]) -> str:
    """Its own owner; else that of what it is part of, at most three steps up (part, system, domain)."""
    if entity.kind in _OWNS_ITSELF:
        return entity.ref
    if entity.owner_ref:
        return entity.owner_ref
    wholes = [target for type, target in relations if type == "partOf"]
    for _ in range(3):
        if not wholes:
            return ""
        found = list(Entity.objects.filter(ref__in=wholes).order_by("ref").values_list("pk", "owner_ref"))
        if owner := next((owner for _, owner in found if owner), ""):
            return owner
        above = Relation.objects.filter(source__in=[pk for pk, _ in found], type="partOf")
        wholes = list(above.values_list("target_ref", flat=True))
    return ""


def _relation_terms(relations: list[tuple[str, str]]) -> frozenset[str]:
    return frozenset(
        term
        for type, target in relations
        for term in (f"relations.{type}".lower(), f"relations.{type}={target}".lower())
    )
