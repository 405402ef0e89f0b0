"""`$text`, `$json` and `$yaml`: values that a descriptor takes from another file, read relative to its own.

As in Backstage, a mapping with that one key is replaced. `$openapi` and `$asyncapi` are taken as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from catalog.errors import Unreadable
from catalog.yaml12 import DEPTH_LIMIT, FILE_LIMIT_BYTES, YamlError, decode, load

Read = Callable[[str], bytes]  # target → bytes; raises Unreadable
NAMES = frozenset({"$text", "$json", "$yaml", "$openapi", "$asyncapi"})
MOST_IN_ONE_DOCUMENT = 100


class PlaceholderFailed(Exception):
    """A value that could not be taken from its file; `path` is where it stands."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


def has_any(text: str) -> bool:
    """May the document behind this text hold a placeholder? Spares the walk through nearly all of them."""
    return "$text" in text or "$json" in text or "$yaml" in text or "$openapi" in text or "$asyncapi" in text


def resolved(value: Any, read: Read) -> Any:
    """`value` with every placeholder replaced. Raises `PlaceholderFailed` for the first that cannot be."""
    return _Resolver(read).walk(value, ())


class _Resolver:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._left = MOST_IN_ONE_DOCUMENT
        self._bytes_left = FILE_LIMIT_BYTES

    def walk(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, list):
            return [self.walk(item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, target)] = value.items()
            if name in NAMES:
                return self._content(name, target, (*path, name))
        return {key: self.walk(item, (*path, key)) for key, item in value.items()}

    def _content(self, name: str, target: Any, path: tuple[str | int, ...]) -> Any:
        if not isinstance(target, str):
            raise PlaceholderFailed(
                path, f"{name} needs the path or address of a file, like {name}: ./openapi.yaml."
            )
        self._left -= 1
        if self._left < 0:
            raise PlaceholderFailed(path, f"More than {MOST_IN_ONE_DOCUMENT} files are pulled in. Use fewer.")
        try:
            data = self._read(target)
            self._pay(len(data))
            value = _parsed(name, data)
            if not isinstance(value, str):  # a few lines of aliases may stand for millions of characters
                self._pay(len(json.dumps(value)) - len(data))
            return value
        except (Unreadable, YamlError, ValueError, RecursionError) as error:
            raise PlaceholderFailed(path, f"{name} could not be read. {error}") from error

    def _pay(self, size: int) -> None:
        self._bytes_left -= max(size, 0)
        if self._bytes_left < 0:
            raise ValueError(
                f"All files together have more than {FILE_LIMIT_BYTES:,} bytes. Use less of them."
            )


def _parsed(name: str, data: bytes) -> Any:
    text = decode(data)
    if "\x00" in text:
        raise ValueError("The file holds a zero byte, so it is no text.")
    if name == "$json":
        return _storable(json.loads(text))
    return load(text) if name == "$yaml" else text


def _storable(value: Any) -> Any:
    """JSON can say what the database cannot hold: half characters, zero bytes, any depth."""
    json.dumps(value, ensure_ascii=False).encode()
    if "\\u0000" in json.dumps(value):
        raise ValueError("The file holds a zero byte.")
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inner(outer)]
        if not level:
            return value
    raise ValueError(f"Its values are nested more than {DEPTH_LIMIT} levels deep.")


def _inner(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
