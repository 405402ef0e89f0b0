"""Reading YAML as Backstage does: YAML 1.2 core, document by document, on PyYAML's C parser.

No dates, no `yes`/`no`, no base 60; a key given twice is an error; a mapping used as a key (an unquoted `{{ name }}`)
becomes text. Documents are told apart first: `---` at the very start of a line always begins one (YAML 1.2, 9.1.2),
so a broken document never takes its neighbours along. What a document means is not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from catalog.yaml_words import explained

FILE_LIMIT_BYTES = 20_000_000
DOCUMENTS_LIMIT = 20_000  # of one file
# The C composer calls itself for every level: some thousands overflow the stack of the process.
DEPTH_LIMIT = 100
# Characters of a document once every alias is written out: what a few lines of aliases may grow to.
EXPANDED_LIMIT = 5_000_000

_MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_NOTHING_YET = re.compile(r"(?:[ \t]*(?:#[^\n]*|%[^\n]*|\r?)(?:\n|\Z))*\Z")
_COMMENTS_ONLY = re.compile(r"(?:[ \t]*(?:#[^\n]*|\r?)(?:\n|\Z))*\Z")
_MAY_BE_TYPED = frozenset("0123456789+-.~nNtTfF")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    # Not a number is no JSON; what Backstage stores is null.
    **dict.fromkeys((".nan", ".NaN", ".NAN")),
    **{sign + word: None for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_EXACT_DIGITS = 15  # longer integers lose digits in JSON readers; they become floats as in JavaScript
_TAG_STRING = "tag:yaml.org,2002:str"


class YamlError(ValueError):
    """Text that is not YAML, or more than is read; `line` counts from 1 in the file."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Document:
    """One document of a file: its value, or the error; `text` is as it stands in the file, from `line` on."""

    index: int  # from 1, empty documents counted
    line: int
    text: str
    value: Any = None
    error: YamlError | None = None


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark. Raises `YamlError`."""
    if len(data) > FILE_LIMIT_BYTES:
        raise YamlError(
            f"The file has {len(data):,} bytes; more than {FILE_LIMIT_BYTES:,} are not read. Split it.", 1
        )
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError("The file is not UTF-8 text. Save it with that encoding.", line) from error


def documents(text: str) -> Iterator[Document]:
    """Every document of a file, in order; each fails alone. Raises `YamlError` after `DOCUMENTS_LIMIT` of them."""
    line, index = 1, 0
    for chunk in _chunks(text):
        start = line
        line += chunk.count("\n")
        if _COMMENTS_ONLY.match(chunk):
            continue
        index += 1
        if index > DOCUMENTS_LIMIT:
            raise YamlError(f"The file has more than {DOCUMENTS_LIMIT:,} documents. Split it.", start)
        document = Document(index, start, chunk)
        try:
            document.value = load(chunk, first_line=start)
        except YamlError as error:
            document.error = error
        yield document


def _chunks(text: str) -> Iterator[str]:
    """The text cut before every `---` and after every `...`; comments and directives stay with what follows them."""
    start = 0
    for marker in _MARKER.finditer(text):
        if marker.group() == "...":
            end = text.find("\n", marker.end()) + 1 or len(text)
            yield text[start:end]
            start = end
        elif not _NOTHING_YET.match(text[start : marker.start()]):
            yield text[start : marker.start()]
            start = marker.start()
    yield text[start:]


def load(text: str, *, first_line: int = 1) -> Any:
    """The value of one document. Raises `YamlError`."""
    node = compose(text, first_line=first_line)
    if node is None:
        return None
    builder = _AliasBuilder(first_line) if "*" in text and "&" in text else _Builder(first_line)
    return builder.build(node)


def compose(text: str, *, first_line: int = 1) -> Node | None:
    # A block scalar at the end of a file keeps its line break even where the file has none.
    try:
        return _Composer(text if text.endswith("\n") else text + "\n").get_single_node()
    except _TooDeep as error:
        raise YamlError(
            f"Values are nested more than {DEPTH_LIMIT} levels deep. Flatten them.", first_line + error.line
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        raise YamlError(
            "There is a control character. Delete it, or write it as an escape.", first_line + line
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(explained(error), first_line + (mark.line if mark else 0)) from error


def line_of(text: str, path: Sequence[str | int], *, first_line: int = 1) -> int:
    """The line of the value at `path`, or of what there is of the path. It parses again: for messages only."""
    node = compose(text, first_line=first_line)
    line = 0
    for step in path:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return first_line + (
        line or (node.start_mark.line if node is not None and not path else _first_content(text))
    )


def lines_of(text: str, path: Sequence[str], count: int, *, first_line: int = 1) -> list[int]:
    """The lines of the `count` items of the list at `path`; that of the list where they are written in another way."""
    node = compose(text, first_line=first_line)
    for step in path:
        pairs = node.value if isinstance(node, MappingNode) else []
        node = next((value for key, value in pairs if key.value == step), None)
    if isinstance(node, SequenceNode) and len(node.value) == count:
        return [first_line + item.start_mark.line for item in node.value]
    return [first_line + (node.start_mark.line if node else 0)] * count


def _first_content(text: str) -> int:
    """Line offset of the first line that is neither blank, comment nor marker."""
    for offset, line in enumerate(text.splitlines()):
        if line.strip() and not line.lstrip().startswith(("#", "%", "---")):
            return offset
    return 0


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


class _Composer(CParser):
    """The C parser with nodes left untyped; its hooks count the depth."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> None:
        """Scalars are typed when values are built."""

    def descend_resolver(self, parent: Node | None, index: Any) -> None:  # noqa: ARG002  called by the C composer
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise _TooDeep(parent.start_mark.line if parent else 0)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Builder:
    """Nodes into plain values."""

    def __init__(self, first_line: int) -> None:
        self._first_line = first_line

    def build(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, MappingNode):
            return self._mapping(node)
        return [self.build(item) for item in node.value]

    def _scalar(self, node: ScalarNode) -> Any:
        value: str = node.value
        if node.style == "" and node.tag != _TAG_STRING:
            return typed(value) if not value or value[0] in _MAY_BE_TYPED else value
        if "\x00" in value:
            raise self._error("The value holds a zero byte, which cannot be stored. Take it out.", node)
        return value

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in result:
                raise self._twice(key, node, key_node)
            result[key] = self.build(value_node)
        return result

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode):
            value = self._scalar(node)
            return value if isinstance(value, str) else as_key(value)
        return in_flow(self.build(node))

    def _twice(self, key: str, mapping: MappingNode, second: Node) -> YamlError:
        first = next(node for node, _ in mapping.value if self._key(node) == key)
        return self._error(
            f"The key “{key}” stands here and in line {self._first_line + first.start_mark.line}. Delete one of them.",
            second,
        )

    def _error(self, message: str, node: Node) -> YamlError:
        return YamlError(message, self._first_line + node.start_mark.line)


