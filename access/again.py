"""The address of the form that asks for the same access once more."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from control.models import Intent


def again_url(intent: Intent, *, begin: str = "") -> str:
    """`begin` is what the form's choice of the start says, when that is not now."""
    wish = {
        "entity": intent.subject_ref,
        "role": intent.parameters.get("role", ""),
        "environment": intent.environment,
        "duration": intent.parameters.get("duration", ""),
        **({"begin": begin} if begin else {}),
    }
    return f"{reverse('access:request')}?{urlencode(wish, safe=':/')}"
