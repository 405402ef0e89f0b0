"""Who decides in whose place while they are away. Rows are written by `deputies` alone; nothing about them changes but
their end, which a database trigger sees to.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from control.models import User

LONGEST_DAYS = 366  # whatever is set: nobody is away for longer and still decides here


def open_person(path: str) -> Q:
    """That an account is open and a person's; `path` leads to it, like `deputy__`."""
    return Q(**{f"{path}is_active": True, f"{path}acts_for": None})


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def open(self) -> Self:
        """Neither over nor ended, what is yet to begin among them; at the database's own clock."""
        return self.filter(ended_at=None, expires_at__gt=Now())

    def in_force(self) -> Self:
        """Those that count now: begun, not over, not ended, and neither of the two has left."""
        return self.open().filter(open_person("absent__"), open_person("deputy__"), starts_at__lte=Now())


class Delegation(models.Model):
    """`deputy` may take the places of `absent` from `starts_at` until before `expires_at`, or until it is ended.

    `groups` are references: with any, only places of these groups count, and only while `absent` is a member.
    """

    absent: models.ForeignKey[User, User] = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="absences"
    )
    deputy: models.ForeignKey[User, User] = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deputyships"
    )
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    reason = models.CharField(max_length=500)
    groups = ArrayField(models.CharField(max_length=255), default=list)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by: models.ForeignKey[User | None, User | None] = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )  # null with `ended_at`: Portico, when one of the two left
    told_at = models.DateTimeField(null=True)  # when the deputy heard that it has begun

    objects = DelegationQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(expires_at__gt=F("starts_at"))
                & Q(expires_at__lte=F("starts_at") + timedelta(days=LONGEST_DAYS)),
                name="delegation_ends_within_a_year",
            ),
            CheckConstraint(
                condition=Q(starts_at__gte=F("created_at")), name="delegation_is_never_backwards"
            ),
            CheckConstraint(condition=~Q(absent=F("deputy")), name="delegation_to_somebody_else"),
            CheckConstraint(condition=~Q(reason=""), name="delegation_says_why"),
            CheckConstraint(
                condition=Q(ended_by=None) | Q(ended_at__isnull=False), name="delegation_ended_whole"
            ),
        ]
        indexes = [
            # the sweep for those that have begun, and for leavers
            models.Index(fields=["expires_at"], name="delegation_open", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.deputy.label} for {self.absent.label}"

    def is_over(self, now: datetime) -> bool:
        return self.ended_at is not None or self.expires_at <= now

    def is_coming(self, now: datetime) -> bool:
        return not self.is_over(now) and self.starts_at > now
