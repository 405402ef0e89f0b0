"""Finding entities by words as somebody types them.

All words must match (name, title, tags, owner, type, description, in that weight), the last one as a beginning; when
that finds nothing, each as a beginning. What is called so comes first; when words find little, names that look alike
are offered as guesses. Lists with filters are `listing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db import connection, transaction
from django.db.models import Case, F, FloatField, Q, QuerySet, Value, When

from catalog import per_revision
from catalog.models import HEAVY, Entity
from catalog.visibility import covered
from catalog.words import words
from control.models import User

# How many matches are ranked: a one-letter prefix may match the whole catalogue.
RANKED = 1_000
FEW = 3  # fewer hits than this, and guesses are added
MOST_WORDS = 8
# How alike names must look to be offered as guesses: nearly so, and where none is, a little. Where thousands of names
# look a little alike (service-1, service-2, …) comparing all of them would take a good part of a second.
LIKENESS = (0.45, 0.3)
# Far above any rank of words, so that what is called exactly so comes first.
EXACT, BEGINS = 10.0, 2.0


@dataclass(frozen=True)
class Hit:
    entity: Entity  # without document, terms and source text
    rank: float
    is_guess: bool = False  # found by likeness, not by words


def search(text: str, *, user: User, kinds: Iterable[str] | None = None, limit: int = 20) -> list[Hit]:
    """The best `limit` matches that `user` may see; nothing for an empty text. Three queries, six with guesses."""
    visible = Entity.objects.visible_to(user)
    if kinds is not None:
        visible = visible.filter(kind__in=[kind.lower() for kind in kinds])
    if not words(text):
        return []
    found = _ranked(narrowed(visible, text), text)
    hits = [Hit(entity, _rank(entity)) for entity in found[:limit]]
    is_called_so = bool(hits) and hits[0].rank >= BEGINS  # nobody who types a name mistyped another
    if len(hits) < min(FEW, limit) and not is_called_so:
        known = [hit.entity.pk for hit in hits]
        guesses = _guesses(visible.exclude(pk__in=known), text, limit - len(hits))
        hits += [Hit(entity, _rank(entity), is_guess=True) for entity in guesses]
    covered((hit.entity for hit in hits), user)
    return hits


def search_part(
    text: str, *, user: User, kinds: Iterable[str] = (), start: int, size: int
) -> tuple[list[Entity], int]:
    """A part of all matches, best first, and how many there are; every entity for an empty text. No guesses."""
    visible = Entity.objects.visible_to(user)
    wanted = [kind.lower() for kind in kinds]
    visible = visible.filter(kind__in=wanted) if wanted else visible
    if not words(text):
        ordered = _light(visible.order_by("ref"))
        return covered(ordered[start : start + size], user), per_revision.total(visible)
    found = narrowed(visible, text)
    return covered(_ranked(found, text)[start : start + size], user), per_revision.total(found)


def _rank(entity: Entity) -> float:
    rank: float = vars(entity)["rank"]  # annotated by the query
    return rank


def narrowed(entities: QuerySet[Entity], text: str) -> QuerySet[Entity]:
    """Those of `entities` that `text` finds; all for a text without words. May ask whether there are any."""
    typed = words(text)[:MOST_WORDS]
    if not typed:
        return entities
    found = entities.filter(search=_query([*typed[:-1], f"{typed[-1]}:*"]))
    if len(typed) == 1 or found.exists():
        return found
    return entities.filter(search=_query(f"{word}:*" for word in typed))


def _query(terms: Iterable[str]) -> SearchQuery:
    return SearchQuery(" & ".join(terms), search_type="raw", config="simple")


def _ranked(matches: QuerySet[Entity], text: str) -> QuerySet[Entity]:
    """The best first. Of very many not all are weighed, but always those whose names begin so."""
    name = text.strip()
    boost = Case(
        When(Q(name__iexact=name) | Q(ref=name.lower()), then=Value(EXACT)),
        When(name__istartswith=name, then=Value(BEGINS)),
        default=Value(0.0),
        output_field=FloatField(),
    )
    some, called_so = (found.values("pk")[:RANKED] for found in (matches, matches.filter(is_called(name))))
    # one set of keys: two, joined by OR, would have the database read every entity
    weighed = Entity.objects.filter(pk__in=some.union(called_so))
    rank = SearchRank(F("search"), _query(f"{word}:*" for word in words(text)[:MOST_WORDS]))
    return _light(weighed.annotate(rank=rank + boost).order_by("-rank", "name", "ref"))


def is_called(name: str) -> Q:
    """Whose name begins with `name` in any case."""
    return Q(name__istartswith=name)


def _guesses(candidates: QuerySet[Entity], text: str, most: int) -> list[Entity]:
    alike = _alike(candidates, text)[:most]
    for likeness in LIKENESS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(likeness)])
            if found := list(alike.all()):
                return found
    return []


def _alike(candidates: QuerySet[Entity], text: str) -> QuerySet[Entity]:
    return _light(
        candidates.filter(
            # a wrong letter in the middle of a short name spoils the likeness of words, not that of the whole
            Q(name__trigram_similar=text)
            | Q(name__trigram_word_similar=text)
            | Q(title__trigram_word_similar=text)
        )
        .annotate(rank=TrigramWordSimilarity(text, "name"))
        .order_by("-rank", "name", "ref")
    )


def _light(entities: QuerySet[Entity]) -> QuerySet[Entity]:
    return entities.defer(*HEAVY)
