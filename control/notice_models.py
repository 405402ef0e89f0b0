"""What people are told: a Happening is one thing that happened, a Notice is one person who hears of it.

Rows are written by `notices.tell` in the transaction of the change itself; everything that is sent elsewhere follows
from them later.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

if TYPE_CHECKING:
    from control.models import User


class Happening(models.Model):
    """One thing that happened, in words for whom it concerns (`title`) and for everybody else (`told`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=63)  # dotted: request.approved
    topic = models.CharField(max_length=31)  # what people choose by: `notice_topics`
    key = models.CharField(max_length=200)  # the same thing is told once
    thread = models.CharField(max_length=100)  # what it belongs to: intent:<id>
    at = models.DateTimeField(db_default=Now())
    sign = models.CharField(max_length=8)  # the mark beside it: ok, warn, bad, info
    title = models.CharField(max_length=300)
    told = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    url = models.CharField(max_length=500)  # a path of ours
    action = models.CharField(max_length=40, blank=True)  # “Ask for more time”, which leads to `action_url`
    action_url = models.CharField(max_length=1000, blank=True)
    subject_ref = models.CharField(max_length=255, blank=True)
    environment = models.CharField(max_length=63, blank=True)
    groups = ArrayField(
        models.CharField(max_length=255), default=list
    )  # teams that it concerns, by reference
    useful_until = models.DateTimeField(null=True)  # afterwards it is not worth a message
    settled_at = models.DateTimeField(null=True)  # nobody needs to do anything about it any more
    settled_words = models.CharField(max_length=300, blank=True)  # “Approved by Ines Duarte.”

    class Meta:
        constraints = [
            UniqueConstraint(fields=["key"], name="happening_told_once"),
            # `//host` and `/\\host` would lead outside.
            CheckConstraint(condition=Q(url__regex=r"^/([^/\\]|$)"), name="happening_leads_inside"),
            CheckConstraint(condition=Q(sign__in=["ok", "warn", "bad", "info"]), name="happening_sign_known"),
            CheckConstraint(
                condition=Q(action="", action_url="")
                | (~Q(action="") & Q(action_url__regex=r"^/([^/\\]|$)")),
                name="happening_action_whole",
            ),
        ]
        indexes = [
            # settling what waits
            models.Index(fields=["thread"], name="happening_open", condition=Q(settled_at=None)),
            models.Index(fields=["at"], name="happening_age"),  # forgetting old ones
        ]


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def owed(self) -> Self:
        """Waiting, due, and in nobody's hands."""
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
        return self.filter(free, state=Delivery.State.QUEUED, next_try_at__lte=Now())


class Delivery(models.Model):
    """One message to the outside: a mail to `user` about notices, or a call of a receiver about `happening`.

    queued → sent | dropped (not worth sending any more) | failed (given up). A claim is a lease, as that of an
    intent: a worker that dies loses it, and another goes on with the same message under the same number.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Not needed any more"
        FAILED = "failed", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.CharField(max_length=63)  # "mail", or the name of a receiver
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    happening = models.ForeignKey(Happening, null=True, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(db_default=Now())
    next_try_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)  # in words, without secrets

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(state__in=["queued", "sent", "dropped", "failed"]), name="delivery_state_known"
            ),
            CheckConstraint(
                condition=Q(channel="mail", user__isnull=False, happening=None)
                | (~Q(channel="mail") & Q(user=None, happening__isnull=False)),
                name="delivery_mail_or_call",
            ),
            CheckConstraint(
                condition=Q(lease=None, lease_expires_at=None)
                | Q(lease__isnull=False, lease_expires_at__isnull=False),
                name="delivery_lease_whole",
            ),
            UniqueConstraint(fields=["channel", "happening"], name="delivery_once_per_receiver"),
        ]
        indexes = [
            # what is owed, the longest first
            models.Index(
                fields=["channel", "next_try_at"], name="delivery_owed", condition=Q(state="queued")
            ),
            models.Index(fields=["ended_at"], name="delivery_age", condition=Q(ended_at__isnull=False)),
        ]


class Channel(models.Model):
    """How a way to the outside fares: the mail server, or one receiver. While it is paused nobody tries it."""

    name = models.CharField(max_length=63, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)  # in words, without secrets
    last_sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(failures=0, failing_since=None, paused_until=None)
                | Q(failures__gt=0, failing_since__isnull=False, paused_until__isnull=False),
                name="channel_well_or_failing",
            ),
        ]


class MailWish(models.TextChoices):
    AT_ONCE = "at_once", "At once"
    DAILY = "daily", "Once a day"
    NEVER = "never", "Never"


class NoticeChoice(models.Model):
    """What one person chose for one topic; without a row the topic's own defaults hold."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choices"
    )
    topic = models.CharField(max_length=31)
    is_shown = models.BooleanField()
    mail = models.CharField(max_length=8, choices=MailWish)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["user", "topic"], name="notice_choice_once"),
            CheckConstraint(
                condition=Q(mail__in=["at_once", "daily", "never"]), name="notice_choice_mail_known"
            ),
        ]


class NoticeSchedule(models.Model):
    """When one person reads: the hour of the daily mail and the hours without mail, in their time zone.

    Quiet hours from 22 to 7 go over midnight. Without a row: 8 o'clock in the server's zone, no quiet hours.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_schedule"
    )
    time_zone = models.CharField(max_length=63)
    digest_hour = models.PositiveSmallIntegerField(default=8, validators=[MaxValueValidator(23)])
    quiet_from = models.PositiveSmallIntegerField(null=True, validators=[MaxValueValidator(23)])
    quiet_until = models.PositiveSmallIntegerField(null=True, validators=[MaxValueValidator(23)])

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(digest_hour__lte=23), name="notice_digest_hour"),
            CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | (Q(quiet_from__lte=23, quiet_until__lte=23) & ~Q(quiet_from=models.F("quiet_until"))),
                name="notice_quiet_whole",
            ),
        ]


class NoticeQuerySet(models.QuerySet["Notice"]):
    def shown_to(self, user: User) -> Self:
        return self.filter(user=user, is_shown=True)

    def unread(self) -> Self:
        return self.filter(read_at=None)

    def worth_a_mail(self) -> Self:
        """Neither read, nor settled, nor too late to be of use."""
        useful = Q(happening__useful_until=None) | Q(happening__useful_until__gt=Now())
        return self.unread().filter(useful, happening__settled_at=None)


class Notice(models.Model):
    """`user` is told of `happening`: in the portal if `is_shown`, until they have read it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    happening = models.ForeignKey(Happening, on_delete=models.CASCADE, related_name="notices")
    is_shown = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)
    mail_due_at = models.DateTimeField(
        null=True
    )  # when it is to be put into a mail; null once it is, or not wanted
    mail = models.ForeignKey(Delivery, null=True, on_delete=models.SET_NULL, related_name="notices")

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "happening"], name="notice_once_per_person")]
        indexes = [
            # the number on every page
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at=None, is_shown=True)),
            models.Index(fields=["user", "-id"], name="notice_of_person", condition=Q(is_shown=True)),
            # whom a mail is owed
            models.Index(
                fields=["mail_due_at"], name="notice_mail_owed", condition=Q(mail_due_at__isnull=False)
            ),
        ]
