"""The parts of a parsed template: data only, read by `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    line: int


Body = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Text(Node):
    text: str


@dataclass(frozen=True, slots=True)
class Output(Node):
    expression: Node


@dataclass(frozen=True, slots=True)
class If(Node):
    branches: tuple[tuple[Node, Body], ...]
    otherwise: Body


@dataclass(frozen=True, slots=True)
class For(Node):
    names: tuple[str, ...]
    iterable: Node
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Set(Node):
    """`{% set a = value %}`, or `{% set a %}body{% endset %}` when `value` is None."""

    names: tuple[str, ...]
    value: Node | None
    body: Body


@dataclass(frozen=True, slots=True)
class Switch(Node):
    subject: Node
    cases: tuple[tuple[Node, Body], ...]
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Macro(Node):
    name: str
    parameters: tuple[tuple[str, Node | None], ...]
    body: Body


@dataclass(frozen=True, slots=True)
class FilterBlock(Node):
    filters: tuple[FilterCall, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: Any


@dataclass(frozen=True, slots=True)
class RegexLiteral(Node):
    pattern: str
    flags: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Group(Node):
    """An expression in brackets, which keep `not` and a single call from reaching into it."""

    expression: Node


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class DictLiteral(Node):
    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Lookup(Node):
    target: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`list[start:stop:step]`, known in cookiecutter templates only."""

    target: Node
    start: Node | None
    stop: Node | None
    step: Node | None


@dataclass(frozen=True, slots=True)
class Arguments(Node):
    positional: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: Node
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class FilterCall(Node):
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Filtered(Node):
    value: Node
    filter: FilterCall


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Is(Node):
    value: Node
    test: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class InlineIf(Node):
    test: Node
    body: Node
    otherwise: Node | None


def quoted(node: Node) -> str:
    """A short name of what an expression calls or looks up, for error messages."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Lookup):
        key = node.key.value if isinstance(node.key, Literal) else quoted(node.key)
        return f"{quoted(node.target)}.{key}"
    if isinstance(node, Group):
        return quoted(node.expression)
    if isinstance(node, Call):
        return f"{quoted(node.function)}()"
    return "the expression"
