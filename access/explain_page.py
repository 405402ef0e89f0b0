"""The page “Who can do what”: the rules that reach an entity laid open, one person's rights, and a what-if question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from access import what_if
from access.explain import environments_of, explained
from access.offers import Offer
from access.what_if import Answer, Asked
from control import policy
from control.models import User
from control.policy_documents import PolicySet
from control.stage_board import forecast
from control.subjects import Subject

_HEADINGS = {
    "allow": ("ok", "Allowed at once"),
    "needs_approval": ("info", "Needs approval"),
    "deny": ("bad", "Refused"),
}
APPROVERS_SHOWN = 8


def url_of(ref: str) -> str:
    return f"{reverse('access:explain')}?{urlencode({'entity': ref}, safe=':/')}"


def context(user: User, subject: Subject, data: Mapping[str, str]) -> dict[str, Any]:
    """All of the page about one entity that `user` sees."""
    revision = policy.in_force()
    found = policy.parsed(revision) if revision else PolicySet([])
    environments = environments_of(found, subject)
    asked = what_if.read(data)
    chosen = asked.environment if asked.environment in environments else ""
    answer = what_if.answer(user, subject, found, asked)
    return {
        "subject": subject,
        "revision": revision,
        "environments": environments,
        "environment": chosen,
        "roles": explained(found, subject, user, chosen),
        "asked": asked,
        "answer": answer,
        "offers": _by_consequence(answer),
        "may_ask_about_others": what_if.may_ask_about_others(user, subject),
        "role_choices": [(role.name, role.title) for role in found.roles.values()],
        "decision": _decision(answer, asked),
        "owners": subject.owner_refs,
    }


def _by_consequence(answer: Answer) -> list[Offer]:
    return sorted(answer.offers, key=lambda offer: offer.is_forbidden)


def _decision(answer: Answer, asked: Asked) -> dict[str, Any] | None:
    """The verdict as a panel; conditions speak to the person if it is themselves, and about them otherwise."""
    verdict = answer.verdict
    if verdict is None:
        return None
    sign, heading = _HEADINGS[verdict.verdict]
    return {
        "verdict": verdict,
        "sign": sign,
        "heading": "Held already" if verdict.standing else heading,
        "checks": [(check.ok, check.words if answer.is_self else check.others) for check in verdict.checks],
        "people": verdict.approvers[:APPROVERS_SHOWN],
        "more_people": max(len(verdict.approvers) - APPROVERS_SHOWN, 0),
        "board": forecast(verdict.panel),
        "duration": asked.duration,
    }
