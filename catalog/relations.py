"""Which fields of a descriptor relate it to others, how each relation is called from both ends, and its default kind.

The fields are Backstage's (catalog-model 1.10, `relationFields`); references without a namespace mean the entity's own.
Kinds that nobody described relate by owner, system and domain as the known ones do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from catalog.refs import RefInvalid, canonical

INVERSE = {
    "ownedBy": "ownerOf",
    "dependsOn": "dependencyOf",
    "providesApi": "apiProvidedBy",
    "consumesApi": "apiConsumedBy",
    "partOf": "hasPart",
    "childOf": "parentOf",
    "memberOf": "hasMember",
}
INVERSE |= {there: here for here, there in INVERSE.items()}


class RelationField(NamedTuple):
    name: str  # below `spec`
    relation: str
    kind: str = ""  # of a reference that names none; empty: it must


_OWNER = RelationField("owner", "ownedBy", "group")
_SYSTEM = RelationField("system", "partOf", "system")
_DOMAIN = RelationField("domain", "partOf", "domain")
_DEPENDS_ON = RelationField("dependsOn", "dependsOn")
_DEPENDENCY_OF = RelationField("dependencyOf", "dependencyOf")
_FIELDS: dict[str, tuple[RelationField, ...]] = {
    "component": (
        _OWNER,
        RelationField("subcomponentOf", "partOf", "component"),
        RelationField("providesApis", "providesApi", "api"),
        RelationField("consumesApis", "consumesApi", "api"),
        _DEPENDS_ON,
        _DEPENDENCY_OF,
        _SYSTEM,
    ),
    "api": (_OWNER, _SYSTEM),
    "resource": (_OWNER, _DEPENDS_ON, _DEPENDENCY_OF, _SYSTEM),
    "system": (_OWNER, _DOMAIN),
    "domain": (_OWNER, RelationField("subdomainOf", "partOf", "domain")),
    "group": (
        RelationField("parent", "childOf", "group"),
        RelationField("children", "parentOf", "group"),
        RelationField("members", "hasMember", "user"),
    ),
    "user": (RelationField("memberOf", "memberOf", "group"),),
    "template": (_OWNER,),
    "location": (),
    "airesource": (
        _OWNER,
        _SYSTEM,
        RelationField("dependsOn", "dependsOn", "airesource"),
        RelationField("skills", "hasPart", "airesource"),
        RelationField("plugins", "hasPart", "airesource"),
    ),
}
_FIELDS_OF_OTHER_KINDS = (_OWNER, _SYSTEM, _DOMAIN)


def known_fields() -> frozenset[RelationField]:
    """Of all kinds that Backstage knows."""
    return frozenset(_FIELDS_OF_OTHER_KINDS).union(*_FIELDS.values())


class Stated(NamedTuple):
    """One relation that a document states, or the reason why it states none."""

    field: str
    relation: str
    target_ref: str
    error: str = ""


def stated_relations(
    document: Mapping[str, Any], kind: str, namespace: str, defined: Collection[RelationField] = ()
) -> Iterator[Stated]:
    """Every relation that a valid `document` states, in the order of its fields; `kind` in lower case.

    `defined` are the fields that the definition of a kind adds, or reads in its own way.
    """
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return
    named = {field.name for field in defined}
    known = _FIELDS.get(kind, _FIELDS_OF_OTHER_KINDS)
    for field in (*defined, *(field for field in known if field.name not in named)) if defined else known:
        value = spec.get(field.name)
        if not value:
            continue
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and text:
                yield _stated(field, text, namespace)


def _stated(field: RelationField, text: str, namespace: str) -> Stated:
    try:
        return Stated(field.name, field.relation, canonical(text, kind=field.kind, namespace=namespace))
    except RefInvalid as error:
        return Stated(field.name, field.relation, "", str(error))
