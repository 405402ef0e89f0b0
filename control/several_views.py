"""The page on which several requests are decided in one go."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from control import several
from control.forms import AnswerForm
from control.web import person

VERBS = {"approve": "Approved", "reject": "Rejected"}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def decide(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _answered(request)
    lines = several.lines(request.GET.getlist("intent"), person(request))
    if not lines:
        return redirect("control:inbox")
    return render(request, "control/several.html", {"lines": lines})


def _answered(request: HttpRequest) -> HttpResponse:
    user = person(request)
    verb, items = request.POST.get("verb", ""), request.POST.getlist("item")
    comment = request.POST.get("comment", "").strip()
    problem = _problem(verb, items, comment)
    if problem:
        lines = several.lines((item.partition(":")[0] for item in items), user)
        context = {"lines": lines, "problem": problem, "comment": comment}
        return render(request, "control/several.html", context, status=422)
    outcomes = several.answer(items, by=user, verb=verb, comment=comment)
    refused = sum(bool(outcome.refusal) for outcome in outcomes)
    told = {"outcomes": outcomes, "done": VERBS[verb], "refused": refused}
    return render(request, "control/several_done.html", told)


def _problem(verb: str, items: list[str], comment: str) -> str:
    if verb not in VERBS:
        return "Choose whether to approve or to reject."
    if not items:
        return "Tick at least one request."
    if verb == "reject" and not comment:
        return "Say why: the requesters read it and can ask better."
    longest = AnswerForm.base_fields["comment"].max_length  # type: ignore[attr-defined]  # it is a CharField
    if len(comment) > longest:
        return f"The comment is too long. Use {longest:,} letters or fewer."
    return ""
