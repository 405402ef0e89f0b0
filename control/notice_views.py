"""Notifications: the list, the number in the top bar, marking as read. Thin: find, call, answer."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from control import notice_list
from control.forms import NoticesReadForm
from control.web import person, wants_fragment


@require_safe
@login_required
@never_cache
@vary_on_headers("HX-Request")
def notices(request: HttpRequest) -> HttpResponse:
    """What this person was told, unread first."""
    page = notice_list.page_of(person(request), request.GET.get("page"))
    return render(
        request, "control/notices.html", {"page": page, "newest": max((row.pk for row in page), default=0)}
    )


@require_safe
@login_required
@never_cache
def bell(request: HttpRequest) -> HttpResponse:
    """The bell alone, which the top bar asks for now and then."""
    return render(request, "parts/_bell.html", {"bell_count": notice_list.unread_count(person(request))})


@require_POST
@login_required
@vary_on_headers("HX-Request")
def read(request: HttpRequest, notice_id: int) -> HttpResponse:
    user = person(request)
    notice = notice_list.read(user, notice_id)
    if notice is None:
        raise Http404("There is no such notification.")
    if wants_fragment(request):
        context = {"notice": notice, "bell_count": notice_list.unread_count(user)}
        return render(request, "control/_notice_read.html", context)
    return redirect(_page(request))


@require_POST
@login_required
def read_all(request: HttpRequest) -> HttpResponse:
    form = NoticesReadForm(request.POST)
    if form.is_valid():
        count = notice_list.read_all(person(request), through=form.cleaned_data["through"])
        messages.success(request, f"{count} marked as read." if count else "Nothing was unread.")
    return redirect("control:notices")


def _page(request: HttpRequest) -> str:
    """The page of the list that the form stood on."""
    number = request.POST.get("page", "")
    where = reverse("control:notices")
    return f"{where}?{urlencode({'page': number})}" if number.isdecimal() and number != "1" else where
