"""Pages of the scaffolder: templates to choose from, their forms, runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from catalog.entity_page import find_entity
from catalog.models import Entity
from control import intents
from control.models import Intent, State
from control.web import person, wants_fragment
from scaffolder import action_list, form_page, run_list, run_page, template_list, workshop_page
from scaffolder.form_page import TemplateForm
from scaffolder.forms import pickers
from scaffolder.forms.carrying import AnswersLost
from scaffolder.forms.validator import patience
from scaffolder.runs import retry as retry_run
from scaffolder.words import RUN_MARKS


@login_required
@require_safe
def actions(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    groups = action_list.read(text)
    count = sum(len(group.entries) for group in groups)
    context = {"groups": groups, "count": count, "text": text, "problems": action_list.problems()}
    return render(request, "scaffolder/action_list.html", context)


@login_required
@require_safe
def templates(request: HttpRequest) -> HttpResponse:
    found = template_list.read(request.GET, user=person(request), number=_number(request.GET.get("page"), 1))
    recent = [
        {
            "run": run,
            "mark": RUN_MARKS[run.intent.state],
            "name": run.intent.title.partition(": ")[2] or run.intent.title,
        }
        for run in found.recent
    ]
    titles = {True: "Chosen most by your teams", False: "Recommended"}
    return render(
        request,
        "scaffolder/template_list.html",
        {
            "list": found,
            "recent": recent,
            "featured_title": titles[found.is_by_use],
            "query": _rest(request, "page"),
        },
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@patience()
def form(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Every step of a template's form: a GET begins, each POST carries the answers so far."""
    template = find_entity("template", namespace, name, user=person(request))
    if reasons := template_list.reasons(template.document):
        return render(request, "scaffolder/unusable.html", {"template": template, "reasons": reasons})
    if request.method != "POST":
        begun = TemplateForm.begin(template, person(request))
        return _draw(request, form_page.page_context(begun, begun.steps.first()))
    try:
        return _step(request, TemplateForm.go_on(template, person(request), request.POST.get("answers", "")))
    except AnswersLost as problem:
        return _begin_again(request, template, str(problem))


def _step(request: HttpRequest, going: TemplateForm) -> HttpResponse:
    shown = going.steps.take(request.POST)
    if request.POST.get("do") == "try" and shown.reading is None:
        return _tried(request, going)
    if not shown.wants_submit:
        return _draw(request, form_page.page_context(going, shown), is_refused=bool(shown.problems))
    sent = going.send(request.POST)
    if isinstance(sent, Intent):
        return _go_to(request, sent.get_absolute_url())
    return _draw(request, form_page.review_context(going, sent), is_refused=True)


def _tried(request: HttpRequest, going: TemplateForm) -> HttpResponse:
    """The review with what it would create; alone where only that is asked for."""
    tried = form_page.trial_context(going)
    if wants_fragment(request) and request.headers.get("HX-Target") == "trial":
        return render(request, "scaffolder/_trial.html", tried)
    sending = form_page.Sending(request.POST.get("reason", "").strip())
    return _draw(request, {**form_page.review_context(going, sending), **tried})


def _begin_again(request: HttpRequest, template: Entity, why: str) -> HttpResponse:
    begun = TemplateForm.begin(template, person(request))
    context = form_page.page_context(begun, begun.steps.first())
    return _draw(request, {**context, "lost": why}, is_refused=True)


def _draw(request: HttpRequest, context: dict[str, Any], *, is_refused: bool = False) -> HttpResponse:
    page = "scaffolder/_form.html" if wants_fragment(request) else "scaffolder/form.html"
    return render(request, page, context, status=422 if is_refused else 200)


