"""Time-boxed grants and what they change in outside systems.

A Grant is a window in which a person holds a role on an entity in an environment; whether it holds is asked live,
at the database's clock. An OutsideRight is one membership in an outside system; any number of grants may need it,
and it goes only when no live grant does. Grants are made by `grants.open_for` and ended early by `grants.revoke`; a
database trigger refuses every other change of them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now
from django.urls import reverse

from control.models import Intent, User


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, at: datetime | None = None) -> Self:
        """Grants in force at `at` (aware); by default at the database's own clock."""
        moment = at or Now()
        return self.filter(starts_at__lte=moment, expires_at__gt=moment, revoked_at=None)

    def upcoming(self, at: datetime | None = None) -> Self:
        """Grants that are yet to begin."""
        return self.filter(starts_at__gt=at or Now(), revoked_at=None)

    def open(self, at: datetime | None = None) -> Self:
        """Grants in force, and those that are yet to begin."""
        return self.filter(expires_at__gt=at or Now(), revoked_at=None)

    def ended(self, at: datetime | None = None) -> Self:
        """Grants that ran out, were ended early or called off."""
        return self.filter(Q(expires_at__lte=at or Now()) | Q(revoked_at__isnull=False))


class Grant(models.Model):
    """`user` holds `role` on `entity_ref` in `environment` from `starts_at` until before `expires_at`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    intent = models.OneToOneField(Intent, on_delete=models.PROTECT, related_name="grant")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=63)
    role_title = models.CharField(max_length=200)
    entity_ref = models.CharField(max_length=255)
    environment = models.CharField(max_length=63)
    permissions = models.JSONField(default=list)  # ["logs:read", …] as the role said when it was granted
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="revoked_grants"
    )  # null with `revoked_at`: Portico itself, with the reason
    revoke_reason = models.TextField(blank=True)
    break_glass = models.BooleanField(default=False)  # at once in an emergency; owes a review
    ended_recorded_at = models.DateTimeField(null=True)  # when the end was written into the record

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(expires_at__gt=F("starts_at")), name="grant_expires_after_start"),
            CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False) & (Q(revoked_by__isnull=False) | ~Q(revoke_reason="")),
                name="grant_revoked_by_somebody",
            ),
        ]
        indexes = [
            # the permission check: one person, one entity, not revoked
            models.Index(
                fields=["user", "entity_ref", "expires_at"], name="grant_check", condition=Q(revoked_at=None)
            ),
            # who holds something here now, on the entity's page
            models.Index(fields=["entity_ref", "expires_at"], name="grant_entity"),
            # the sweep: ended, end not yet recorded
            models.Index(fields=["expires_at"], name="grant_to_record", condition=Q(ended_recorded_at=None)),
            # the sweep: begun lately, begin not yet told
            models.Index(fields=["starts_at"], name="grant_to_begin", condition=Q(ended_recorded_at=None)),
        ]

    @property
    def ends_at(self) -> datetime:
        """When it ends or ended."""
        return self.revoked_at or self.expires_at

    @property
    def ended_by(self) -> str:
        """Who ended it early; empty when it ran out or has not ended."""
        if self.revoked_at is None:
            return ""
        return self.revoked_by.label if self.revoked_by else "Portico"

    def is_over(self, at: datetime) -> bool:
        return at >= self.expires_at or self.revoked_at is not None

    def is_live(self, at: datetime) -> bool:
        return self.starts_at <= at < self.expires_at and self.revoked_at is None

    def get_absolute_url(self) -> str:
        return reverse("access:show", args=[self.intent_id])


class OutsideRight(models.Model):
    """One membership of one person in one outside system; wanted while any live grant in `grants` needs it.

    observed: unknown → present → absent (the connector reads back after each change).
    """

    class Observed(models.TextChoices):
        UNKNOWN = "unknown", "Not read yet"
        PRESENT = "present", "In place"
        ABSENT = "absent", "Gone"

    connector = models.CharField(max_length=63)
    target = models.CharField(max_length=200)
    right = models.CharField(max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="outside_rights"
    )
    account = models.CharField(max_length=63, blank=True)  # the person's name in the outside system
    grants = models.ManyToManyField(Grant, related_name="outside_rights", through="Need")
    observed = models.CharField(max_length=8, choices=Observed, default=Observed.UNKNOWN)
    observed_at = models.DateTimeField(null=True)
    native_expiry = models.DateTimeField(null=True)  # end that the outside system itself enforces
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["connector", "target", "right", "user"], name="outside_right_once"),
            CheckConstraint(
                condition=Q(observed__in=["unknown", "present", "absent"]), name="outside_right_observed"
            ),
        ]


class Need(models.Model):
    """One grant needs one outside right; remembers what of it the grant's record already tells."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="needs")
    right = models.ForeignKey(OutsideRight, on_delete=models.PROTECT, related_name="needs")
    in_place_at = models.DateTimeField(null=True)  # observed in place, and recorded
    settled_at = models.DateTimeField(
        null=True
    )  # after the grant's end: observed gone or kept by another, recorded

    class Meta:
        constraints = [UniqueConstraint(fields=["grant", "right"], name="need_once")]
        indexes = [
            # the sweep: needs that are not settled yet
            models.Index(fields=["right"], name="need_open", condition=Q(settled_at=None)),
        ]


class OwedReviewQuerySet(models.QuerySet["OwedReview"]):
    def unanswered(self) -> Self:
        return self.filter(review=None)

    def overdue(self) -> Self:
        return self.unanswered().filter(due_at__lte=Now())

    def reviewed_by(self, user: User) -> Self:
        """Those that `user` is named for; whether they are another person than the holder is `reviews`' to ask."""
        groups = list(user.groups.values_list("name", flat=True))
        named = Q(groups__overlap=groups)
        if user.entity_ref:
            named |= Q(users__contains=[user.entity_ref])
        return self.filter(named).exclude(grant__user=user)


class OwedReview(models.Model):
    """A broken glass: who must look at it, and until when. Made with its grant, never changed."""

    grant = models.OneToOneField(
        Grant, primary_key=True, on_delete=models.PROTECT, related_name="owed_review"
    )
    due_at = models.DateTimeField()
    groups = ArrayField(models.CharField(max_length=255), default=list)  # references
    users = ArrayField(models.CharField(max_length=255), default=list)

    objects = OwedReviewQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="owed_review_due")]  # lists, the soonest first


class Review(models.Model):
    """What somebody else than the holder found when they looked at a broken glass. Append-only."""

    class Outcome(models.TextChoices):
        JUSTIFIED = "justified", "Justified"
        NOT_JUSTIFIED = "not_justified", "Not justified"

    owed = models.OneToOneField(OwedReview, primary_key=True, on_delete=models.PROTECT, related_name="review")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    outcome = models.CharField(max_length=13, choices=Outcome)
    done = models.TextField()  # what was done with it
    comment = models.TextField(blank=True)
    reviewed_at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(outcome__in=["justified", "not_justified"]), name="review_outcome_known"
            ),
            CheckConstraint(condition=Q(outcome="justified") | ~Q(comment=""), name="review_blame_has_words"),
            CheckConstraint(condition=~Q(done=""), name="review_says_what_was_done"),
        ]


class Batch(models.Model):
    """Requests that were sent as one; `id` is the key of the form."""

    id = models.UUIDField(primary_key=True, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="request_batches"
    )
    requested_at = models.DateTimeField()

    def get_absolute_url(self) -> str:
        return reverse("access:together", args=[self.pk])


class BatchLine(models.Model):
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="lines")
    intent = models.OneToOneField(Intent, on_delete=models.PROTECT, related_name="batch_line")
