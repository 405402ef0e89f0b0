"""What the page of notifications shows, what the number in the top bar counts, and reading them."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from control.models import Notice, User
from control.prepared import OfPerson

PAGE_SIZE = 25
COUNT_LIMIT = 100  # nobody reads a larger number, and counting must stay cheap


_UNREAD = OfPerson(lambda user: Notice.objects.shown_to(user).unread().order_by().values("pk")[:COUNT_LIMIT])


def unread_count(user: User) -> int:
    """At most `COUNT_LIMIT`; one query over an index of unread notices alone."""
    return len(_UNREAD.rows(user))


def page_of(user: User, number: str | None) -> Page[Notice]:
    """Unread first, then what was read; the newest of each first."""
    notices = Notice.objects.shown_to(user).select_related("happening")
    is_unread = ExpressionWrapper(Q(read_at=None), output_field=BooleanField())
    ordered = notices.order_by(is_unread.desc(), "-id")
    return Paginator(ordered, PAGE_SIZE).get_page(number)


def read(user: User, notice_id: int) -> Notice | None:
    """Mark one as read; None when it is not theirs. Again changes nothing."""
    Notice.objects.shown_to(user).unread().filter(pk=notice_id).update(read_at=Now())
    return Notice.objects.shown_to(user).select_related("happening").filter(pk=notice_id).first()


def read_all(user: User, *, through: int) -> int:
    """Mark as read what there was up to the notice `through`: what came since nobody has seen. Returns how many."""
    return Notice.objects.shown_to(user).unread().filter(pk__lte=through).update(read_at=Now())
