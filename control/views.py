"""The inbox: lists of requests, and the pane in which one is read and decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from control import approvals, away, duties, inbox, inbox_entries, moved, remarks
from control.context import count_for
from control.errors import ControlError
from control.forms import AnswerForm
from control.models import Intent, Remark, User
from control.web import person, wants_fragment


@require_safe
@login_required
@vary_on_headers("HX-Request")
def inbox_list(request: HttpRequest) -> HttpResponse:
    """One tab of the inbox with its first request opened."""
    return _render(request, person(request), None)


@require_safe
@login_required
@vary_on_headers("HX-Request")
def inbox_item(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user = person(request)
    return _render(request, user, _visible(user, intent_id))


@require_POST
@login_required
def approve(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user, form = person(request), AnswerForm(request.POST)
    intent = _visible(user, intent_id)
    if not form.is_valid():
        return _render(request, user, intent, note=form.problem(), status=422)
    data = form.cleaned_data
    try:
        intent = approvals.approve(
            intent_id,
            by=user,
            digest=data["digest"],
            comment=data["comment"],
            narrowed=form.narrowed(),
            in_place_of=data["in_place_of"],
        )
    except ControlError as refusal:
        return _refused(request, user, intent_id, refusal)
    return _answered(request, user, intent, "Approved")


@require_POST
@login_required
def reject(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user, form = person(request), AnswerForm(request.POST)
    intent = _visible(user, intent_id)
    if not form.is_valid():
        return _render(request, user, intent, note=form.problem(), status=422)
    data = form.cleaned_data
    try:
        intent = approvals.reject(
            intent_id,
            by=user,
            digest=data["digest"],
            comment=data["comment"],
            in_place_of=data["in_place_of"],
        )
    except ControlError as refusal:
        return _refused(request, user, intent_id, refusal)
    return _answered(request, user, intent, "Rejected")


@require_POST
@login_required
def ask_back(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    return _said(
        request, intent_id, remarks.ask_back, "Asked. The request waits on, and so does its deadline."
    )


@require_POST
@login_required
def reply(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    return _said(request, intent_id, remarks.reply, "Answered. Whoever asked hears of it.")


def _said(request: HttpRequest, intent_id: UUID, say: Callable[..., Remark], words: str) -> HttpResponse:
    user = person(request)
    intent = _visible(user, intent_id)
    try:
        say(intent_id, by=user, text=request.POST.get("comment", ""))
    except ControlError as refusal:
        return _refused(request, user, intent_id, refusal)
    if wants_fragment(request):
        return _render(request, user, intent, done=words)
    messages.success(request, words)
    return redirect("control:inbox_item", intent.pk)


def _visible(user: User, intent_id: UUID) -> Intent:
    intents = Intent.objects.visible_to(user).select_related("requested_by", "requested_by__acts_for")
    return get_object_or_404(intents, pk=intent_id)


def _refused(request: HttpRequest, user: User, intent_id: UUID, refusal: ControlError) -> HttpResponse:
    """Show the refusal above the request as it stands now. htmx swaps 422; a plain browser gets the true status."""
    status = 422 if wants_fragment(request) else refusal.status
    return _render(request, user, _visible(user, intent_id), note=str(refusal), status=status)


def _answered(request: HttpRequest, user: User, intent: Intent, verb: str) -> HttpResponse:
    words = f"{verb}: {intent.title}, for {intent.requested_by.label}."
    if wants_fragment(request):
        return _render(request, user, intent, done=words)
    messages.success(request, words)
    return redirect("control:inbox_item", intent.pk)


def _pane(intent: Intent, user: User) -> dict[str, Any]:
    context = inbox.pane(intent, user)
    return {**context, "moved": moved.look_under_other_rules(intent, context["decision"], user)}


def _render(
    request: HttpRequest,
    user: User,
    intent: Intent | None,
    *,
    note: str = "",
    done: str = "",
    status: int = 200,
) -> HttpResponse:
    tab = request.GET.get("tab", "waiting")
    tab = tab if tab in inbox.TABS else "waiting"
    page = inbox.page_of(tab, user, request.GET.get("page"))
    waiting = count_for(user)
    opened = intent or next(iter(page), None)
    entries, marks = inbox_entries.entries(tab, user, list(page)), request.GET.getlist("intent")
    context: dict[str, Any] = {
        "tab": tab,
        "page": page,
        "counts": inbox.counts(user, waiting=waiting),
        "duties": duties.of(user) if tab == "waiting" else [],
        "deputies": away.named_by(user) if tab == "waiting" else [],
        "entries": entries,
        "marks": marks,
        "marked": {row.pk for entry in entries for row in entry.rows if str(row.pk) in marks},
        "pace": inbox.median_wait_words(user),
        "opened": opened,
        "chosen": intent is not None,
        "note": note,
        "done": done,
        "live_count": waiting,
        "inbox_count": waiting,
        **(_pane(opened, user) if opened else {}),
    }
    template = "control/_inbox.html" if wants_fragment(request) else "control/inbox.html"
    return render(request, template, context, status=status)
