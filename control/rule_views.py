"""Pages of the rules: those in force, all revisions, any two compared."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from control import policy_change_page, policy_sources, revisions, rulebook, tasks
from control.errors import Refused
from control.models import PolicyRevision
from control.web import person


@require_safe
@login_required
def rules(request: HttpRequest) -> HttpResponse:
    """The rules in force, in words."""
    user = person(request)
    context = {
        **rulebook.context(user),
        "waiting_changes": policy_change_page.waiting(user),
        "reading": policy_sources.last_reading() if settings.PORTICO_POLICY_PATHS else None,
        "may_read_again": user.is_staff and not user.is_agent and policy_sources.has_git(),
    }
    return render(request, "control/rules.html", context)


@require_POST
@login_required
def read_again(request: HttpRequest) -> HttpResponse:
    """Ask a worker to read the repositories now; the page says how it went."""
    user = person(request)
    if not user.is_staff or user.is_agent:
        raise Refused("Only administrators have the rules read again.")
    tasks.read_rules.apply_async(retry=False)
    messages.success(request, "The rules are being read. This page says how it went.")
    return redirect("control:rules")


@require_safe
@login_required
def revisions_list(request: HttpRequest) -> HttpResponse:
    """Every set that was in force, the newest first."""
    return render(request, "control/revisions.html", revisions.list_context(request.GET.get("page", "")))


@require_safe
@login_required
def revision(request: HttpRequest, revision_id: int) -> HttpResponse:
    """One set: what it changed, and what was decided under it."""
    found = get_object_or_404(PolicyRevision.objects.select_related("published_by", "intent"), pk=revision_id)
    context = revisions.show_context(found, person(request), request.GET.get("page", ""))
    return render(request, "control/revision.html", context)


@require_safe
@login_required
def compare(request: HttpRequest) -> HttpResponse:
    """?from=ID&to=ID, document by document."""
    earlier, later = (_named(request.GET.get(name, "")) for name in ("from", "to"))
    return render(request, "control/compare.html", revisions.compare_context(earlier, later, person(request)))


def _named(text: str) -> PolicyRevision:
    found = None
    if text.isascii() and text.isdigit() and len(text) < 18:
        found = PolicyRevision.objects.select_related("published_by").filter(pk=int(text)).first()
    if found is None:
        raise Http404("There is no such revision. Choose two from the list of revisions.")
    return found
