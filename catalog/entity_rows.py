"""A valid document as the row that is stored: columns for lists, terms for filters, words for search, relations.

Pure functions of the document; reading is `reading.py`, writing `store.py`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from catalog.refs import DEFAULT_NAMESPACE
from catalog.relations import Stated, stated_relations
from catalog.words import name_words, words
from catalog.yaml12 import as_key

# Longer values can be asked for by existence only, as in Backstage; what an index entry holds is limited too.
LONGEST_TERM_PART = 200
MOST_TERMS = 1_000
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
MOST_WORDS = 2_000  # of one weight: a search vector holds a megabyte
TITLE_LENGTH, COLUMN_LENGTH = 500, 200


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
    terms: list[str]
    words_a: str  # what it is called
    words_b: str  # tags, type, owner
    words_c: str  # description
    source_path: str
    source_line: int
    source_text: str
    parent_ref: str
    relations: list[tuple[str, str]]  # type, target


def entity_row(
    document: dict[str, Any], *, path: str, line: int, text: str, parent_ref: str
) -> tuple[EntityRow, list[Stated]]:
    """The row of a valid document, and the references in it that are none."""
    metadata, spec = document["metadata"], document.get("spec") or {}
    kind = document["kind"].lower()
    namespace, name = (metadata.get("namespace") or DEFAULT_NAMESPACE).lower(), metadata["name"]
    stated = list(stated_relations(document, kind, namespace))
    relations = list(dict.fromkeys((found.relation, found.target_ref) for found in stated if not found.error))
    owner_ref = next((target for type, target in relations if type == "ownedBy"), "")
    system_ref = next(
        (target for type, target in relations if type == "partOf" and target.startswith("system:")), ""
    )
    profile: dict[str, Any] = spec["profile"] if isinstance(spec.get("profile"), dict) else {}
    title = _text(metadata.get("title")) or _text(profile.get("displayName"))
    description, type = _text(metadata.get("description")), _text(spec.get("type")).lower()
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
        lifecycle=_text(spec.get("lifecycle")).lower()[:COLUMN_LENGTH],
        owner_ref=owner_ref,
        system_ref=system_ref,
        tags=tags,
        document=content,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        terms=terms_of(document, namespace),
        words_a=" ".join([*name_words(name), *words(title[:TITLE_LENGTH])]),
        words_b=" ".join(
            words(" ".join([kind, type, owner_ref, _text(profile.get("email")), *tags]))[:MOST_WORDS]
        ),
        words_c=" ".join(words(description)[:MOST_WORDS]),
        source_path=path,
        source_line=line,
        source_text=text,
        parent_ref=parent_ref,
        relations=relations,
    )
    return row, [found for found in stated if found.error]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def terms_of(document: dict[str, Any], namespace: str) -> list[str]:
    """Lower-cased `path` and `path=value` of every value, as Backstage's filters know them; relations are not here."""
    found = {"metadata.namespace", f"metadata.namespace={namespace}"}
    _add_terms(document, "", found)
    return sorted(found)


def _add_terms(value: Any, path: str, found: set[str]) -> None:
    if len(path) > LONGEST_TERM_PART or len(found) >= MOST_TERMS:
        return
    if isinstance(value, str):
        found.add(path)
        if len(value) <= LONGEST_TERM_PART:
            found.add(f"{path}={value.lower()}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _add_terms(item, f"{path}.{key.lower()}" if path else key.lower(), found)
    elif isinstance(value, list):
        for item in value:
            _add_terms(item, path, found)
            if isinstance(item, str):  # `metadata.tags.java` can be asked for like `metadata.tags=java`
                _add_terms(True, f"{path}.{item.lower()}", found)
    else:
        found.add(path)
        if value is not None:
            found.add(f"{path}={as_key(value)}")
