"""Reads rule files: YAML 1.2 core scalars, duplicate keys refused, the line of every part kept for messages.

Knows nothing of rules; `policy_schema` says what the documents mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 1_000_000  # rules are written by hand; more is a mistake
LONGEST_NUMBER = 100  # letters; what is longer is text
MAX_DEPTH = 50  # levels; the C reader itself has no limit but the end of its stack, which ends the process
MAX_NODES = 50_000  # per document, aliases counted each time: no file may blow up when it is read
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """`lines` gives the line of each part by its path: ("spec", "subjects", 0)."""

    path: str
    line: int
    data: Any
    lines: dict[Place, int] = field(default_factory=dict, compare=False)

    def line_of(self, where: Place) -> int:
        """The line of a part, or of the nearest part around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, self.line)


class UnreadableYamlError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_documents(path: Path, shown_as: str) -> Iterator[Document]:
    """The documents of one file, empty ones left out. Raises `UnreadableYamlError` or `OSError`."""
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise UnreadableYamlError(1, "the file is larger than 1 MB. Split it.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableYamlError(
            raw[: error.start].count(b"\n") + 1, "not UTF-8 text. Save the file as UTF-8."
        ) from None
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            if not _is_empty(node):
                yield _Builder(shown_as).document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(filter(None, [error.context, error.problem]))
        raise UnreadableYamlError(mark.line + 1 if mark else 1, f"not valid YAML: {what}.") from None
    except yaml.YAMLError as error:
        raise UnreadableYamlError(1, f"not valid YAML: {error}.") from None


class _Loader(yaml.CSafeLoader):
    """Its hooks count the depth while nodes are read."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:  # noqa: ARG002  called by the C reader
        self._depth += 1
        if self._depth > MAX_DEPTH:
            line = _line(parent) if parent else 1
            raise UnreadableYamlError(line, f"nested more than {MAX_DEPTH} levels deep. Flatten it.")

    def ascend_resolver(self) -> None:
        self._depth -= 1


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULL


class _Builder:
    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        self.visited = 0
        self.open: set[int] = set()

    def document(self, node: yaml.Node) -> Document:
        return Document(self.path, _line(node), self._build(node, ()), self.lines)

    def _build(self, node: yaml.Node, where: Place) -> Any:
        self.visited += 1
        if self.visited > MAX_NODES or id(node) in self.open:
            raise UnreadableYamlError(_line(node), "aliases make this document too large. Write it out.")
        self.lines.setdefault(where, _line(node))
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self.open.add(id(node))
        built = (
            self._mapping(node, where) if isinstance(node, yaml.MappingNode) else self._sequence(node, where)
        )
        self.open.discard(id(node))
        return built

    def _sequence(self, node: yaml.Node, where: Place) -> list[Any]:
        return [self._build(item, (*where, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, where: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise UnreadableYamlError(_line(key), "a field name must be a word.")
            if key.value in found:
                raise UnreadableYamlError(_line(key), f"{key.value} is written twice. Keep one.")
            self.lines[(*where, key.value)] = _line(key)
            found[key.value] = self._build(value, (*where, key.value))
        return found


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    """By the YAML 1.2 core schema: `yes`, `on` and dates stay text."""
    value: str = node.value
    if "\0" in value:
        raise UnreadableYamlError(_line(node), "a zero byte cannot be kept. Take it out.")
    if node.style:
        return value
    if value in _NULL:
        return None
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    if len(value) > LONGEST_NUMBER or not _FLOAT.fullmatch(value):
        return value
    return int(value) if _INT.fullmatch(value) else _finite(float(value), node)


def _finite(number: float, node: yaml.ScalarNode) -> float:
    if not isfinite(number):
        raise UnreadableYamlError(_line(node), f"{node.value} is too large a number.")
    return number
