"""The page before the glass is broken, and the page of its review. Only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from access import break_glass, reviews
from access.habits import CHOICES
from access.models import Grant
from access.request_page import Choice, Length
from access.show_page import events_of
from control import clock, policy, subjects
from control.capability import ACCESS, Draft
from control.durations import DurationError, compact_duration, format_duration, parse_duration
from control.errors import Refused
from control.models import Intent, User
from control.policy_documents import BreakGlass, Role
from control.subjects import Subject


def context(
    user: User, subject: Subject, chosen: Choice, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What would happen and who would hear of it. Raises `Refused` where no rule allows it, or not now."""
    role = _role(chosen.role)
    probe = _draft(user, subject, chosen, "1m")
    break_glass.check(probe)
    terms = break_glass.terms_of(probe)
    length = _within(chosen.duration, terms)
    draft = _draft(user, subject, chosen, compact_duration(length))
    named = break_glass.named_by(terms, subject)
    return {
        "subject": subject,
        "role": role,
        "chosen": replace(chosen, duration=compact_duration(length)),
        "lengths": _lengths(length, terms),
        "limit": format_duration(terms.max_duration),
        "review_within": format_duration(terms.review_within),
        "told": break_glass.told_of(user, named, break_glass.usual_deciders(draft)),
        "reviewers": break_glass.reviewers(user, terms, subject),
        "errors": errors or {},
    }


def _role(name: str) -> Role:
    revision = policy.in_force()
    role = policy.parsed(revision).roles.get(name) if revision else None
    if role is None:
        raise Refused("The rules in force have no such role. Choose one on the page of what you need.")
    return role


def _draft(user: User, subject: Subject, chosen: Choice, duration: str) -> Draft:
    parameters = {"role": chosen.role, "duration": duration}
    return Draft(ACCESS, user, subject, chosen.environment, parameters, chosen.reason)


def _within(typed: str, terms: BreakGlass) -> timedelta:
    """What was chosen on the page before, as far as an emergency goes."""
    try:
        return min(parse_duration(typed), terms.max_duration)
    except DurationError:
        return terms.max_duration


def _lengths(chosen: timedelta, terms: BreakGlass) -> list[Length]:
    possible = sorted({*(one for one in CHOICES if one < terms.max_duration), terms.max_duration, chosen})
    return [Length(compact_duration(one), format_duration(one), one == chosen, False) for one in possible]


def review_context(
    intent: Intent, grant: Grant, user: User, given: Mapping[str, str], errors: Mapping[str, str]
) -> dict[str, Any]:
    owed = grant.owed_review
    return {
        "intent": intent,
        "grant": grant,
        "owed": owed,
        "review": getattr(owed, "review", None),
        "is_over": grant.is_over(clock.now()),
        "may_review": reviews.may_review(owed, grant, user),
        "subject": subjects.resolve(grant.entity_ref),
        "events": events_of(intent),
        "given": given,
        "errors": errors,
        "longest": reviews.LONGEST,
    }
