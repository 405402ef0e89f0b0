"""Reminding those who review a broken glass: once it can be reviewed, and once that is overdue."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat, Now
from django.urls import reverse

from access.break_glass import BROKEN, EMERGENCY
from access.models import OwedReview, OwedReviewQuerySet, Review
from control import people
from control.deciders import Named, read_people
from control.models import Happening, User, open_account
from control.notices import News, settle, tell
from control.request_notices import thread_of
from control.templatetags.times import moment_words

DUE, OVERDUE = "access.review_due", "access.review_overdue"
BATCH = 100
ADMINS_TOLD = 50


def tell_due() -> int:
    """Tell the reviewers of windows that are over. Returns how many windows."""
    over = Q(grant__expires_at__lte=Now()) | Q(grant__revoked_at__isnull=False)
    owed = _untold(OwedReview.objects.unanswered().filter(over), DUE)
    for one in owed:
        words = f"It is over. Say what was done with it, by {moment_words(one.due_at)}."
        _tell(one, DUE, "Review now", words, _reviewers(one))
    return len(owed)


def tell_overdue() -> int:
    """Tell reviewers and administrators of reviews that nobody gave in time. Returns how many."""
    owed = _untold(OwedReview.objects.overdue(), OVERDUE)
    for one in owed:
        words = f"It was due by {moment_words(one.due_at)}."
        _tell(one, OVERDUE, "Review overdue", words, {*_reviewers(one), *_administrators(one)})
    return len(owed)


def reviewed(review: Review) -> None:
    """Nobody else needs to. In the transaction of the review."""
    thread = thread_of(review.owed.grant.intent)
    for event in (BROKEN, DUE, OVERDUE):
        settle(thread, event, f"Reviewed by {review.by.label}.")


def _untold(owed: OwedReviewQuerySet, event: str) -> list[OwedReview]:
    key = Concat(Value(f"{event}:"), Cast("pk", CharField()))
    told = Happening.objects.filter(key=OuterRef("key"))
    untold = owed.annotate(key=key).exclude(Exists(told)).order_by("due_at")
    return list(untold.select_related("grant__user__acts_for", "grant__intent")[:BATCH])


def _reviewers(owed: OwedReview) -> list[int]:
    """As they are now, never the holder under any account."""
    named = Named(groups=tuple(owed.groups), users=tuple(owed.users))
    return [user.pk for user in read_people(owed.grant.user, [named]).eligible(named)]


def _administrators(owed: OwedReview) -> list[int]:
    admins = User.objects.filter(open_account(), is_staff=True, acts_for=None).order_by("pk")[:ADMINS_TOLD]
    return [user.pk for user in admins if not people.same_person(user, owed.grant.user)]


def _tell(owed: OwedReview, event: str, what: str, detail: str, whom: Iterable[int]) -> None:
    grant = owed.grant
    news = News(
        event=event,
        topic=EMERGENCY.name,
        key=f"{event}:{owed.pk}",
        thread=thread_of(grant.intent),
        title=f"{what}: {grant.user.label} broke the glass, {grant.intent.title}",
        detail=detail,
        url=reverse("access:review", args=[grant.intent_id]),
        sign="bad" if event == OVERDUE else "warn",
        subject_ref=grant.entity_ref,
        environment=grant.environment,
        groups=tuple(owed.groups),
    )
    tell(news, whom)
