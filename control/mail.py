"""Mail about notices: putting what is owed to one person into one message, writing it, and handing it to the server.

What was read in the portal meanwhile, or does not matter any more, is left out. The message has the same Message-ID
each time it is tried.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formataddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.urls import reverse

from control import clock, notice_links
from control.deliveries import MAIL, NotNeeded, Refused, TryLater, Unavailable, work_off
from control.models import Delivery, Notice, User
from control.notice_choices import mail_is_set_up

PEOPLE = 200  # whose mails are put together at one bell
BREATHER = timedelta(minutes=1)  # between two mails to one person
LISTED = 50  # notices in one mail; the page has the rest
LONGEST_SUBJECT = 120


def work_off_mail() -> int:
    """Put together and send. Returns how many mails were sent."""
    if not mail_is_set_up():
        return 0
    gather()
    with _mail_server() as server:
        return work_off(MAIL, server)


def gather() -> int:
    """One mail for each person to whom notices are owed by now. Returns how many mails that were.

    Nobody gets two within a minute: a burst of requests comes as one mail and a second with the rest.
    """
    now = clock.now()
    just_told = Delivery.objects.filter(user=OuterRef("user"), created_at__gt=now - BREATHER)
    owed = Notice.objects.filter(mail_due_at__lte=now).exclude(Exists(just_told)).order_by("user_id")
    people = list(owed.values_list("user_id", flat=True).distinct()[:PEOPLE])
    return sum(_gather_for(pk) for pk in people)


@transaction.atomic
def _gather_for(user_id: int) -> bool:
    now = clock.now()
    due = Notice.objects.filter(user_id=user_id, mail_due_at__lte=now)
    if not due.worth_a_mail().exists():
        due.update(mail_due_at=None)
        return False
    mail = Delivery.objects.create(channel=MAIL, user_id=user_id, next_try_at=now)
    if not due.update(
        mail_due_at=None, mail=mail
    ):  # somebody else put them into a mail while this one looked
        mail.delete()
        return False
    return True


@contextmanager
def _mail_server() -> Iterator[Any]:
    """A way to send through one connection, which is opened for the first message."""
    connection = get_connection()

    def send(delivery: Delivery) -> None:
        message = message_of(delivery)
        message.connection = connection
        _hand_over(message, connection)

    try:
        yield send
    finally:
        _close(connection)


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        return


def _hand_over(message: EmailMultiAlternatives, connection: BaseEmailBackend) -> None:
    try:
        connection.open()
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        _close(connection)
        code = max((int(code) for code, _ in refusal.recipients.values()), default=0)
        if code >= 500:
            raise Refused(f"The mail server does not take the address ({code}).") from None
        raise TryLater(f"The mail server does not take mail for this address now ({code}).") from None
    except smtplib.SMTPDataError as refusal:
        _close(connection)
        raise TryLater(f"The mail server did not take the message ({refusal.smtp_code}).") from None
    except smtplib.SMTPAuthenticationError as refusal:
        _close(connection)
        words = f"The mail server does not take user name and password ({refusal.smtp_code}). Correct PORTICO_MAIL_URL."
        raise Unavailable(words) from None
    except smtplib.SMTPSenderRefused as refusal:
        _close(connection)
        words = (
            f"The mail server does not take mail from {settings.DEFAULT_FROM_EMAIL} ({refusal.smtp_code})."
        )
        raise Unavailable(f"{words} Correct PORTICO_MAIL_FROM.") from None
    except (smtplib.SMTPException, OSError) as failure:
        _close(connection)
        raise Unavailable(f"The mail server could not be used: {_reason(failure)}.") from None


def _reason(failure: Exception) -> str:
    """Our words and the system's, not the server's: those may repeat what was sent."""
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror
    return "it did not answer in time" if isinstance(failure, TimeoutError) else type(failure).__name__


@dataclass(frozen=True)
class Item:
    """One notice as mail shows it."""

    title: str
    detail: str
    url: str
    action: str
    action_url: str


def message_of(delivery: Delivery) -> EmailMultiAlternatives:
    """The mail as it reads now. Raises `NotNeeded` when nothing of it matters any more, `Refused` without address."""
    user = delivery.user
    assert user is not None  # noqa: S101  a constraint of the table
    if not user.is_active:
        raise NotNeeded("The account is closed.")
    worth = delivery.notices.worth_a_mail().select_related("happening").order_by("id")
    notices = list(worth[:LISTED])
    if not notices:
        raise NotNeeded("It was read or settled before it could be sent.")
    return _written(delivery, user, notices, more=worth.count() - len(notices))


def _written(
    delivery: Delivery, user: User, notices: Sequence[Notice], *, more: int
) -> EmailMultiAlternatives:
    topics = sorted({notice.happening.topic for notice in notices})
    stop_url = notice_links.stopping(user, topics)
    context = {
        "name": user.label,
        "items": [_item(notice) for notice in notices],
        "more": more,
        "page_url": notice_links.absolute(reverse("control:notices")),
        "wishes_url": notice_links.absolute(reverse("control:notice_wishes")),
        "stop_url": stop_url,
        "zone": settings.TIME_ZONE,
        "organisation": settings.PORTICO_ORGANISATION,
    }
    message = EmailMultiAlternatives(
        subject=_subject(notices, len(notices) + more),
        body=render_to_string("mail/notices.txt", context),
        to=[_address(user)],
        headers=_headers(delivery, notices, stop_url),
    )
    message.attach_alternative(render_to_string("mail/notices.html", context), "text/html")
    return message


def _item(notice: Notice) -> Item:
    happening = notice.happening
    action_url = notice_links.leading(notice, to_action=True) if happening.action else ""
    return Item(happening.title, happening.detail, notice_links.leading(notice), happening.action, action_url)


def _subject(notices: Sequence[Notice], count: int) -> str:
    first = notices[0].happening.title
    words = first if count == 1 else f"{count} notifications: {first}"
    return words if len(words) <= LONGEST_SUBJECT else f"{words[: LONGEST_SUBJECT - 1]}…"


def _address(user: User) -> str:
    try:
        validate_email(user.email)
    except ValidationError:
        raise Refused("The account has no address that mail can be sent to.") from None
    # A name may hold anything; a line break in it must not end the head of the mail.
    name = "".join(letter if letter.isprintable() else " " for letter in user.label)
    return formataddr((name, user.email))


def _headers(delivery: Delivery, notices: Sequence[Notice], stop_url: str) -> dict[str, str]:
    host = urlsplit(settings.PORTICO_URL).hostname or "localhost"
    threads = {notice.happening.thread for notice in notices}
    headers = {
        "Message-ID": f"<{delivery.pk}@{host}>",
        "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's holiday answer comes back
        "List-Unsubscribe": f"<{stop_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
    }
    if len(threads) == 1:  # what belongs to one request is read together
        headers["References"] = f"<{threads.pop().replace(':', '.')}@{host}>"
    return headers
