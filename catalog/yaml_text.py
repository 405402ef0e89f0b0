"""Documents made by Portico as YAML 1.2 text: what `yaml12.py` reads back is what was given.

PyYAML's own writer follows YAML 1.1 and leaves texts like 1e3 unquoted, which are numbers in 1.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@()-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# Characters that JSON leaves as they are and YAML does not take unescaped.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def written(document: dict[str, Any]) -> str:
    """The whole document, with a line break at its end."""
    return "\n".join(_lines(document, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{indent}{_scalar(str(key))}:", item, indent + "  ")
    else:
        for item in value:
            yield from _item(item, indent)


def _entry(start: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        yield start
        yield from _lines(item, indent)
    else:
        yield f"{start} {_scalar(item)}"


def _item(item: Any, indent: str) -> Iterator[str]:
    if not isinstance(item, dict | list) or not item:
        yield f"{indent}- {_scalar(item)}"
        return
    inner = list(_lines(item, indent + "  "))
    yield f"{indent}- {inner[0].lstrip(' ')}"
    yield from inner[1:]


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
