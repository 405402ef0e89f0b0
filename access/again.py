"""Asking for the same access once more: by the form, or with one press where the rules have moved what waits."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode
from uuid import UUID, uuid5

from django.db import transaction
from django.urls import reverse

from control import intents
from control.errors import NotWaiting, Refused
from control.models import Intent, State, User

_KEYS = UUID(
    "1c8ad3a4-6c0b-4f65-9d1e-2f0c1a1d7c55"
)  # any: the same request is asked again under the same key


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


@transaction.atomic
def ask_again(intent_id: UUID, *, by: User) -> Intent:
    """Withdraw a request that waits, and send the same wish under the rules of now: both, or neither.

    Pressed twice it is sent once. Raises `NotWaiting`, `InvalidParameters`, and `Refused` for anybody but whoever sent
    it, or when the rules say no: the old one stays then.
    """
    intent = Intent.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=intent_id)
    if by.pk != intent.requested_by_id:
        raise Refused(f"Only {intent.requested_by.label} can ask for this again.")
    key = uuid5(_KEYS, str(intent.pk))
    if sent := Intent.objects.filter(pk=key).first():
        return sent
    if intent.state != State.AWAITING_APPROVAL:
        raise NotWaiting(f"This request is already {intent.get_state_display().lower()}.")
    draft = replace(intents.draft_of(intent), intent_id=None)
    intents.withdraw(intent.pk, by=by)
    sent = intents.submit(draft, key=key)
    if sent.state == State.DENIED:
        message = sent.decisions.latest("id").explanation.get("message", "")
        raise Refused(f"{message} The request stays as it was.")
    return sent


def asked_again_as(intent: Intent) -> Intent | None:
    """What took the place of this one, once it was withdrawn."""
    return (
        Intent.objects.filter(pk=uuid5(_KEYS, str(intent.pk))).first()
        if intent.state == State.WITHDRAWN
        else None
    )
