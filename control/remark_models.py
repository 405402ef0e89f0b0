"""What is said about a request while it waits. Rows are written by `remarks` and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q

if TYPE_CHECKING:
    from control.models import Intent


class Remark(models.Model):
    """A question of somebody who may decide, or an answer of whoever asked for it. Append-only."""

    class Role(models.TextChoices):
        QUESTION = "question", "Asked"
        ANSWER = "answer", "Answered"

    intent: models.ForeignKey[Intent, Intent] = models.ForeignKey(
        "control.Intent", on_delete=models.PROTECT, related_name="remarks"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="remarks")
    role = models.CharField(max_length=8, choices=Role)
    text = models.CharField(max_length=2_000)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(role__in=["question", "answer"]), name="remark_role_known"),
            CheckConstraint(condition=~Q(text=""), name="remark_says_something"),
        ]
        indexes = [models.Index(fields=["intent", "id"], name="remark_of_intent")]
