"""Revisions of the rules as pages show them: all of them, one with what it changed and decided, any two compared."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, QuerySet, Window
from django.db.models.functions import Lead

from control import policy
from control.models import Decision, Intent, PolicyRevision, User
from control.rule_changes import DocumentChange, changes
from control.rulebook import readable

PAGE_SIZE = 25
SOURCES_SHOWN = 20


def listed() -> QuerySet[PolicyRevision]:
    """The newest first, without their documents; `until` is when the next one came into force."""
    until = Window(Lead("published_at"), order_by=F("id").asc())
    revisions = PolicyRevision.objects.defer("documents").annotate(until=until)
    return revisions.select_related("published_by").order_by("-id")


def list_context(page_number: str) -> dict[str, Any]:
    page = Paginator(listed(), PAGE_SIZE).get_page(page_number)
    shown = list(page)
    return {
        "page": page,
        "rows": [(revision, source_words(revision)) for revision in shown],
        "from_id": shown[1].pk if len(shown) > 1 else None,
        "to_id": shown[0].pk if shown else None,
    }


def show_context(revision: PolicyRevision, user: User, page_number: str) -> dict[str, Any]:
    """One revision: where it came from, what it changed, and the requests decided under it that `user` may see."""
    before = PolicyRevision.objects.filter(pk__lt=revision.pk).order_by("-id").first()
    newest = policy.in_force() or revision
    decided = Paginator(_decisions(revision, user), PAGE_SIZE).get_page(page_number)
    return {
        "revision": revision,
        "before": before,
        "total": len(readable(policy.documents_of(revision), user)),
        "newest_id": newest.pk,
        "is_in_force": newest == revision,
        "changes": compared(before, revision, user),
        "sources": revision.sources[:SOURCES_SHOWN],
        "more_sources": len(revision.sources) - SOURCES_SHOWN,
        "page": decided,
    }


def compare_context(earlier: PolicyRevision, later: PolicyRevision, user: User) -> dict[str, Any]:
    return {"earlier": earlier, "later": later, "changes": compared(earlier, later, user)}


def compared(earlier: PolicyRevision | None, later: PolicyRevision, user: User) -> list[DocumentChange]:
    """Without an earlier one, everything is new."""
    before = policy.documents_of(earlier) if earlier else []
    return changes(readable(before, user), readable(policy.documents_of(later), user))


def source_words(revision: PolicyRevision) -> str:
    """“production.yaml and 3 more files”."""
    return _names([str(source.get("path", "")) for source in revision.sources])


def _names(paths: list[str]) -> str:
    if not paths:
        return ""
    first = paths[0].rpartition("/")[2]
    more = len(paths) - 1
    return first if not more else f"{first} and {more} more file{'' if more == 1 else 's'}"


def _decisions(revision: PolicyRevision, user: User) -> QuerySet[Decision]:
    visible = Intent.objects.visible_to(user)
    decisions = Decision.objects.filter(policy=revision, intent__in=visible.values("pk"))
    people = ("intent__requested_by", "intent__requested_by__acts_for")
    return decisions.select_related("intent", *people).order_by("-id")
