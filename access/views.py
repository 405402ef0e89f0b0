"""Pages of access: ask, follow one request, what one holds, what an entity offers. Thin: find, call, answer."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from access import (
    again,
    emergency_page,
    entity_pages,
    forms,
    grants,
    holdings,
    mine_page,
    request_page,
    reviews,
    several_page,
    show_page,
    sign_in,
    standing_debt,
)
from access.errors import NoSignIn
from catalog.entity_page import entity_view
from catalog.models import Entity
from control import intents, subjects
from control.errors import InvalidParameters
from control.models import Intent, User
from control.subjects import Subject
from control.web import person, wants_fragment


@require_safe
@login_required
def mine(request: HttpRequest) -> HttpResponse:
    """What the person holds, waits for and held."""
    return render(request, "access/mine.html", mine_page.context(person(request), request.GET))


@require_safe
@login_required
def standing(request: HttpRequest) -> HttpResponse:
    """Who holds production for good: anywhere for administrators, for owners on what they own."""
    user, number = person(request), request.GET.get("page", "")
    if user.is_staff and not user.is_agent:
        return render(request, "access/standing.html", standing_debt.context(number))
    if not standing_debt.owned_by(user).exists():
        raise Http404(
            "This page is for administrators and owners. Your own standing rights are under Access."
        )
    return render(request, "access/standing.html", standing_debt.owner_context(user, number))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def request_access(request: HttpRequest) -> HttpResponse:
    """The form (GET), a look at the decision without JavaScript, and sending (POST)."""
    if request.method == "POST":
        return _send(request)
    user = person(request)
    if not request.GET.get("entity"):
        also = request.GET.getlist("also")[: several_page.MOST_TARGETS]
        leads_to = (lambda ref: entity_pages.several_url([*also, ref])) if also else entity_pages.request_url
        found = entity_pages.choices(user, request.GET.get("q", ""), leads_to)
        return render(request, "access/choose.html", {**found, "also": also})
    form = forms.read(request.GET)
    subject = _subject(user, request.GET["entity"])
    return render(request, "access/request.html", request_page.context(user, subject, form.choice()))


def _send(request: HttpRequest) -> HttpResponse:
    user, form = person(request), forms.read(request.POST)
    subject = _subject(user, request.POST.get("entity", ""))
    if "look" in request.POST:
        return render(request, "access/request.html", request_page.context(user, subject, form.choice()))
    try:
        intent = intents.submit(form.draft(user, subject), key=forms.key_of(form))
    except InvalidParameters as refusal:
        context = request_page.context(user, subject, form.choice(), refusal.fields)
        return render(request, "access/request.html", context, status=422)
    return redirect(intent)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def break_the_glass(request: HttpRequest) -> HttpResponse:
    """First the page that says what happens and who hears of it; only its own button does it."""
    user, form = person(request), forms.read(request.POST or request.GET)
    subject = _subject(user, form.data.get("entity", ""))
    errors: dict[str, str] = {}
    if request.method == "POST" and "confirmed" in request.POST:
        try:
            return redirect(intents.submit(form.emergency(user, subject), key=forms.key_of(form)))
        except InvalidParameters as refusal:
            errors = refusal.fields
    context = emergency_page.context(user, subject, form.choice(), errors)
    return render(request, "access/break_glass.html", context, status=422 if errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def review(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    """What somebody else than the holder found when they looked at a broken glass."""
    user, intent = person(request), _visible(person(request), intent_id)
    grant = getattr(intent, "grant", None)
    if grant is None or not grant.break_glass:
        raise Http404("No glass was broken with this request, so there is nothing to review.")
    given = {name: request.POST.get(name, "") for name in ("outcome", "done", "comment")}
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            reviews.give(grant.pk, by=user, **given)
        except InvalidParameters as refusal:
            errors = refusal.fields
        else:
            messages.success(request, f"Reviewed: {intent.title}, for {grant.user.label}.")
            return redirect(intent)
    context = emergency_page.review_context(intent, grant, user, given, errors)
    return render(request, "access/review.html", context, status=422 if errors else 200)


@require_safe
@login_required
@never_cache
def decision(request: HttpRequest) -> HttpResponse:
    """The decision panel for what is typed so far; the lengths too when a role or one of them was chosen."""
    user, changed = person(request), request.GET.get("changed", "")
    data = request.GET.copy()
    if changed == "duration":
        data["other"] = ""  # a length that is chosen replaces one that was typed before
    chosen, subject = forms.read(data).choice(), _subject(user, request.GET.get("entity", ""))
    if changed == "what":
        chosen = request_page.within_limit(user, subject, chosen)
    context = request_page.context(user, subject, chosen)
    return render(request, "access/_decision_answer.html", {**context, "has_new_lengths": bool(changed)})


@require_safe
@login_required
@never_cache
@vary_on_headers("HX-Request")
def show(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    """One request from its sending to its end; the part that changes is fetched again while it does."""
    user = person(request)
    context = show_page.context(_visible(user, intent_id), user)
    return render(request, "access/_show.html" if wants_fragment(request) else "access/show.html", context)


@require_POST
@login_required
def withdraw(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user = person(request)
    intent = intents.withdraw(_visible(user, intent_id).pk, by=user)
    return _changed(request, intent, "Withdrawn. Nobody has to decide it any more.")


@require_POST
@login_required
def ask_again(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    """The same wish under the rules of now; what can only be said differently leads to the form."""
    user, intent = person(request), _visible(person(request), intent_id)
    try:
        sent = again.ask_again(intent.pk, by=user)
    except InvalidParameters as refusal:
        messages.warning(request, f"{refusal} Nothing was sent yet; the request before still waits.")
        return redirect(again.again_url(intent))
    messages.success(request, "Asked again. The request before is withdrawn.")
    return redirect(sent)


@require_POST
@login_required
def end(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user, intent = person(request), _visible(person(request), intent_id)
    grant = getattr(intent, "grant", None)
    if grant is None:
        raise Http404("This request gave nothing that could be ended.")
    form = forms.EndForm(request.POST)
    if not form.is_valid():
        raise InvalidParameters({"reason": str(form.errors["reason"][0])})
    ended = grants.revoke(grant.pk, by=user, reason=form.cleaned_data["reason"])
    return _changed(request, intent, f"{ended.role_title} of {ended.user.label} has ended.")


@require_POST
@login_required
def retry(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    user = person(request)
    intent = intents.retry(_visible(user, intent_id).pk, by=user)
    return _changed(request, intent, "Trying again.")


@require_POST
@login_required
@never_cache
def show_sign_in(request: HttpRequest, intent_id: UUID) -> HttpResponse:
    """A fresh password for the holder, in this one answer and nowhere else."""
    user = person(request)
    intent = _visible(user, intent_id)
    shown: dict[str, object]
    try:
        shown = {"sign_in": sign_in.renew(intent, by=user)}
    except NoSignIn as refusal:
        shown = {"sign_in_refusal": str(refusal)}
    if wants_fragment(request):
        return render(request, "access/_sign_in.html", {**shown, "intent": intent})
    return render(request, "access/show.html", {**show_page.context(intent, user), **shown})


@require_safe
@login_required
@entity_view
def entity(request: HttpRequest, entity: Entity) -> HttpResponse:
    """The tab of an entity: what is offered, who holds what now, and one's own."""
    return render(request, "access/entity.html", entity_pages.tab_context(request, entity))


