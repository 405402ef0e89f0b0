"""A small catalogue for tests of pages, written straight into the tables, and a reader of the HTML that comes back."""

from __future__ import annotations

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Entity, Relation
from catalog.relations import INVERSE
from catalog.store import raise_revision
from tests import factories

HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert('x')</script>"


def relate(source: Entity, type: str, target: Entity | str) -> None:
    """Both directions, as ingestion leaves them; a text is a reference that nothing declares."""
    ref = target if isinstance(target, str) else target.ref
    Relation.objects.create(source=source, type=type, target_ref=ref)
    if isinstance(target, Entity):
        Relation.objects.create(source=target, type=INVERSE[type], target_ref=source.ref)


def many(count: int, *, prefix: str = "service", **fields: Any) -> list[Entity]:
    """`count` services of the payments team, in one statement."""
    place = factories.location(f"file:///srv/git/{prefix}.git")
    template = factories.entity(f"component:default/{prefix}-0", location=place, type="service", **fields)
    rows = [
        Entity(
            **{
                field.name: getattr(template, field.name)
                for field in Entity._meta.concrete_fields
                if field.name not in ("id", "ref", "name", "search")
            },
            ref=f"component:default/{prefix}-{number}",
            name=f"{prefix}-{number}",
            search=factories.searchable(f"{prefix}-{number}"),
        )
        for number in range(1, count)
    ]
    return [template, *Entity.objects.bulk_create(rows)]


def forget_counts() -> None:
    """As a change of the catalogue does: kept counts are made again."""
    cache.clear()
    raise_revision(at=timezone.now())


def queries(client: Client, url: str) -> int:
    """How many a second visit of a page needs: the first one fills what is kept."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self.found += [
            value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")
        ]


def links(html: str) -> list[str]:
    reader = _Links()
    reader.feed(html)
    return reader.found
