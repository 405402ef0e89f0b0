"""What counting costs is paid once per revision of the catalogue: totals and facets, kept by the exact question.

The question is SQL with its parameters, or words that say as much, so people who see different things never share an
answer. Entries go with the revision, after a while by themselves, and when there are too many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from catalog.models import Entity
from control import prepared
from control.per_request import once

KEEP_SECONDS = 600
NUMBER = "number of the catalogue"  # where it is kept for a request
NUMBER_COLUMN = "(SELECT concat(number, '-', changed_at) FROM catalog_catalogrevision WHERE id = 1)"
T = TypeVar("T")


def number() -> str:
    """Which catalogue this is; read before what it stands for, so that a change meanwhile is seen next.

    With its time, so that a database restored from a copy is not taken for the one that was here before. Read once in
    a request, and again after a change that the request itself makes.
    """
    found: str | None = once(NUMBER, lambda: prepared.rows(f"SELECT {NUMBER_COLUMN}", [])[0][0])
    return found or ""


def total(found: QuerySet[Entity]) -> int:
    """How many rows `found` has. One query, another when nobody asked since the catalogue changed."""
    return kept("total", found.order_by().values("pk"), found.count)


def kept(what: str, question: QuerySet[Any, Any] | str, count: Callable[[], T]) -> T:
    """`count()`, once for each `what` and `question`: a query, or words that name all the answer depends on."""
    try:
        asked = question if isinstance(question, str) else repr(question.query.sql_with_params())
    except EmptyResultSet:
        return count()  # Django knows without asking
    key = f"catalog-{hashlib.sha256(f'{number()} {what} {asked}'.encode()).hexdigest()}"
    found: T | None = cache.get(key)
    if found is None:
        found = count()
        cache.set(key, found, KEEP_SECONDS)
    return found
