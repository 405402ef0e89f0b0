"""Counting who agreed: people take places in parts, each person one, wherever they help most. Pure.

Somebody who fits two parts must not be counted for one that others could fill while the other stays empty, so places
are dealt out anew each time (augmenting paths: a handful of places and people).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def seated(places: Sequence[int], fits: Sequence[Collection[int]]) -> list[list[int]]:
    """For each part who takes its places: `places[part]` of them, `fits[person]` the parts that a person may sit in.

    As many places as possible are taken; earlier persons keep theirs.
    """
    taken: list[list[int]] = [[] for _ in places]
    wanted = sum(places)
    for person in range(len(fits)):
        if sum(map(len, taken)) == wanted:
            break
        _seat(person, places, fits, taken, set())
    return taken


def _seat(
    person: int,
    places: Sequence[int],
    fits: Sequence[Collection[int]],
    taken: list[list[int]],
    tried: set[int],
) -> bool:
    for part in fits[person]:
        if part in tried:
            continue
        tried.add(part)
        if len(taken[part]) < places[part]:
            taken[part].append(person)
            return True
        for other in taken[part]:
            if _seat(other, places, fits, taken, tried):
                taken[part][taken[part].index(other)] = person
                return True
    return False


def is_complete(places: Sequence[int], fits: Sequence[Collection[int]]) -> bool:
    return sum(map(len, seated(places, fits))) == sum(places)


def open_parts(places: Sequence[int], fits: Sequence[Collection[int]]) -> set[int]:
    """Parts in which one more person would bring it nearer to the end."""
    now = sum(map(len, seated(places, fits)))
    return {part for part in range(len(places)) if sum(map(len, seated(places, [*fits, (part,)]))) > now}
