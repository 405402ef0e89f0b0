"""Breaking the glass: access at once in an emergency, told to everybody it concerns, and looked at afterwards.

What a rule says of emergencies is decided by `control.decide` as ever, and a DenyRule wins here too. This module says
who reviews, who is told, and writes down that a review is owed; `reviews` takes the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from access import windows
from access.models import Grant, OwedReview
from access.windows import Right
from control import audit, intents
from control.capability import Change, Draft, Plan
from control.decide import Verdict, decide
from control.deciders import Named, read_people
from control.durations import compact_duration, format_duration, parse_duration
from control.errors import Refused
from control.models import User
from control.notice_topics import Topic
from control.notices import News, tell
from control.policy_documents import BreakGlass, Role
from control.request_notices import thread_of
from control.subjects import Subject
from control.templatetags.times import moment_words

EMERGENCY = Topic(
    "emergency",
    "Somebody breaks the glass",
    "Access in an emergency, to what you decide or review.",
    is_always_shown=True,
    is_urgent=True,
)
BROKEN = "access.glass_broken"
ADMINS_TOLD = 50


def verdict_of(draft: Draft) -> Verdict:
    """What the rules say to breaking the glass for this (role and duration cleaned)."""
    parameters = {**draft.parameters, "break_glass": True}
    right = Right(draft.actor, str(parameters["role"]), draft.subject.ref, draft.environment)
    ask = replace(windows.ask_of(right, parameters, without=draft.intent_id), reason=draft.reason)
    return decide(actor=draft.actor, subject=draft.subject, ask=ask, environment=draft.environment)


def check(draft: Draft) -> None:
    """Raises `Refused` for agents, where nobody could review it, and while another one is live on this entity."""
    if draft.actor.is_agent:
        raise Refused("Agents do not break the glass. The person must do it themselves.")
    live = Grant.objects.live().filter(user=draft.actor, entity_ref=draft.subject.ref, break_glass=True)
    if live.exists():
        raise Refused(
            "You have broken the glass here already, and it still holds. Use that, or end it first."
        )
    found = terms_of(draft)
    if not reviewers(draft.actor, found, draft.subject):
        raise Refused("Nobody but you could review it afterwards, so it is not given. Ask in the usual way.")


def terms_of(draft: Draft) -> BreakGlass:
    """What the rule that counts says. Raises `Refused` when none allows it."""
    verdict = verdict_of(draft)
    if verdict.is_refused or verdict.break_glass is None:
        raise Refused(verdict.message)
    return verdict.break_glass


def named_by(terms: BreakGlass, subject: Subject) -> Named:
    refs = dict.fromkeys([*(subject.owner_refs if terms.owners else ()), *(who.ref for who in terms.named)])
    return Named(
        groups=tuple(ref for ref in refs if ref.startswith("group:")),
        users=tuple(ref for ref in refs if ref.startswith("user:")),
    )


def reviewers(holder: User, terms: BreakGlass, subject: Subject) -> tuple[User, ...]:
    """Active people other than the holder, under any account; agents never."""
    named = named_by(terms, subject)
    return read_people(holder, [named]).eligible(named)


def plan(draft: Draft, role: Role, changes: tuple[Change, ...], data: dict[str, Any]) -> Plan:
    terms = terms_of(draft)
    named, within = named_by(terms, draft.subject), format_duration(terms.review_within)
    length = format_duration(parse_duration(draft.parameters["duration"]))
    where = f"{draft.subject.title} in {draft.environment}" if draft.environment else draft.subject.title
    return Plan(
        title=f"{role.title} of {draft.subject.title}",
        summary=f"{draft.actor.label} breaks the glass and holds {role.title} on {where} for {length}, at once.",
        changes=changes,
        facts=(
            ("Right", role.title),
            ("For", length),
            ("Starts", "at once"),
            ("Review", f"{within} after the end"),
        ),
        data={
            **data,
            "break_glass": {
                "review_within": compact_duration(terms.review_within),
                "groups": list(named.groups),
                "users": list(named.users),
            },
        },
    )


def record(grant: Grant) -> OwedReview:
    """Open the review and tell everybody; in the transaction that opens the grant."""
    shown = grant.intent.plan["data"]["break_glass"]
    within: timedelta = parse_duration(shown["review_within"])
    owed = OwedReview.objects.create(
        grant=grant, due_at=grant.expires_at + within, groups=shown["groups"], users=shown["users"]
    )
    named = Named(groups=tuple(shown["groups"]), users=tuple(shown["users"]))
    told = told_of(grant.user, named, usual_deciders(intents.draft_of(grant.intent)))
    audit.record(
        "grant.glass_broken",
        actor=grant.user,
        intent=grant.intent,
        summary=f"{grant.user.label} broke the glass",
        detail=f"Told: {', '.join(user.label for user in told)}. Review due by {moment_words(owed.due_at)}.",
        after={"told": [user.pk for user in told], "due_at": owed.due_at.isoformat()},
    )
    tell(_news(grant, owed), [user.pk for user in told])
    return owed


def told_of(holder: User, named: Named, usual: Iterable[User]) -> tuple[User, ...]:
    """Reviewers, those who decide in the usual way, and administrators; each once, never the holder."""
    admins = User.objects.filter(is_staff=True, is_active=True, acts_for=None).exclude(pk=holder.pk)
    people = {user.pk: user for user in (*read_people(holder, [named]).eligible(named), *usual)}
    people |= {user.pk: user for user in admins[:ADMINS_TOLD]}
    return tuple(sorted(people.values(), key=lambda user: user.label))


def usual_deciders(draft: Draft) -> tuple[User, ...]:
    """Whoever would decide the same wish without an emergency."""
    usual = {key: value for key, value in draft.parameters.items() if key != "break_glass"}
    right = Right(draft.actor, str(usual["role"]), draft.subject.ref, draft.environment)
    ask = replace(windows.ask_of(right, usual, without=draft.intent_id), reason=draft.reason)
    verdict = decide(actor=draft.actor, subject=draft.subject, ask=ask, environment=draft.environment)
    return verdict.approvers


def _news(grant: Grant, owed: OwedReview) -> News:
    return News(
        event=BROKEN,
        topic=EMERGENCY.name,
        key=f"{BROKEN}:{grant.pk}",
        thread=thread_of(grant.intent),
        title=f"{grant.user.label} broke the glass: {grant.intent.title}",
        detail=f"“{grant.intent.reason}” Review it by {moment_words(owed.due_at)}.",
        url=grant.get_absolute_url(),
        sign="bad",
        subject_ref=grant.entity_ref,
        environment=grant.environment,
        groups=tuple(owed.groups),
    )