def _go_to(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@patience()
def workshop(request: HttpRequest) -> HttpResponse:
    """A template being written: each POST shows what it would ask and make. Nothing is kept."""
    asked_by = person(request)
    is_new = request.method != "POST"
    editor = (
        workshop_page.begun(request.GET, asked_by)
        if is_new
        else workshop_page.gone_on(request.POST, asked_by)
    )
    context = {"editor": editor, **workshop_page.result_context(editor, request.POST, asked_by)}
    if wants_fragment(request):
        return render(request, "scaffolder/_workshop_result.html", context)
    return render(
        request, "scaffolder/workshop.html", {**context, "choices": workshop_page.choices(asked_by)}
    )


@login_required
@require_safe
def options(request: HttpRequest) -> HttpResponse:
    """Entities that a picker offers for what was typed: `of` is the picker's signed question."""
    try:
        what = pickers.unseal(request.GET.get("of", ""))
    except signing.BadSignature as problem:
        raise Http404("This list belongs to no form.") from problem
    typed = next((str(text) for name, text in request.GET.items() if name.startswith("v/")), "")
    offer = pickers.Catalogue(person(request)).search(what, typed)
    found = [{"code": one.ref, "label": one.label} for one in offer.options]
    return render(request, "scaffolder/form/_options.html", {"options": found})


@login_required
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    page = run_list.page_of(request.GET, user=person(request))
    state = request.GET.get("state", "")
    return render(
        request,
        "scaffolder/run_list.html",
        {
            "page": page,
            "rows": run_list.rows_of(page),
            "of": request.GET.get("of", ""),
            "state": state,
            "template": request.GET.get("template", "").lower(),
            "chips": [_chip(request, name, title, state) for name, (title, _) in run_list.STATES.items()],
            "query": _rest(request, "page"),
            "narrowed": _rest(request, "page", "of"),
            "without_template": f"?{_rest(request, 'page', 'template')}",
        },
    )


def _chip(request: HttpRequest, name: str, title: str, chosen: str) -> dict[str, Any]:
    """A state to narrow the list by; a chosen one leads back to all."""
    rest = _rest(request, "page", "state")
    return {
        "title": title,
        "is_chosen": name == chosen,
        "url": f"?{rest}" if name == chosen else f"?{rest}state={name}",
    }


@login_required
@require_safe
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    found = run_page.find_run(run_id, person(request))
    return render(request, "scaffolder/run.html", run_page.page_context(found, person(request)))


@login_required
@require_safe
def log(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What a page that shows the run live does not have yet; the whole page again when the state is another."""
    found = run_page.find_run(run_id, person(request))
    if not wants_fragment(request):
        return redirect(found)
    if request.GET.get("state") != found.intent.state:
        return HttpResponseClientRefresh()
    after, count = _number(request.GET.get("after"), 0), _number(request.GET.get("count"), 0)
    lines = run_page.lines_after(found, after, count)
    context = {**run_page.steps_context(found), "lines": lines, "was_empty": count == 0}
    return render(request, "scaffolder/_run_live.html", context)


@login_required
@require_safe
def log_raw(request: HttpRequest, run_id: UUID) -> StreamingHttpResponse:
    found = run_page.find_run(run_id, person(request))
    answer = StreamingHttpResponse(run_page.raw_log(found), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'inline; filename="run-{found.intent.short}.log"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@login_required
@require_safe
def run_trial(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What a run that nobody has agreed to yet would create, for those who decide and who asked."""
    found = run_page.find_run(run_id, person(request))
    if found.intent.state != State.AWAITING_APPROVAL:
        return redirect(found)
    context = {"run": found, "intent": found.intent, **run_page.trial_context(found, person(request))}
    return render(request, "scaffolder/run_trial.html", context)


@login_required
@require_POST
def cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    found = run_page.find_run(run_id, person(request))
    intents.cancel(found.pk, by=person(request))
    messages.success(request, "Cancelling. The step that runs now is finished first.")
    return redirect(found)


@login_required
@require_POST
def retry(request: HttpRequest, run_id: UUID) -> HttpResponse:
    found = run_page.find_run(run_id, person(request))
    retry_run(found.pk, by=person(request))
    messages.success(request, "Running again. Steps already done stay done.")
    return redirect(found)


@login_required
@require_POST
def withdraw(request: HttpRequest, run_id: UUID) -> HttpResponse:
    found = run_page.find_run(run_id, person(request))
    intents.withdraw(found.pk, by=person(request))
    messages.success(request, "Withdrawn. Nothing was done.")
    return redirect(reverse("scaffolder:runs"))


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 18 else default


def _rest(request: HttpRequest, *without: str) -> str:
    """The query of this page without some names, ready to be added to."""
    query = request.GET.copy()
    for name in without:
        query.pop(name, None)
    return f"{query.urlencode()}&" if query else ""
