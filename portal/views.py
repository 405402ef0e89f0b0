"""Signing in and out."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from portal import demo
from portal.forms import SignInForm

TOO_MANY_REQUESTS = 429


class SignIn(auth_views.LoginView):
    template_name = "registration/signin.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        people = [person for person in demo.people() if person.story] if settings.PORTICO_DEMO else []
        return {**super().get_context_data(**kwargs), "demo_people": people, "demo_password": demo.PASSWORD}


sign_in = SignIn.as_view()
sign_out = auth_views.LogoutView.as_view()  # POST only


def locked(request: HttpRequest, _credentials: dict[str, Any] | None = None, *_args: Any) -> HttpResponse:
    """The answer to too many wrong passwords (named in settings for django-axes)."""
    context = {
        "status": TOO_MANY_REQUESTS,
        "heading": "Too many wrong passwords",
        "message": "This account cannot be used from here for 15 minutes. Somebody may be guessing its password.",
    }
    return render(request, "portal/locked.html", context, status=TOO_MANY_REQUESTS)


def client_address(request: HttpRequest) -> str:
    """Whose wrong passwords count together (named in settings for django-axes).

    Behind a proxy it is what the proxy itself added last: what stands before that, any client may have written.
    """
    direct = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.PORTICO_BEHIND_PROXY:
        return direct
    added = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(added))
    except ValueError:
        return direct


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of a defect. It asks neither database nor context processors, which may be what is broken."""
    return HttpResponse(loader.render_to_string("500.html", {"request": request}), status=500)