class _AliasBuilder(_Builder):
    """For documents with aliases: the same node comes more than once, and what that grows to is counted."""

    def __init__(self, first_line: int) -> None:
        super().__init__(first_line)
        self._weight = 0
        self._built: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def build(self, node: Node) -> Any:
        key = id(node)
        if key in self._open:
            raise self._error("This value holds an alias of itself. Write it out.", node)
        if key in self._built:
            value, weight = self._built[key]
            self._weigh(weight, node)
            return value
        self._open.add(key)
        before = self._weight
        self._weigh(1 + (len(node.value) if isinstance(node, ScalarNode) else 0), node)
        value = super().build(node)
        self._open.discard(key)
        self._built[key] = (value, self._weight - before)
        return value

    def _weigh(self, more: int, node: Node) -> None:
        self._weight += more
        if self._weight > EXPANDED_LIMIT:
            raise self._error("Its aliases make this document too large. Use fewer of them.", node)


def typed(text: str) -> Any:
    """What a plain scalar means in the core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > _EXACT_DIGITS:
            return _float(text) if text[1:2] not in ("o", "x") else text
        return int(text, 0 if text[1:2] in ("o", "x") else 10)
    return _float(text) if _FLOAT.fullmatch(text) else text


def _float(text: str) -> float | None:
    """None for what is beyond all numbers, which JSON cannot say."""
    value = float(text)
    return value if abs(value) != float("inf") else None


def as_key(value: Any) -> str:
    """A typed scalar as the key that JavaScript makes of it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def in_flow(value: Any) -> str:
    """A mapping or list that is used as a key, in the words of Backstage's parser: `{ name }`."""
    if isinstance(value, dict):
        return "{ " + ", ".join(k if v is None else f"{k}: {in_flow(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[ " + ", ".join(in_flow(item) for item in value) + " ]"
    return value if isinstance(value, str) else as_key(value)
