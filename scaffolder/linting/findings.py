"""Findings, and where in the text of a template they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from catalog import yaml12
from catalog.tree import Tree

Path = Sequence[str | int]
MAX_FINDINGS = 300  # of one template; whoever has more mends these first


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True)
class Finding:
    """`line` and `column` count from 1. `rule` is the short name of what was checked."""

    file: str
    line: int
    column: int
    severity: Severity
    rule: str
    message: str

    def as_data(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": str(self.severity),
            "rule": self.rule,
            "message": self.message,
        }


class Positions:
    """Line and column of every value of one document; it parses once."""

    def __init__(self, text: str, first_line: int = 1) -> None:
        self._root, self._first = yaml12.compose(text), first_line

    def of(self, path: Path, line: int = 1) -> tuple[int, int]:
        """Of the value at `path`, or of what there is of the path; `line` counts from 1 within a text of several."""
        node, at = self._root, self._root
        for step in path:
            key, found = _below(node, step)
            if found is None:
                return self._mark(at)
            node, at = found, key
        shown = node if isinstance(node, ScalarNode) else at
        row, column = self._mark(shown)
        if line > 1 and isinstance(node, ScalarNode):
            return row + line - 1 + (node.style in ("|", ">")), 1
        return row + (isinstance(node, ScalarNode) and node.style in ("|", ">")), column

    def _mark(self, node: Node | None) -> tuple[int, int]:
        if node is None:
            return self._first, 1
        return self._first + node.start_mark.line, node.start_mark.column + 1


def _below(node: Node | None, step: str | int) -> tuple[Node | None, Node | None]:
    """Key (or item) and value."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), (None, None))
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None, None


@dataclass
class Subject:
    """One template being looked at, and what was found so far."""

    file: str
    document: dict[str, Any]
    positions: Positions
    tree: Tree | None = None
    findings: list[Finding] = field(default_factory=list)
    is_whole: bool = True  # False where a part in another file is not known

    @property
    def spec(self) -> dict[str, Any]:
        found = self.document.get("spec")
        return found if isinstance(found, dict) else {}

    @property
    def steps(self) -> list[tuple[int, dict[str, Any]]]:
        """The steps that are maps, with their index."""
        found = self.spec.get("steps")
        listed = found if isinstance(found, list) else []
        return [(index, step) for index, step in enumerate(listed) if isinstance(step, dict)]

    def error(self, rule: str, path: Path, message: str, line: int = 1) -> None:
        self._add(Severity.ERROR, rule, path, message, line)

    def warning(self, rule: str, path: Path, message: str, line: int = 1) -> None:
        self._add(Severity.WARNING, rule, path, message, line)

    def hint(self, rule: str, path: Path, message: str, line: int = 1) -> None:
        self._add(Severity.HINT, rule, path, message, line)

    def elsewhere(self, severity: Severity, rule: str, file: str, line: int, message: str) -> None:
        """In a file beside the template."""
        self.findings.append(Finding(file, max(line, 1), 1, severity, rule, message))

    def _add(self, severity: Severity, rule: str, path: Path, message: str, line: int) -> None:
        row, column = self.positions.of(path, line)
        self.findings.append(Finding(self.file, row, column, severity, rule, message))


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean …?`, or nothing."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {found[0]}?" if found else ""
