"""What an expression names: `parameters.name`, filters, tests; read from its parsed form, nothing is rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from scaffolder.templating import nodes as n
from scaffolder.templating.lexer import PLAIN, Syntax
from scaffolder.templating.parser import parse

Path = tuple[str | int, ...]
_MARKS = ("${{", "{{", "{%")


@dataclass(frozen=True)
class Use:
    """`parts` is the longest known path: `steps.publish.output.remoteUrl`. `is_whole` where nothing dynamic follows."""

    parts: tuple[str, ...]
    line: int
    is_whole: bool
    is_guarded: bool = False  # asked for in a condition, or with a default


@dataclass
class Read:
    """Everything that one text uses."""

    uses: list[Use] = field(default_factory=list)
    filters: list[tuple[str, int]] = field(default_factory=list)
    tests: list[tuple[str, int]] = field(default_factory=list)
    local: set[str] = field(default_factory=set)  # names that the text itself defines
    is_single: bool = False  # one expression and nothing around it
    constant: bool = False  # a single expression that is a literal


def is_marked(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def texts_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text within data, with its place."""
    waiting: list[tuple[Path, Any]] = [(path, value)]
    while waiting:
        at, one = waiting.pop()
        if isinstance(one, str):
            yield at, one
        elif isinstance(one, Mapping):
            waiting += [((*at, str(key)), item) for key, item in reversed(list(one.items()))]
        elif isinstance(one, list):
            waiting += [((*at, index), item) for index, item in reversed(list(enumerate(one)))]


def read(text: str, syntax: Syntax = PLAIN) -> Read:
    """Raises `TemplatingError` for what cannot be parsed."""
    body = parse(text, syntax)
    found = Read()
    if len(body) == 1 and isinstance(body[0], n.Output):
        found.is_single = True
        found.constant = isinstance(body[0].expression, n.Literal)
    guarded: set[tuple[str, ...]] = set()
    waiting: list[tuple[Any, bool]] = [(node, False) for node in reversed(body)]
    while waiting:
        node, is_guarded = waiting.pop()
        if (chain := _chain(node)) is not None:
            parts, rest, is_whole = chain
            found.uses.append(Use(parts, node.line, is_whole, is_guarded))
            if is_guarded:
                guarded.add(parts)
            waiting += [(one, False) for one in rest]
            continue
        _note(node, found)
        waiting += reversed(list(_children(node)))
    found.uses = [
        use if use.is_guarded or use.parts not in guarded else Use(use.parts, use.line, use.is_whole, True)
        for use in found.uses
    ]
    return found


def _note(node: Any, found: Read) -> None:
    if isinstance(node, n.FilterCall):
        found.filters.append((node.name, node.line))
    elif isinstance(node, n.Is):
        found.tests.append((node.test, node.line))
    elif isinstance(node, n.For | n.Set):
        found.local |= {*node.names, "loop"}
    elif isinstance(node, n.Macro):
        found.local |= {node.name, *(name for name, _ in node.parameters)}


def _children(node: Any) -> Iterator[tuple[Any, bool]]:
    """What is below a node, and whether it is only asked whether it is there."""
    if isinstance(node, n.Filtered) and node.filter.name in ("default", "d"):
        yield node.value, True
        yield node.filter, False
        return
    if isinstance(node, n.If):
        for test, body in node.branches:
            yield test, True
            yield from ((one, False) for one in body)
        yield from ((one, False) for one in node.otherwise)
        return
    if isinstance(node, n.InlineIf):
        yield node.test, True
        yield node.body, False
        yield node.otherwise, False
        return
    asks = isinstance(node, n.Is) or (isinstance(node, n.Binary) and node.operator in ("or", "and"))
    for part in _parts(node):
        yield part, asks


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, tuple):
        yield from node
    elif isinstance(node, n.Node):
        yield from (getattr(node, one.name) for one in fields(node))


def _chain(node: Any) -> tuple[tuple[str, ...], list[Any], bool] | None:
    """A name with the literal keys after it; what stands in brackets and is no literal is looked at for itself."""
    keys: list[str] = []
    rest: list[Any] = []
    is_whole = True
    while isinstance(node, n.Lookup):
        if isinstance(node.key, n.Literal):
            keys.append(str(node.key.value))
        else:
            keys.clear()
            rest.append(node.key)
            is_whole = False
        node = node.target
    if not isinstance(node, n.Name):
        return None
    return (node.name, *reversed(keys)), rest, is_whole
