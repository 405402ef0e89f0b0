"""Words and icons for what the catalogue holds: kinds, relations, references, places.

Says how things are called on pages and makes no HTML; only kinds that are not built in are looked up, once per request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalog import custom_kinds
from catalog.models import Entity, Location
from control.templatetags.portico import kind_icon_name

NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class KindWords:
    one: str
    many: str


_KINDS = {
    "component": KindWords("Component", "Components"),
    "api": KindWords("API", "APIs"),
    "resource": KindWords("Resource", "Resources"),
    "system": KindWords("System", "Systems"),
    "domain": KindWords("Domain", "Domains"),
    "group": KindWords("Group", "Groups"),
    "user": KindWords("User", "Users"),
    "template": KindWords("Template", "Templates"),
    "location": KindWords("Location", "Locations"),
    "environment": KindWords("Environment", "Environments"),
}

# How a relation reads on the page of the entity that has it.
_RELATIONS = {
    "ownedBy": "Owned by",
    "ownerOf": "Owns",
    "providesApi": "Provides",
    "apiProvidedBy": "Provided by",
    "consumesApi": "Consumes",
    "apiConsumedBy": "Consumed by",
    "dependsOn": "Depends on",
    "dependencyOf": "Used by",
    "partOf": "Part of",
    "hasPart": "Contains",
    "parentOf": "Parent of",
    "childOf": "Child of",
    "memberOf": "Member of",
    "hasMember": "Members",
}
RELATION_ORDER = (
    *("providesApi", "consumesApi", "dependsOn", "apiProvidedBy", "apiConsumedBy", "dependencyOf"),
    *("partOf", "hasPart", "ownedBy", "ownerOf", "childOf", "parentOf", "memberOf", "hasMember"),
)


def kind_words(kind: str, document: dict[str, object] | None = None) -> KindWords:
    """Words for a lower-case kind, by its definition; one that nobody described keeps the spelling of its document."""
    if words := _KINDS.get(kind):
        return words
    if defined := custom_kinds.shown(kind):
        return KindWords(defined.name, defined.plural)
    spelled = document.get("kind") if document else None
    name = str(spelled) if spelled else kind[:1].upper() + kind[1:]
    return KindWords(name, name)


def icon_of(kind: str, type: str = "") -> str:
    """The name of its icon in the lucide set."""
    return kind_icon_name(kind, type.lower())


def relation_words(type: str) -> str:
    """`dependsOn` as "Depends on"; a relation nobody described is taken apart at its capitals."""
    return _RELATIONS.get(type) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type).capitalize()


def place_words(location: Location) -> str:
    """A location in a few words: `acme/payments` of a git address, the last two parts of a path."""
    target = location.target.partition("#")[0].split("?")[0].rstrip("/")
    path = re.sub(r"^[a-z+]+://[^/]*|^[^/@]+@[^:]+:", "", target)
    parts = [
        part for part in path.removesuffix(".git").split("/") if part and part not in ("blob", "tree", "raw")
    ]
    return "/".join(parts[-2:]) or target


def count_words(count: int, one: str, many: str = "") -> str:
    return f"{count:,}{NO_BREAK}{one if count == 1 else many or one + 's'}"


def one_line(entity: Entity) -> str:
    """Kind, type and lifecycle as far as known: "service, production"."""
    return (
        ", ".join(part for part in (entity.type, entity.lifecycle) if part)
        or kind_words(entity.kind).one.lower()
    )
