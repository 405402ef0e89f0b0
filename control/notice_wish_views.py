"""How one wants to be told, the links in mail, and how the ways to the outside fare."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from control import notice_choices, notice_links
from control.notice_forms import WishesForm
from control.notice_links import LinkOver
from control.notice_topics import topics
from control.web import person

GONE = 410


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def wishes(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = WishesForm(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Kept. It counts from now on.")
        return redirect("control:notice_wishes")
    context = {"form": form, "sends_mail": notice_choices.mail_is_set_up(), "address": user.email}
    return render(request, "control/notice_wishes.html", context, status=422 if form.is_bound else 200)


@require_safe
@never_cache
def lead(request: HttpRequest, token: str) -> HttpResponse:
    """From a mail to the page, which asks for the sign-in itself. Changes nothing: scanners of mail fetch it too."""
    try:
        return redirect(notice_links.where_it_leads(token))
    except LinkOver:
        return _over(request)


@csrf_exempt  # the signed address is what allows it: mail programs send it by themselves (RFC 8058)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """A GET asks whether it is meant; a POST stops mail about the topics of the link, and nothing else."""
    try:
        user, names = notice_links.what_it_stops(token)
    except LinkOver:
        return _over(request)
    is_done = request.method == "POST"
    stopped = (
        notice_choices.stop_mail(user, names) if is_done else [one for one in topics() if one.name in names]
    )
    return render(request, "control/notice_stop.html", {"topics": stopped, "is_done": is_done})


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "control/notice_link_over.html", status=GONE)
