"""What people are told: a Happening is one thing that happened, a Notice is one person who hears of it.

Rows are written by `notices.tell` in the transaction of the change itself; everything that is sent elsewhere follows
from them later.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
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
            CheckConstraint(condition=Q(url__startswith="/"), name="happening_leads_inside"),
            CheckConstraint(condition=Q(sign__in=["ok", "warn", "bad", "info"]), name="happening_sign_known"),
            CheckConstraint(
                condition=Q(action="", action_url="") | (~Q(action="") & Q(action_url__startswith="/")),
                name="happening_action_whole",
            ),
        ]
        indexes = [
            # settling what waits
            models.Index(fields=["thread"], name="happening_open", condition=Q(settled_at=None)),
            models.Index(fields=["at"], name="happening_age"),  # forgetting old ones
        ]


class NoticeQuerySet(models.QuerySet["Notice"]):
    def shown_to(self, user: User) -> Self:
        return self.filter(user=user, is_shown=True)

    def unread(self) -> Self:
        return self.filter(read_at=None)


class Notice(models.Model):
    """`user` is told of `happening`: in the portal if `is_shown`, until they have read it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    happening = models.ForeignKey(Happening, on_delete=models.CASCADE, related_name="notices")
    is_shown = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "happening"], name="notice_once_per_person")]
        indexes = [
            # the number on every page
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at=None, is_shown=True)),
            models.Index(fields=["user", "-id"], name="notice_of_person", condition=Q(is_shown=True)),
        ]
