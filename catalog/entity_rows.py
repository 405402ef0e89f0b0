"""A valid document as the row that is stored: columns for lists, terms for filters, words for search, relations.

Pure functions of the document; reading is `reading.py`, writing `store.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from catalog.refs import DEFAULT_NAMESPACE
from catalog.relations import RelationField, Stated, stated_relations
from catalog.terms import keys_of, terms_of
from catalog.words import name_words, without_tricks, words

_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
MOST_WORDS = 2_000  # of one weight: a search vector holds a megabyte
_WEIGHTS = ("1A", "2B", "")  # position and weight: how often a word stands in one part does not matter
TITLE_LENGTH, COLUMN_LENGTH = 500, 200
DESCRIPTION_LENGTH = 5_000  # lists read fifty at a time; the document keeps all of it


@dataclass(slots=True)
class EntityRow:
    ref: str
    kind: str
    namespace: str
    name: str
    title: str
    description: str
    type: str
    lifecycle: str
    owner_ref: str
    system_ref: str
    tags: list[str]
    document: str  # JSON
    digest: str
    term_keys: list[int]
    search: str  # a tsvector as PostgreSQL writes it
    source_path: str
    source_line: int
    source_text: str
    parent_ref: str
    relations: list[tuple[str, str]]  # type, target


def entity_row(
    document: dict[str, Any],
    *,
    path: str,
    line: int,
    text: str,
    parent_ref: str,
    defined: Collection[RelationField] = (),
    defined_digest: str = "",
) -> tuple[EntityRow, list[Stated]]:
    """The row of a valid document, and the references in it that are none.

    `defined` are relation fields that the definition of its kind adds; a change of theirs is a change of the entity.
    """
    metadata, spec = document["metadata"], document.get("spec") or {}
    kind = document["kind"].lower()
    namespace, name = (metadata.get("namespace") or DEFAULT_NAMESPACE).lower(), metadata["name"]
    stated = list(stated_relations(document, kind, namespace, defined))
    relations = list(dict.fromkeys((found.relation, found.target_ref) for found in stated if not found.error))
    owner_ref = next((target for type, target in relations if type == "ownedBy"), "")
    system_ref = next(
        (target for type, target in relations if type == "partOf" and target.startswith("system:")), ""
    )
    profile: dict[str, Any] = spec["profile"] if isinstance(spec.get("profile"), dict) else {}
    title = without_tricks(_text(metadata.get("title")) or _text(profile.get("displayName")))
    description = without_tricks(_text(metadata.get("description"))[:DESCRIPTION_LENGTH])
    type = without_tricks(_text(spec.get("type"))).lower()
    tags = metadata.get("tags") or []
    content = _as_json(document)
    row = EntityRow(
        ref=f"{kind}:{namespace}/{name.lower()}",
        kind=kind,
        namespace=namespace,
        name=name,
        title=title[:TITLE_LENGTH],
        description=description,
        type=type[:COLUMN_LENGTH],
        lifecycle=without_tricks(_text(spec.get("lifecycle"))).lower()[:COLUMN_LENGTH],
        owner_ref=owner_ref,
        system_ref=system_ref,
        tags=tags,
        document=content,
        digest=hashlib.sha256((content + defined_digest).encode()).hexdigest(),
        term_keys=keys_of(terms_of(document)),
        search=search_vector(
            [*name_words(name), *words(title[:TITLE_LENGTH])],
            words(" ".join([kind, type, owner_ref, _text(profile.get("email")), *tags])),
            words(description),
        ),
        source_path=path,
        source_line=line,
        source_text=text,
        parent_ref=parent_ref,
        relations=relations,
    )
    return row, [found for found in stated if found.error]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def search_vector(*parts: list[str]) -> str:
    """Words of the name, then of tags, type and owner, then of the description, as `'word':1A,2B 'plain' …`.

    Those of the description have no place, which ranks them lowest. Words hold neither quotes nor backslashes
    (`words.py`), so nothing is to be escaped.
    """
    found: dict[str, list[str]] = {}
    for weight, part in zip(_WEIGHTS, parts, strict=True):
        for word in dict.fromkeys(part[:MOST_WORDS]):
            weights = found.setdefault(word, [])
            if weight:
                weights.append(weight)
    return " ".join(f"'{word}'{':' if weights else ''}{','.join(weights)}" for word, weights in found.items())