@require_safe
@login_required
@never_cache
def check(request: HttpRequest) -> JsonResponse:
    """May I, now? For tools that ask in a person's name: ?entity=REF&permission=logs:read[&environment=production]."""
    user, ref = person(request), request.GET.get("entity", "").lower()
    permission, environment = request.GET.get("permission", ""), request.GET.get("environment", "")
    entity = Entity.objects.visible_to(user).filter(ref=ref).first()
    if entity is None:
        return JsonResponse(
            {"allowed": False, "until": None, "why": f"The catalogue has no {ref}."}, status=404
        )
    held = holdings.holdings_of(user, entity, permission, environment)
    return JsonResponse(holdings.answer(held, permission, entity))


def _visible(user: User, intent_id: UUID) -> Intent:
    intent = show_page.find(user, intent_id)
    if intent is None:
        raise Http404("There is no such request, or it is not yours to see.")
    return intent


def _subject(user: User, ref: str) -> Subject:
    """Only what the person may see in the catalogue can be asked for."""
    entity = Entity.objects.visible_to(user).light().filter(ref=ref.lower()).first()
    if entity is None:
        raise Http404(f"The catalogue has no {ref}.")
    return replace(subjects.resolve(entity.ref), url=entity.get_absolute_url())


def _changed(request: HttpRequest, intent: Intent, words: str) -> HttpResponse:
    """Back to where the button was, with what was done."""
    if wants_fragment(request):
        found = _visible(person(request), intent.pk)
        return render(
            request, "access/_show.html", {**show_page.context(found, person(request)), "done": words}
        )
    messages.success(request, words)
    place = request.POST.get("next", "")
    is_ours = place.startswith("/") and url_has_allowed_host_and_scheme(place, allowed_hosts=None)
    return redirect(place if is_ours else intent.get_absolute_url())
