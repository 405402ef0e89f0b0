"""Finding entities by words as somebody types them.

Every word is a prefix and all must match (name, title, tags, owner, type, description, in that weight); the exact name
comes first; when words find little, names that look alike are offered as guesses. Lists with filters are `listing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db.models import Case, F, FloatField, Q, QuerySet, Value, When

from catalog.models import HEAVY, Entity
from catalog.visibility import covered
from catalog.words import words
from control.models import User

# How many matches are ranked: a one-letter prefix may match the whole catalogue.
RANKED = 2_000
FEW = 3  # fewer hits than this, and guesses are added
MOST_WORDS = 8
# Far above any rank of words, so that what is called exactly so comes first.
EXACT, BEGINS = 10.0, 2.0


@dataclass(frozen=True)
class Hit:
    entity: Entity  # without document, terms and source text
    rank: float
    is_guess: bool = False  # found by likeness, not by words


def search(text: str, *, user: User, kinds: Iterable[str] | None = None, limit: int = 20) -> list[Hit]:
    """The best `limit` matches that `user` may see; nothing for an empty text. One query, two when it finds little."""
    visible = Entity.objects.visible_to(user)
    if kinds is not None:
        visible = visible.filter(kind__in=[kind.lower() for kind in kinds])
    condition = matching(text)
    if condition is None:
        return []
    hits = [Hit(entity, _rank(entity)) for entity in _ranked(visible.filter(condition), text)[:limit]]
    if len(hits) < min(FEW, limit):
        known = [hit.entity.pk for hit in hits]
        guesses = _alike(visible.exclude(pk__in=known), text)[: limit - len(hits)]
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
    condition = matching(text)
    if condition is None:
        ordered = _light(visible.order_by("ref"))
        return covered(ordered[start : start + size], user), visible.count()
    found = visible.filter(condition)
    return covered(_ranked(found, text)[start : start + size], user), found.count()


def _rank(entity: Entity) -> float:
    rank: float = vars(entity)["rank"]  # annotated by the query
    return rank


def matching(text: str) -> Q | None:
    """The condition that a list filtered by `text` has; None when `text` holds no word."""
    found = words(text)[:MOST_WORDS]
    if not found:
        return None
    query = SearchQuery(" & ".join(f"{word}:*" for word in found), search_type="raw", config="simple")
    return Q(search=query) | Q(name__istartswith=text.strip()) if len(text.strip()) > 2 else Q(search=query)


def _ranked(matches: QuerySet[Entity], text: str) -> QuerySet[Entity]:
    query = SearchQuery(
        " & ".join(f"{word}:*" for word in words(text)[:MOST_WORDS]), search_type="raw", config="simple"
    )
    name = text.strip()
    boost = Case(
        When(Q(name__iexact=name) | Q(ref=name.lower()), then=Value(EXACT)),
        When(name__istartswith=name, then=Value(BEGINS)),
        default=Value(0.0),
        output_field=FloatField(),
    )
    bounded = Entity.objects.filter(pk__in=matches.values("pk")[:RANKED])
    return _light(
        bounded.annotate(rank=SearchRank(F("search"), query) + boost).order_by("-rank", "name", "ref")
    )


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
