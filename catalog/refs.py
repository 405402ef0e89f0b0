"""Entity references: `[kind:][namespace/]name` as written, `kind:namespace/name` in lower case as kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

DEFAULT_NAMESPACE = "default"
LONGEST_REF = 255  # characters that the columns hold


class RefInvalid(ValueError):
    """Text that is no reference; the message says what is missing and what to write."""


@dataclass(frozen=True, slots=True)
class Ref:
    """As written; `str()` gives the lower-case form that everything is compared by."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.namespace}/{self.name}".lower()


def parse(text: str, *, kind: str = "", namespace: str = DEFAULT_NAMESPACE) -> Ref:
    """`text` with the kind and namespace that its field implies. A colon after the slash belongs to the name."""
    colon, slash = text.find(":"), text.find("/")
    if -1 < slash < colon:
        colon = -1
    found_kind = text[:colon] if colon > -1 else kind
    found_namespace = text[colon + 1 : slash] if slash > -1 else namespace
    name = text[max(colon, slash) + 1 :]
    if not found_kind and colon == -1:
        raise RefInvalid(
            f"“{text}” does not say of which kind it is. Write it as kind:name, for example component:{text}."
        )
    if not (found_kind and found_namespace and name):
        raise RefInvalid(f"“{text}” is not a reference. Write [kind:][namespace/]name.")
    return Ref(found_kind, found_namespace, name)


@lru_cache(maxsize=8192)  # owners and systems come again and again
def canonical(text: str, *, kind: str = "", namespace: str = DEFAULT_NAMESPACE) -> str:
    """The lower-case `kind:namespace/name` of `text`. Raises `RefInvalid`."""
    ref = str(parse(text, kind=kind, namespace=namespace))
    if len(ref) > LONGEST_REF:
        raise RefInvalid(
            f"“{text[:60]}…” is longer than the {LONGEST_REF} characters that a reference may have."
        )
    return ref


def ref_of(document: Mapping[str, Any]) -> str:
    """The reference of a descriptor whose envelope is valid."""
    metadata = document["metadata"]
    return f"{document['kind']}:{metadata.get('namespace') or DEFAULT_NAMESPACE}/{metadata['name']}".lower()


def short(ref: str, *, kind: str = "", namespace: str = DEFAULT_NAMESPACE) -> str:
    """As people say it: without the parts that go without saying here."""
    parsed = parse(ref, kind=kind or "unknown")
    text = parsed.name if parsed.namespace == namespace else f"{parsed.namespace}/{parsed.name}"
    return text if not kind or parsed.kind == kind else f"{parsed.kind}:{text}"
