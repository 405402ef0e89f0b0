"""Reads the fields of one document of ours: each with its place, and what is wrong with it in words.

Knows no kind; `policy_schema` and `rule_tests` say which fields there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from control.durations import DurationError, parse_duration
from control.policy_documents import Who
from control.policy_yaml import Document, Place
from control.zones import zone_named

API_VERSION = "portico.dev/v1"
METADATA = ("name", "title", "description", "labels", "annotations")
LONGEST_NAME, LONGEST_TITLE = 63, 200

Problem = tuple[str, int, str]  # path, line, words
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class FieldReader:
    """Reads one document; collects problems instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        data = document.data if isinstance(document.data, dict) else {}
        self.data: dict[str, Any] = data
        self.kind = str(data.get("kind") or "")
        self.name = ""

    def problem(self, where: Place, message: str) -> None:
        self.problems.append((self.document.path, self.document.line_of(where), message))

    def head(self, kinds: Sequence[str]) -> tuple[str, str] | None:
        """Sets the name; title and description. None when the document is of no kind that could be read further."""
        if not self.data:
            self.problem((), "a rule document must be a mapping with apiVersion, kind and metadata.")
            return None
        if self.data.get("apiVersion") != API_VERSION:
            self.problem(("apiVersion",), f"apiVersion must be {API_VERSION}.")
        if self.kind not in kinds:
            self.problem(("kind",), f"kind {self.kind or 'is missing'}: write one of {', '.join(kinds)}.")
            return None
        metadata = self.mapping(self.data.get("metadata"), ("metadata",), METADATA)
        self.name = self.text(metadata, "name", ("metadata",), required=True)
        self.check_name(self.name, ("metadata", "name"))
        title = self.text(metadata, "title", ("metadata",), longest=LONGEST_TITLE) or self.name
        return title, self.text(metadata, "description", ("metadata",))

    def fields(self, data: dict[str, Any], where: Place, known: Sequence[str]) -> None:
        for name in data:
            if name not in known:
                self.problem((*where, name), f"{name} is not a field here. Known: {', '.join(known)}.")

    def mapping(self, value: Any, where: Place, known: Sequence[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            part = named(where)
            self.problem(where, f"{part} is missing." if value is None else f"{part} must be a mapping.")
            return {}
        self.fields(value, where, known)
        return value

    def check_name(self, name: str, where: Place) -> None:
        """Names stand in addresses, forms and columns."""
        if name and not _NAME.fullmatch(name):
            words = f"letters, digits and .-_ only, at most {LONGEST_NAME} of them, and no .-_ at its ends."
            self.problem(where, f"{name[:LONGEST_NAME]} is no name: {words}")

    def text(
        self,
        data: dict[str, Any],
        name: str,
        where: Place,
        *,
        required: bool = False,
        longest: int | None = None,
    ) -> str:
        value = data.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.problem((*where, name), f"{named((*where, name))} must be text.")
            return ""
        if longest and len(value.strip()) > longest:
            self.problem((*where, name), f"{named((*where, name))} is longer than {longest} letters.")
        return value.strip()

    def items(
        self, data: dict[str, Any], name: str, where: Place, *, required: bool = False
    ) -> list[tuple[Place, Any]]:
        value = data.get(name)
        if value is None and not required:
            return []
        place = (*where, name)
        if not isinstance(value, list) or (required and not value):
            self.problem(place, f"{named(place)} must be a list with at least one entry.")
            return []
        return [((*place, index), item) for index, item in enumerate(value)]

    def words(self, data: dict[str, Any], name: str, where: Place, *, required: bool = False) -> list[str]:
        listed = self.items(data, name, where, required=required)
        for place, item in listed:
            if not isinstance(item, str) or not item.strip():
                self.problem(place, f"{named(place[:-1])} must hold words.")
        return [item.strip() for _, item in listed if isinstance(item, str)]

    def duration(
        self, data: dict[str, Any], name: str, where: Place = ("spec",), *, required: bool = False
    ) -> timedelta | None:
        if name not in data:
            if required:
                self.problem(where, f"{name} is missing. Write one like 4h.")
            return None
        try:
            return parse_duration(str(data[name]))
        except DurationError as error:
            self.problem((*where, name), f"{name}: {error}")
            return None

    def zone(self, data: dict[str, Any], where: Place, default: str) -> str:
        name = self.text(data, "timeZone", where) or default
        try:
            zone_named(name)
        except ValueError as error:
            self.problem((*where, "timeZone"), f"timeZone: {error}")
            return default
        return name

    def number(self, data: dict[str, Any], name: str, where: Place, *, default: int, most: int) -> int:
        value = data.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            self.problem((*where, name), f"{name} must be a whole number from 1 to {most}.")
            return default
        return value

    def truth(self, data: dict[str, Any], name: str, where: Place, *, default: bool) -> bool:
        value = data.get(name, default)
        if not isinstance(value, bool):
            self.problem((*where, name), f"{name} must be true or false.")
            return default
        return value

    def who(self, item: Any, where: Place) -> Who | None:
        fields = self.mapping(item, where, ("kind", "name", "apiGroup"))
        kind = fields.get("kind")
        if kind == "Everyone":
            if "name" in fields:
                self.problem(where, "kind Everyone has no name.")
            return Who("everyone")
        if kind not in ("Group", "User"):
            self.problem(where, "kind must be Group, User or Everyone.")
            return None
        ref = full_ref(kind.lower(), self.text(fields, "name", where, required=True))
        if not ref.startswith(f"{kind.lower()}:"):
            self.problem(where, f"{ref} is not a {kind}.")
        return Who(kind.lower(), ref)


def named(where: Place) -> str:
    return ".".join(str(part) for part in where if isinstance(part, str)) or "the document"


def full_ref(kind: str, name: str) -> str:
    """`payments`, `finance/payments` or a whole reference, lower-cased and with kind and namespace."""
    lowered = name.lower()
    if ":" in lowered:
        kind, _, lowered = lowered.partition(":")
    return f"{kind}:{lowered}" if "/" in lowered else f"{kind}:default/{lowered}"
