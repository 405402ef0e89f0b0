"""Text that is kept to be shown, seldom read and never searched: compressed with a dictionary of what descriptors say.

The dictionary makes even a short descriptor a third of its size, which the database's own compression, row by row and
only for long rows, does not. It is part of the format: to change it, add a new version and keep the old one.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Field = models.Field[str, str]
else:
    _Field = models.Field

_VERSION = b"\x01"
_LEVEL = 6  # 25 µs for a kilobyte; a higher one gains nothing on short texts
_DICTIONARY = (Path(__file__).parent / "packed_text_1.dict").read_bytes()


def pack(text: str) -> bytes:
    squeezer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_DICTIONARY)
    return _VERSION + squeezer.compress(text.encode()) + squeezer.flush()


def unpack(packed: bytes) -> str:
    expander = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_DICTIONARY)
    return (expander.decompress(packed[1:]) + expander.flush()).decode()


class PackedTextField(_Field):
    """A text in Python, packed bytes in the database. Nothing can be asked of it there."""

    def get_internal_type(self) -> str:
        return "BinaryField"

    def from_db_value(self, value: bytes | None, _expression: object, _connection: object) -> str | None:
        return None if value is None else unpack(bytes(value))

    def get_prep_value(self, value: Any) -> Any:
        return pack(value) if isinstance(value, str) else value

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))
