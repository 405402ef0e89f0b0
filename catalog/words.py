"""How names and sentences become words that search compares: no accents, no case, camelCase and kebab-case split."""

from __future__ import annotations

import re
import unicodedata

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
LONGEST_WORD = 100  # characters; PostgreSQL refuses lexemes past 2 KB


def folded(text: str) -> str:
    """Lower case without accents; plain ASCII is the common and quick case."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).lower()


def words(text: str) -> list[str]:
    return [word[:LONGEST_WORD] for word in _WORD.findall(folded(text))]


def name_words(name: str) -> list[str]:
    """`OrderServiceAPI` and `order-service-api` alike: their parts, and all of them in one."""
    parts = words(_HUMPS.sub(" ", name))
    whole = words("".join(_WORD.findall(name)))
    return parts + whole
