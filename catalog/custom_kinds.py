"""Kinds that KindDefinitions in the catalogue describe: which are in force, what their documents must be, their words.

Definitions count from organisation sources alone. They are read once for each read of a location and, where a page
meets a kind that is not built in, once per request; parsed once per process. When one changes, the locations with
documents of its kind are owed a read, and their files are not taken for unchanged: `SourceFile.reads` holds what they
were judged by.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from jsonschema import ValidationError

from catalog.kind_definitions import KIND, Column, DefinedKind, faults_of_definition, is_definition, read
from catalog.kind_schema import SchemaUnusable, TooCostly
from catalog.kinds import KINDS
from catalog.models import Entity, Location, SourceFile
from catalog.validate import Fault
from control.per_request import once

DEFINITION_REF = f"{KIND.lower()}:default/"
READS = "/kind/"  # before the kind in SourceFile.reads; keys of files never begin with a slash
_LONGEST_VALUE = 80  # characters of a value in a message or a column
log = logging.getLogger(__name__)

Defined = Mapping[str, DefinedKind]  # by kind in lower case


def in_force() -> dict[str, DefinedKind]:
    """One query, and one more for each definition that this process has not parsed yet."""
    rows = Entity.objects.filter(kind=KIND.lower(), location__is_org_source=True).values_list("pk", "digest")
    found = (_parsed(pk, digest) for pk, digest in rows)
    return {kind.name.lower(): kind for kind in found if kind}


@lru_cache(maxsize=512)
def _parsed(pk: UUID, digest: str) -> DefinedKind | None:
    document = Entity.objects.values_list("document", flat=True).filter(pk=pk, digest=digest).first()
    if not isinstance(document, dict) or not is_definition(document):
        return None
    found = read(document)
    if found is None:
        log.warning("The kind definition %s is not valid any more; documents of its kind are not checked", pk)
    return found


def shown(kind: str) -> DefinedKind | None:
    """The definition of a kind, for pages."""
    if kind in _BUILT_IN:
        return None
    return once("kinds", in_force).get(kind)


_BUILT_IN = frozenset(name.lower() for name in KINDS)


def icon_of_kind(kind: str) -> str:
    found = shown(kind)
    return found.icon if found else ""


def judged_by(document: Mapping[str, Any], defined: Defined) -> dict[str, str]:
    """For `SourceFile.reads`: the definition that a document of a kind not built in is judged by; empty for none."""
    kind = document["kind"].lower()
    if kind in _BUILT_IN or kind == KIND.lower():
        return {}
    return {READS + kind: _digest(kind, defined)}


def is_judged_the_same(key: str, digest: str, defined: Defined) -> bool:
    return _digest(key.removeprefix(READS), defined) == digest


def _digest(kind: str, defined: Defined) -> str:
    return defined[kind].digest if kind in defined else ""


def faults_of(document: Mapping[str, Any], defined: Defined) -> list[Fault]:
    """What is wrong with a document that is valid so far, by the definition of its kind; definitions themselves too."""
    if is_definition(document):
        return faults_of_definition(document)
    kind = defined.get(document["kind"].lower())
    if kind is None:
        return []
    if document["kind"] != kind.name:
        return [Fault(("kind",), f"kind “{document['kind']}” is spelled {kind.name}. Write it so.")]
    if document["apiVersion"] not in kind.api_versions:
        words = (
            f"apiVersion {document['apiVersion']} is not one of {kind.name}. Write {kind.api_versions[0]}."
        )
        return [Fault(("apiVersion",), words)]
    return _by_schema(document.get("spec", {}), kind)


def _by_schema(spec: Any, kind: DefinedKind) -> list[Fault]:
    try:
        return [_fault(error, kind) for error in kind.checker.broken(spec)]
    except TooCostly:
        words = f"Checking it by the definition of {kind.name} takes too long. Simplify it, or that schema."
    except SchemaUnusable as error:
        words = f"The definition of {kind.name} cannot be used. {error} Tell whoever keeps it."
    return [Fault(("spec",), words)]


def _fault(error: ValidationError, kind: DefinedKind) -> Fault:
    path = tuple(error.absolute_path)
    field = ".".join(map(str, ("spec", *path)))
    return Fault(("spec", *path), f"{field} {_complaint(error)}, says the definition of {kind.name}.")


def _complaint(error: ValidationError) -> str:
    rule: Any = error.validator_value
    value: Any = error.instance
    match error.validator:
        case "required":
            return f"lacks {', '.join(name for name in rule if name not in value)}. Write it"
        case "additionalProperties":
            return "is no field of this kind. Delete it, or correct its name"
        case "type":
            wanted = " or ".join(rule) if isinstance(rule, list) else rule
            return f"is {_shown(value)}. Its type must be {wanted}"
        case "enum":
            return f"is {_shown(value)}. Write one of {', '.join(map(str, rule))[:300]}"
        case "const":
            return f"is {_shown(value)}. Write {rule}"
    return f"is {_shown(value)}, which its rule {error.validator}: {_shown(rule)} does not take"


def _shown(value: Any) -> str:
    text = str(value)
    return f"“{text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + '…'}”"


def owe_reads(refs: Iterable[str], *, at: datetime) -> None:
    """After these entities changed: where definitions are among them, documents of their kinds are read again."""
    kinds = [READS + ref.removeprefix(DEFINITION_REF) for ref in refs if ref.startswith(DEFINITION_REF)]
    if kinds:
        files = SourceFile.objects.filter(reads__has_any_keys=kinds)
        Location.objects.filter(pk__in=files.values("location")).update(refresh_asked_at=at, next_read_at=at)


def column_values(columns: Iterable[Column], document: Mapping[str, Any]) -> list[str]:
    """The text of each column for one entity; lists and mappings are counted."""
    spec = document.get("spec")
    return [_cell(spec.get(column.field) if isinstance(spec, dict) else None) for column in columns]


def _cell(value: Any) -> str:
    if isinstance(value, list | dict):
        return f"{len(value):,}"
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
