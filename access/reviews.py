"""Reviews of broken glasses: who may give one, and the one function that writes it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from access import review_notices
from access.break_glass import EMERGENCY
from access.errors import NotYours, TooEarly
from access.models import Grant, OwedReview, OwedReviewQuerySet, Review
from control import audit, clock, people
from control.errors import InvalidParameters, NotWaiting
from control.models import User, open_account
from control.notices import News, tell
from control.request_notices import thread_of

LONGEST = 2_000  # letters of what was done, and of the comment
SHOWN = 20


@transaction.atomic
def give(grant_id: UUID, *, by: User, outcome: str, done: str, comment: str = "") -> Review:
    """Say what was done with a broken glass and whether it was right. The only writer of Review.

    Raises `NotYours`, `TooEarly`, `NotWaiting`, `InvalidParameters`. Locks the grant.
    """
    grant = Grant.objects.select_for_update(of=("self",)).select_related("user", "intent").get(pk=grant_id)
    owed = OwedReview.objects.filter(grant=grant).first()
    if owed is None or not may_review(owed, grant, by):
        raise NotYours(
            "Only those who were named to review this, or an administrator, can: never the holder."
        )
    if hasattr(owed, "review"):
        raise NotWaiting("Somebody has reviewed this already.")
    now = clock.now()
    if not grant.is_over(now):
        raise TooEarly(
            "It still holds. End it, or wait until it has ended: what was done is not known before."
        )
    review = Review.objects.create(
        owed=owed, by=by, reviewed_at=now, **_checked(outcome, done.strip(), comment.strip())
    )
    said = f" “{review.comment}”" if review.comment else ""
    audit.record(
        "grant.reviewed",
        actor=by,
        intent=grant.intent,
        summary=f"Reviewed by {by.label}: {review.get_outcome_display().lower()}",
        detail=f"{review.done}{said}",
        after={"outcome": review.outcome, "late": now > owed.due_at},
    )
    _tell(review, grant)
    return review


def _checked(outcome: str, done: str, comment: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    if outcome not in Review.Outcome.values:
        problems["outcome"] = "Say whether it was justified."
    if not done or len(done) > LONGEST:
        problems["done"] = f"Say what was done, in {LONGEST:,} letters at most."
    if len(comment) > LONGEST:
        problems["comment"] = f"Use {LONGEST:,} letters or fewer."
    if outcome == Review.Outcome.NOT_JUSTIFIED and not comment:
        problems["comment"] = "Say why it was not justified, and what should have been done."
    if problems:
        raise InvalidParameters(problems)
    return {"outcome": outcome, "done": done, "comment": comment}


def may_review(owed: OwedReview, grant: Grant, user: User) -> bool:
    """Whoever was named, as they are now, and administrators; never the holder under any account, never an agent."""
    person = User.objects.filter(open_account(), pk=user.pk, acts_for=None).first()
    if person is None or people.same_person(person, grant.user):
        return False
    named = person.entity_ref in owed.users or person.groups.filter(name__in=owed.groups).exists()
    return named or person.is_staff


def waiting_for(user: User) -> OwedReviewQuerySet:
    """What `user` is to review now, the most urgent first; administrators see what is overdue anywhere, too."""
    if user.is_agent:
        return OwedReview.objects.none()
    mine = OwedReview.objects.unanswered().reviewed_by(user)
    if user.is_staff:
        mine = mine | OwedReview.objects.overdue().exclude(grant__user=user)
    return mine.select_related("grant", "grant__user", "grant__intent").order_by("due_at")


def _tell(review: Review, grant: Grant) -> None:
    review_notices.reviewed(review)
    news = News(
        event="access.reviewed",
        topic=EMERGENCY.name,
        key=f"access.reviewed:{grant.pk}",
        thread=thread_of(grant.intent),
        title=f"{review.get_outcome_display()}, says {review.by.label}: {grant.intent.title}",
        detail=review.comment,
        url=grant.get_absolute_url(),
        sign="ok" if review.outcome == Review.Outcome.JUSTIFIED else "bad",
        subject_ref=grant.entity_ref,
        environment=grant.environment,
    )
    tell(news, [grant.user_id])
