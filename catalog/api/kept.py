"""What counting costs is paid once per revision of the catalogue: totals and facets, kept by the exact question.

The question is the SQL with its parameters, so people who see different things never share an answer. Entries go with
the revision, after a while by themselves (rules of visibility change without one), and when there are too many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from catalog.models import CatalogRevision, Entity

KEEP_SECONDS = 60
T = TypeVar("T")


def total(found: QuerySet[Entity]) -> int:
    """How many rows `found` has. One query, another when nobody asked since the catalogue changed."""
    return kept("total", found.order_by().values("pk"), found.count)


def kept(what: str, question: QuerySet[Entity, Any], count: Callable[[], T]) -> T:
    try:
        asked = repr((what, *question.query.sql_with_params()))
    except EmptyResultSet:
        return count()  # Django knows without asking
    number = CatalogRevision.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    key = f"catalog-api-{number}-{hashlib.sha256(asked.encode()).hexdigest()}"
    found: T | None = cache.get(key)
    if found is None:
        found = count()
        cache.set(key, found, KEEP_SECONDS)
    return found
