"""The own profile: who one is here, and the API tokens that stand for one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from control import tokens
from control.errors import InvalidParameters, TooLate
from control.forms import TokenForm
from control.models import ApiToken, User
from control.web import person

SHOWN = 100  # tokens listed, those that work first


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """A POST makes a token and shows its secret in the answer, which no cache keeps and no reload repeats."""
    user = person(request)
    if request.method == "POST":
        return _make_token(request, user)
    return _render(request, user, TokenForm())


def _make_token(request: HttpRequest, user: User) -> HttpResponse:
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _render(request, user, form, status=422)
    try:
        token, secret = tokens.issue(owner=user, by=user, **form.cleaned_data)
    except InvalidParameters as refusal:
        for field, message in refusal.fields.items():
            form.add_error(field, message)
        return _render(request, user, form, status=422)
    return _render(request, user, TokenForm(), made=token, secret=secret)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """A GET asks whether it is meant; a POST does it."""
    user = person(request)
    token = get_object_or_404(ApiToken, pk=token_id, user=user)
    if request.method != "POST":
        return render(request, "control/token_revoke.html", {"token": token})
    try:
        tokens.revoke(token.pk, by=user)
    except TooLate as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(request, f"Revoked {token.name}. Nothing can sign in with it any more.")
    return redirect("control:profile")


def _render(
    request: HttpRequest,
    user: User,
    form: TokenForm,
    *,
    status: int = 200,
    made: ApiToken | None = None,
    secret: str = "",
) -> HttpResponse:
    context = {
        "form": form,
        "tokens": user.api_tokens.order_by("revoked_at", "-expires_at")[:SHOWN],
        "teams": list(user.groups.order_by("name").values_list("name", flat=True)),
        "made": made,
        "secret": secret,
    }
    return render(request, "control/profile.html", context, status=status)
