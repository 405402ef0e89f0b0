"""Changing the rules on pages: upload a whole set, look what it would do, send it to whoever must agree."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from control import intents, policy_change, policy_change_page
from control.errors import InvalidParameters, PolicyInvalid, Refused
from control.models import Intent, User
from control.web import person


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def upload(request: HttpRequest) -> HttpResponse:
    """The form (GET), and reading the chosen files (POST): nothing is in force by it and nobody is asked yet."""
    user = person(request)
    if request.method != "POST":
        return render(request, "control/change_upload.html", policy_change_page.upload_context(user))
    verdict = policy_change.verdict_for(user)
    if verdict.is_refused:
        raise Refused(verdict.message)
    try:
        loaded = policy_change_page.read_upload(request.FILES.getlist("files"))
        proposal = policy_change.keep(loaded, by=user)
    except PolicyInvalid as refusal:
        context = policy_change_page.upload_context(user, refusal.problems)
        return render(request, "control/change_upload.html", context, status=422)
    except InvalidParameters as refusal:
        context = policy_change_page.upload_context(user, [("", 0, str(refusal))])
        return render(request, "control/change_upload.html", context, status=422)
    return redirect("control:policy_draft", proposal.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def draft(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """What a proposal of one's own would change (GET), and sending it (POST)."""
    user = person(request)
    proposal = policy_change_page.unsent(user, proposal_id)
    if proposal is None:
        raise Http404("There is no such proposal of yours, or it was sent already.")
    if request.method != "POST":
        return render(request, "control/change_draft.html", policy_change_page.draft_context(proposal, user))
    try:
        intent = policy_change.send(proposal, by=user, reason=request.POST.get("reason", ""))
    except InvalidParameters as refusal:
        context = policy_change_page.draft_context(proposal, user, refusal.fields)
        context["reason"] = request.POST.get("reason", "")
        return render(request, "control/change_draft.html", context, status=422)
    return redirect(intent)


@require_safe
@login_required
@never_cache
def show(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    """A change that was sent, as whoever must agree is shown it."""
    user = person(request)
    context = policy_change_page.show_context(_visible(user, intent_id), user)
    return render(request, "control/change_show.html", context)


@require_POST
@login_required
def withdraw(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user = person(request)
    intent = intents.withdraw(_visible(user, intent_id).pk, by=user)
    messages.success(request, "Withdrawn. Nobody has to decide it any more.")
    return redirect(intent)


def _visible(user: User, intent_id: UUID) -> Intent:
    changes = Intent.objects.visible_to(user).filter(capability=policy_change.NAME)
    return get_object_or_404(changes.select_related("requested_by", "requested_by__acts_for"), pk=intent_id)
