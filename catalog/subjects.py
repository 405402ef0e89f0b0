"""Entities as the subjects of requests: who owns them, and the terms that rules are matched against."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast
from uuid import UUID

from catalog.models import Entity, Relation
from catalog.refs import DEFAULT_NAMESPACE, RefInvalid, canonical, ref_of
from catalog.relations import stated_relations
from catalog.terms import terms_of
from control.subjects import NoSubject, Subject

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
        document=partial(_document, entity.pk),
    )


def attributes_of(ref: str) -> Mapping[str, Any] | None:
    """The document of a person, if an organisation source has it: others may write what they like of anybody."""
    people = Entity.objects.filter(ref=ref.lower(), kind="user", location__is_org_source=True)
    return people.values_list("document", flat=True).first()


def _document(entity_id: UUID) -> Mapping[str, Any]:
    found = Entity.objects.filter(pk=entity_id).values_list("document", flat=True).first()
    return cast(Mapping[str, Any], found or {})


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


def described(document: Mapping[str, Any]) -> Subject:
    """What `resolve` would give for an entity with this document alone. Raises `NoSubject`.

    `relations` may hold, as the catalogue's API writes them, those that other documents would state.
    """
    kind, metadata = document.get("kind"), document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name = metadata.get("name")
    if not (isinstance(kind, str) and kind and isinstance(name, str) and name):
        raise NoSubject("an entity needs kind and metadata.name, like in catalog-info.yaml.")
    namespace = str(metadata.get("namespace") or DEFAULT_NAMESPACE).lower()
    own = {key: value for key, value in document.items() if key != "relations"}
    own["metadata"] = {**metadata, "namespace": namespace}
    relations = _stated(own, kind.lower(), namespace) + _listed(document.get("relations"))
    owner = next((target for type, target in relations if type == "ownedBy"), "")
    if kind.lower() in _OWNS_ITSELF:
        owner = ref_of(own)
    title = metadata.get("title")
    return Subject(
        ref=ref_of(own),
        title=title if isinstance(title, str) and title else name,
        owner_refs=(owner,) if owner else (),
        terms=frozenset(terms_of(own)) | _relation_terms(relations),
        document=lambda: own,
    )


def _stated(document: dict[str, Any], kind: str, namespace: str) -> list[tuple[str, str]]:
    stated = list(stated_relations(document, kind, namespace))
    if wrong := next((one for one in stated if one.error), None):
        raise NoSubject(f"spec.{wrong.field}: {wrong.error}")
    return [(one.relation, one.target_ref) for one in stated]


def _listed(relations: Any) -> list[tuple[str, str]]:
    try:
        return [(str(one["type"]), canonical(str(one["targetRef"]))) for one in relations or ()]
    except (TypeError, KeyError, RefInvalid):
        raise NoSubject(
            "relations must be a list like [{type: partOf, targetRef: system:default/shop}]."
        ) from None
