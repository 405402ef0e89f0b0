"""How much one document may hold: far beyond what people write, and little enough for pages, indexes and the reader.

Backstage has no such limits; what they refuse is no catalogue but an accident, or an attack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from catalog.validate import Fault

MOST_TAGS = MOST_LINKS = MOST_PAIRS = 1_000
MOST_TARGETS = 10_000  # of a Location, and references in one field
_METADATA = {"tags": MOST_TAGS, "links": MOST_LINKS, "labels": MOST_PAIRS, "annotations": MOST_PAIRS}


def faults_of_size(document: dict[str, Any]) -> list[Fault]:
    """What there is too much of in a document whose envelope is valid."""
    return list(_found(document))


def _found(document: dict[str, Any]) -> Iterator[Fault]:
    for name, most in _METADATA.items():
        held = document["metadata"].get(name)
        if isinstance(held, list | dict) and len(held) > most:
            yield _too_many(("metadata", name), len(held), most)
    spec = document.get("spec")
    for name, held in spec.items() if isinstance(spec, dict) else ():
        # Only lists of texts can be references or targets; steps and forms of templates are lists of mappings.
        if isinstance(held, list) and len(held) > MOST_TARGETS and isinstance(held[0], str):
            yield _too_many(("spec", name), len(held), MOST_TARGETS)


def _too_many(path: tuple[str, str], count: int, most: int) -> Fault:
    return Fault(path, f"{'.'.join(path)} has {count:,} entries; at most {most:,} are taken. Leave some out.")
