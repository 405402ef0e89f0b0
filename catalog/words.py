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


# What changes how text beside it reads, or is not seen: bidirectional overrides and isolates, zero-width spaces, soft
# hyphens, control characters (tabs and line breaks apart), tag characters. Joiners stay: scripts and emoji need them.
_TRICKS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def without_tricks(text: str) -> str:
    """Text of strangers as lists and headings show it; what it says is kept whole in its document."""
    return text if text.isascii() and text.isprintable() else _TRICKS.sub("", text)


def words(text: str) -> list[str]:
    return [word[:LONGEST_WORD] for word in _WORD.findall(folded(text))]


def name_words(name: str) -> list[str]:
    """`OrderServiceAPI` and `order-service-api` alike: their parts, and all of them in one."""
    parts = words(_HUMPS.sub(" ", name))
    whole = words("".join(_WORD.findall(name)))
    return parts + whole
