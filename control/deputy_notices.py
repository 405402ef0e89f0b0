"""What both hear of one standing in for the other. Each function runs in the transaction of the change."""

from __future__ import annotations

from django.urls import reverse

from control.models import Delegation
from control.notice_topics import DEPUTIES
from control.notices import News, tell
from control.templatetags.times import moment_words


def named(delegation: Delegation) -> None:
    """Both: that somebody is away may have been said by whoever had their password. Why is for the two alone."""
    window = f"From {moment_words(delegation.starts_at)} until {moment_words(delegation.expires_at)}."
    _tell(
        delegation,
        "named",
        title=f"{delegation.deputy.label} decides for {delegation.absent.label} while they are away",
        detail=f"{window} Either of the two can end it.",
    )


def begun(delegation: Delegation) -> None:
    """Only of those that were named before."""
    _tell(
        delegation,
        "begun",
        title=f"From now on {delegation.deputy.label} decides for {delegation.absent.label}",
        detail=f"Until {moment_words(delegation.expires_at)}. What waits for the one waits for the other too.",
    )


def ended(delegation: Delegation) -> None:
    _tell(
        delegation,
        "ended",
        title=f"{delegation.deputy.label} does not decide for {delegation.absent.label} any more",
        detail=f"Ended by {delegation.ended_by.label}." if delegation.ended_by else "An account is closed.",
    )


def _tell(delegation: Delegation, what: str, *, title: str, detail: str) -> None:
    news = News(
        event=f"deputy.{what}",
        topic=DEPUTIES,
        key=f"deputy.{what}:{delegation.pk}",
        thread=f"delegation:{delegation.pk}",
        title=title,
        detail=detail,
        url=reverse("control:deputies"),
    )
    tell(news, [delegation.absent_id, delegation.deputy_id])
