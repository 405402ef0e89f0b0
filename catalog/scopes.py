"""Lists that the filter language cannot say, since it has no word for "not": what lacks an owner, what has problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from catalog.models import Problem

OWNED_KINDS = frozenset({"component", "api", "resource", "system", "domain", "template"})


@dataclass(frozen=True)
class Scope:
    title: str
    condition: Callable[[], Q]


def _without_an_owner() -> Q:
    return Q(owner_ref="", kind__in=OWNED_KINDS)


def _with_problems() -> Q:
    return Q(Exists(Problem.objects.filter(entity=OuterRef("pk"))))


def _orphans() -> Q:
    return Q(orphaned_at__isnull=False)


SCOPES = {
    "unowned": Scope("Without an owner", _without_an_owner),
    "problems": Scope("With problems", _with_problems),
    "orphans": Scope("Orphans", _orphans),
}
