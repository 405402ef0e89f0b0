"""The sign-in form, with words that say what to do next."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "No open account has this name and password. Check both; capitals count in the password.",
        "inactive": "This account is closed. Ask an administrator to open it again.",
    }
