"""Search results: entities by words, narrowed by kind, with the narrowed letters marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import per_revision, refs
from catalog.listing import question
from catalog.models import Entity
from catalog.presentation import icon_of, kind_words, one_line
from catalog.scopes import OWNED_KINDS
from catalog.search import Hit, narrowed, search
from catalog.words import words
from control.models import User
from control.web import person, wants_fragment

HITS = 50  # the best; the list page shows all
LONGEST_QUERY = 200


@dataclass(frozen=True)
class Result:
    entity: Entity
    icon: str
    kind: str
    name: SafeString
    description: SafeString
    facts: str
    is_guess: bool


@dataclass(frozen=True)
class KindLink:
    words: str
    count: int
    url: str
    is_current: bool


@require_safe
@login_required
@vary_on_headers("HX-Request")
def search_page(request: HttpRequest) -> HttpResponse:
    user, text = person(request), request.GET.get("q", "")[:LONGEST_QUERY].strip()
    kind = request.GET.get("kind", "").lower()
    hits = search(text, user=user, kinds=[kind] if kind else None, limit=HITS)
    counts = _kinds(text, user)
    context = {
        "text": text,
        "kind": kind,
        "results": [_result(hit, words(text)) for hit in hits],
        "kinds": list(_kind_links(text, kind, counts)),
        "total": counts.get(kind, 0) if kind else sum(counts.values()),
        "guesses_only": bool(hits) and all(hit.is_guess for hit in hits),
        "limit": HITS,
    }
    return render(
        request, "catalog/_search_results.html" if wants_fragment(request) else "catalog/search.html", context
    )


def _kinds(text: str, user: User) -> dict[str, int]:
    if not words(text):
        return {}
    return per_revision.kept("kinds", question(words(text), user), lambda: _counted(text, user))


def _counted(text: str, user: User) -> dict[str, int]:
    found = narrowed(Entity.objects.visible_to(user), text).order_by().values("kind")
    return dict(found.annotate(count=Count("pk")).order_by("-count", "kind").values_list("kind", "count"))


def _kind_links(text: str, kind: str, counts: dict[str, int]) -> Iterable[KindLink]:
    start = reverse("catalog:search")
    yield KindLink("All kinds", sum(counts.values()), f"{start}?{urlencode({'q': text})}", not kind)
    for name, count in counts.items():
        url = f"{start}?{urlencode({'q': text, 'kind': name})}"
        yield KindLink(kind_words(name).many, count, url, name == kind)


def _result(hit: Hit, typed: list[str]) -> Result:
    entity = hit.entity
    return Result(
        entity=entity,
        icon=icon_of(entity.kind, entity.type),
        kind=kind_words(entity.kind).one,
        name=marked(entity.label, typed),
        description=marked(entity.description, typed),
        facts=", ".join(filter(None, (one_line(entity), _owner(entity)))),
        is_guess=hit.is_guess,
    )


def _owner(entity: Entity) -> str:
    if entity.owner_ref:
        return refs.short(entity.owner_ref, kind="group")
    return "no owner" if entity.kind in OWNED_KINDS else ""


def marked(text: str, typed: list[str]) -> SafeString:
    """`text` escaped, with the beginnings of words that were typed in <b>."""
    if not typed:
        return format_html("{}", text)
    pattern = re.compile(rf"(?<![^\W_])({'|'.join(map(re.escape, typed))})", re.IGNORECASE)
    pieces = pattern.split(text)
    return format_html_join(
        "", "{}", ((format_html("<b>{}</b>", p) if i % 2 else p,) for i, p in enumerate(pieces))
    )
