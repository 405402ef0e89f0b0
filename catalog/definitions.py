"""The definition of an API entity: which language it is in, and for OpenAPI what can be called.

Definitions are text that anybody may write. They are parsed as data with the catalogue's own limits on YAML; one that
does not parse is still shown as text, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from catalog import yaml12
from catalog.models import Entity

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_PARSED_LIMIT_BYTES = 2_000_000
_OPERATIONS_LIMIT = 500
_LANGUAGES = {"graphql": "graphql", "grpc": "protobuf", "trpc": "typescript"}


@dataclass(frozen=True)
class Operation:
    method: str  # GET; SEND and RECEIVE for channels
    path: str
    summary: str
    deprecated: bool = False


@dataclass(frozen=True)
class OperationGroup:
    title: str
    operations: list[Operation]


@dataclass(frozen=True)
class Definition:
    text: str
    language: str  # a Pygments lexer
    format: str  # "OpenAPI 3.1"
    title: str = ""
    version: str = ""
    groups: list[OperationGroup] = field(default_factory=list)
    trouble: str = ""  # why only the text is shown

    @property
    def count(self) -> int:
        return sum(len(group.operations) for group in self.groups)


def definition_of(entity: Entity) -> Definition | None:
    """The definition an API entity carries; None where there is none (other kinds, or `remotes` instead)."""
    spec = entity.document.get("spec")
    text = spec.get("definition") if isinstance(spec, dict) else None
    if entity.kind != "api" or not isinstance(text, str) or not text.strip():
        return None
    kind = entity.type.lower()
    if kind in ("openapi", "asyncapi"):
        return _described(text, kind)
    return Definition(text, _LANGUAGES.get(kind) or _guess(text), entity.type or "Definition")


def _guess(text: str) -> str:
    return "json" if text.lstrip().startswith(("{", "[")) else "yaml"


def _described(text: str, kind: str) -> Definition:
    language = _guess(text)
    name = {"openapi": "OpenAPI", "asyncapi": "AsyncAPI"}[kind]
    if len(text) > _PARSED_LIMIT_BYTES:
        return Definition(
            text, language, name, trouble="It is larger than 2 MB, so operations are not listed."
        )
    try:
        data = json.loads(text) if language == "json" else yaml12.load(text)
    except (ValueError, RecursionError) as error:
        return Definition(text, language, name, trouble=f"It cannot be parsed: {_first_line(error)}")
    if not isinstance(data, dict):
        return Definition(text, language, name, trouble="It is not a mapping, so operations are not listed.")
    info = _mapping(data.get("info"))
    groups = _by_tag(_operations(data)) if kind == "openapi" else _channels(data)
    version = str(data.get("openapi") or data.get("swagger") or data.get("asyncapi") or "")
    return Definition(
        text,
        language,
        f"{name} {version}".strip(),
        _text(info.get("title")),
        _text(info.get("version")),
        groups,
    )


def _operations(data: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, item in _mapping(data.get("paths")).items():
        for method in _METHODS:
            if isinstance(found := _mapping(item).get(method), dict):
                tags = found.get("tags")
                tag = _text(tags[0]) if isinstance(tags, list) and tags else ""
                summary = _text(found.get("summary")) or _text(found.get("description")).partition("\n")[0]
                yield (
                    tag,
                    Operation(
                        method.upper(),
                        str(path),
                        summary or _text(found.get("operationId")),
                        found.get("deprecated") is True,
                    ),
                )


def _by_tag(operations: Iterator[tuple[str, Operation]]) -> list[OperationGroup]:
    groups: dict[str, list[Operation]] = {}
    for number, (tag, operation) in enumerate(operations):
        if number == _OPERATIONS_LIMIT:
            break
        groups.setdefault(tag, []).append(operation)
    return [OperationGroup(tag, found) for tag, found in groups.items()]


def _channels(data: dict[str, Any]) -> list[OperationGroup]:
    """AsyncAPI 2 says publish and subscribe inside a channel, 3 lists operations that refer to one."""
    found = [*_channels_2(data), *_operations_3(data)][:_OPERATIONS_LIMIT]
    return [OperationGroup("", found)] if found else []


def _channels_2(data: dict[str, Any]) -> Iterator[Operation]:
    for name, channel in _mapping(data.get("channels")).items():
        for method in ("publish", "subscribe"):
            if isinstance(found := _mapping(channel).get(method), dict):
                summary = _text(found.get("summary")) or _text(_mapping(channel).get("description"))
                yield Operation(method.upper(), str(name), summary)


def _operations_3(data: dict[str, Any]) -> Iterator[Operation]:
    channels = _mapping(data.get("channels"))
    for name, operation in _mapping(data.get("operations")).items():
        found = _mapping(operation)
        channel = _text(_mapping(found.get("channel")).get("$ref")).rpartition("/")[2]
        address = _text(_mapping(channels.get(channel)).get("address")) or channel or str(name)
        summary = _text(found.get("summary")) or _text(found.get("title")) or str(name)
        yield Operation(_text(found.get("action")).upper() or "USE", address, summary)


def _mapping(value: object) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
