"""A `KindDefinition` document: a kind of entity that the company describes itself, read field by field.

apiVersion: portico.dev/v1
kind: KindDefinition
metadata: {name: robot}                  # the kind in lower case, so that each kind is defined once
spec:
  group: factory.example                 # documents say apiVersion: factory.example/v1
  versions: [v1]
  names: {kind: Robot, plural: Robots}
  schema: {type: object, …}              # JSON Schema of `spec`
  relations: {controller: {type: dependsOn, targetKind: component}}
  icon: bot                              # a word of the lucide set
  columns: [{title: Model, field: model}]
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.kind_schema import Checker, SchemaUnusable
from catalog.kinds import KINDS
from catalog.relations import INVERSE, RelationField
from catalog.validate import Fault, Path, is_name
from control.templatetags.portico import UNKNOWN_KIND_ICON, is_icon

KIND, API_VERSION = "KindDefinition", "portico.dev/v1"
MOST_COLUMNS = 4
_GROUP = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_VERSION = re.compile(r"[a-z0-9A-Z]{1,63}")
_KIND_NAME = re.compile(r"[A-Z][a-zA-Z0-9]{0,62}")
_RESERVED = frozenset({*(name.lower() for name in KINDS), KIND.lower()})
_FIELDS = ("group", "versions", "names", "schema", "relations", "icon", "columns")


@dataclass(frozen=True)
class Column:
    """A field of `spec` that lists and pages show."""

    title: str
    field: str


@dataclass(frozen=True)
class DefinedKind:
    name: str
    plural: str
    api_versions: tuple[str, ...]
    checker: Checker
    relations: tuple[RelationField, ...]
    icon: str
    columns: tuple[Column, ...]
    digest: str  # of the definition: what was judged by another one is judged again

    @property
    def relations_digest(self) -> str:
        """Part of the digest of each entity: its relations change with it though its document does not."""
        return hashlib.sha256(repr(self.relations).encode()).hexdigest() if self.relations else ""


def is_definition(document: Mapping[str, Any]) -> bool:
    return document.get("kind") == KIND and document.get("apiVersion") == API_VERSION


def faults_of_definition(document: Mapping[str, Any]) -> list[Fault]:
    """Everything wrong with a definition whose envelope is valid."""
    reader = _Reader(document)
    reader.read()
    return reader.faults


def read(document: Mapping[str, Any]) -> DefinedKind | None:
    """The kind that a stored definition describes; None when it is not valid (any more)."""
    reader = _Reader(document)
    found = reader.read()
    return None if reader.faults else found


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        spec = document.get("spec")
        self._spec: dict[str, Any] = spec if isinstance(spec, dict) else {}
        self.faults: list[Fault] = []

    def read(self) -> DefinedKind | None:
        for name in self._spec.keys() - set(_FIELDS):
            self._fault((name,), f"spec.{name} is no field of a KindDefinition. Known: {', '.join(_FIELDS)}.")
        name, plural = self._names()
        versions, checker = self._api_versions(), self._checker()
        relations, columns = tuple(self._relations()), tuple(self._columns())
        icon = self._icon()
        if checker is None or self.faults:
            return None
        said = json.dumps(self._document, sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(said.encode()).hexdigest()
        return DefinedKind(name, plural, versions, checker, relations, icon, columns, digest)

    def _fault(self, path: Path, message: str) -> None:
        self.faults.append(Fault(("spec", *path), message))

    def _names(self) -> tuple[str, str]:
        names = self._mapping("names", ("kind", "plural"), "{kind: Robot, plural: Robots}")
        kind, plural = names.get("kind"), names.get("plural")
        if not (isinstance(kind, str) and _KIND_NAME.fullmatch(kind)):
            self._fault(
                ("names", "kind"),
                "spec.names.kind is no name of a kind. Write letters and digits, like Robot.",
            )
            return "", ""
        if kind.lower() in _RESERVED:
            self._fault(
                ("names", "kind"),
                f"The kind {kind} is built in, so it cannot be defined. Choose another name.",
            )
        metadata = self._document["metadata"]
        if metadata["name"] != kind.lower() or metadata.get("namespace", "default") != "default":
            self.faults.append(
                Fault(
                    ("metadata", "name"), f"metadata.name must be {kind.lower()}, in the namespace default."
                )
            )
        if not (isinstance(plural, str) and plural.strip() and len(plural) <= 63):
            self._fault(
                ("names", "plural"),
                "spec.names.plural is missing. Write what several are called, like Robots.",
            )
        return kind, str(plural)

    def _api_versions(self) -> tuple[str, ...]:
        group, versions = self._spec.get("group"), self._spec.get("versions")
        if not (isinstance(group, str) and len(group) <= 253 and _GROUP.fullmatch(group)):
            self._fault(
                ("group",), "spec.group is no group. Write it like a domain of yours: factory.example."
            )
            return ()
        if not (isinstance(versions, list) and versions and all(_is_version(one) for one in versions)):
            self._fault(("versions",), "spec.versions must be a list of versions, like [v1].")
            return ()
        return tuple(f"{group}/{version}" for version in versions)

    def _checker(self) -> Checker | None:
        schema = self._spec.get("schema")
        if not isinstance(schema, dict):
            self._fault(
                ("schema",), "spec.schema is missing. Write a JSON Schema of spec; {} takes everything."
            )
            return None
        try:
            return Checker(schema)
        except SchemaUnusable as error:
            self._fault(("schema", *error.path), f"spec.schema cannot be used. {error}")
            return None

    def _relations(self) -> Iterator[RelationField]:
        for name, relation in self._mapping(
            "relations", None, "{owner: {type: ownedBy}}", optional=True
        ).items():
            fields = relation if isinstance(relation, dict) else {}
            type, target = fields.get("type"), fields.get("targetKind", "")
            if type not in INVERSE:
                self._fault(
                    ("relations", name), f"The relation of {name} needs a type: one of {', '.join(INVERSE)}."
                )
            elif not isinstance(target, str) or fields.keys() - {"type", "targetKind"}:
                self._fault(
                    ("relations", name),
                    f"Write the relation of {name} as type and targetKind, like component.",
                )
            else:
                yield RelationField(name, type, target.lower())

    def _icon(self) -> str:
        icon = self._spec.get("icon", UNKNOWN_KIND_ICON)
        if isinstance(icon, str) and is_icon(icon):
            return icon
        self._fault(
            ("icon",), f"There is no icon {str(icon)[:60]}. Choose a word of lucide.dev/icons, like box."
        )
        return UNKNOWN_KIND_ICON

    def _columns(self) -> Iterator[Column]:
        columns = self._spec.get("columns", [])
        if not isinstance(columns, list) or len(columns) > MOST_COLUMNS:
            self._fault(("columns",), f"spec.columns must be a list of at most {MOST_COLUMNS} columns.")
            return
        for i, column in enumerate(columns):
            fields = column if isinstance(column, dict) else {}
            title, field = fields.get("title"), fields.get("field")
            if isinstance(title, str) and title.strip() and isinstance(field, str) and is_name(field):
                yield Column(title[:63], field)
            else:
                self._fault(
                    ("columns", i),
                    "A column needs a title and the field of spec, like {title: Model, field: model}.",
                )

    def _mapping(
        self, name: str, known: tuple[str, ...] | None, example: str, *, optional: bool = False
    ) -> dict[str, Any]:
        value = self._spec.get(name, {} if optional else None)
        if not isinstance(value, dict):
            self._fault((name,), f"spec.{name} must be a mapping, like {example}.")
            return {}
        for key in value.keys() - set(known or value):
            self._fault((name, key), f"spec.{name}.{key} is no field here. Write {example}.")
        return value


def _is_version(value: Any) -> bool:
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None
