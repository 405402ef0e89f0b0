"""What every view needs to know about the request: who asks, and is only a fragment of the page wanted?"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from control.models import User


def wants_fragment(request: HttpRequest) -> bool:
    """True when htmx swaps the answer into a page; restored history and boosted links want a whole page."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)


def person(request: HttpRequest) -> User:
    """The signed-in account. Views behind `login_required` have one; anything else is a defect of the URL map."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied("Sign in first.")
    return user
