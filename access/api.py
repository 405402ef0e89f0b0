"""`/api/access`: asking, following, ending and deciding, through the same functions as the pages.

Nobody writes a state, a decision or a grant here: bodies name what is wished, and fields that they do not know are
refused. Refusals of fields are 400 with the words of the form.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from access import again, break_glass, deputies_api, grants, holdings, reviews, show_page, together
from access.capability import NAME
from access.models import Grant, OwedReview, Review
from access.offers import Offer, offers_for
from catalog.api.asked import body_of
from catalog.models import Entity
from control import approvals, clock, intents, moved, subjects
from control.api import ApiError, answer_data
from control.capability import Draft
from control.decide import Verdict
from control.durations import compact_duration
from control.intents import Preview
from control.models import Intent, State, User
from control.subjects import Subject

PAGE, MOST = 50, 200  # requests of one answer, unless asked for and at most
_TEXT = {"type": "string", "maxLength": 20_000}
_LINE = {
    "type": "object",
    "properties": {
        "entity": _TEXT,
        "role": _TEXT,
        "environment": _TEXT,
    },
    "required": ["entity", "role"],
    "additionalProperties": False,
}
_WISH = {
    "type": "object",
    "properties": {
        "lines": {"type": "array", "items": _LINE, "minItems": 1, "maxItems": together.MOST_LINES},
        "duration": _TEXT,
        "startsAt": _TEXT,
        "reason": _TEXT,
        "key": {"type": "string", "format": "uuid", "maxLength": 36},
    },
    "required": ["lines", "duration"],
    "additionalProperties": False,
}
_EMERGENCY = {
    "type": "object",
    "properties": {
        "entity": _TEXT,
        "role": _TEXT,
        "environment": _TEXT,
        "duration": _TEXT,
        "reason": _TEXT,
        "key": {"type": "string", "format": "uuid", "maxLength": 36},
    },
    "required": ["entity", "role", "duration", "reason"],
    "additionalProperties": False,
}
_REVIEW = {
    "type": "object",
    "properties": {
        "outcome": {"type": "string", "enum": list(Review.Outcome.values)},
        "done": _TEXT,
        "comment": _TEXT,
    },
    "required": ["outcome", "done"],
    "additionalProperties": False,
}
_END = {
    "type": "object",
    "properties": {"reason": {"type": "string", "maxLength": 2_000}},
    "additionalProperties": False,
}
_ANSWER = {
    "type": "object",
    "properties": {
        "digest": {"type": "string", "minLength": 64, "maxLength": 64},
        "comment": {"type": "string", "maxLength": 2_000},
        "duration": _TEXT,
        "inPlaceOf": {"type": "string", "maxLength": 255},
    },
    "required": ["digest"],
    "additionalProperties": False,
}


# What can be asked for, and what would become of it


def offers(request: HttpRequest, user: User) -> HttpResponse:
    """Every role that the rules offer on ?entity=REF, with what they say to this person."""
    subject = _subject(user, request.GET.get("entity", ""))
    return answer_data({"entity": subject.ref, "offers": [_offer(one) for one in offers_for(user, subject)]})


def preview(request: HttpRequest, user: User) -> HttpResponse:
    """What would become of each line; nothing is written."""
    wish = body_of(request, _WISH)
    return answer_data({"lines": [_previewed(intents.preview(draft)) for draft in _drafts(user, wish)]})


def create(request: HttpRequest, user: User) -> HttpResponse:
    """Send all lines, or none. The same `key` again answers with what it sent."""
    wish = body_of(request, _WISH)
    drafts, key = _drafts(user, wish), _key(wish)
    if len(drafts) == 1:
        return _answered([intents.submit(drafts[0], key=key)], user, status=201)
    batch = together.submit(drafts, by=user, key=key)
    sent = Intent.objects.filter(batch_line__batch=batch).order_by("batch_line__pk")
    return _answered(_whole(sent), user, status=201)


def _answered(rows: Sequence[Intent], user: User, *, status: int = 200, **more: Any) -> HttpResponse:
    now = clock.now()
    return answer_data({"requests": [_as_data(one, user, now) for one in rows], **more}, status)


def _drafts(user: User, wish: Mapping[str, Any]) -> list[Draft]:
    common = {"duration": wish["duration"], "starts_at": wish.get("startsAt", "")}
    return [
        Draft(
            capability=NAME,
            actor=user,
            subject=_subject(user, line["entity"]),
            environment=line.get("environment", ""),
            parameters={"role": line["role"], **common},
            reason=wish.get("reason", ""),
        )
        for line in wish["lines"]
    ]


def _key(wish: Mapping[str, Any]) -> UUID:
    try:
        return UUID(wish["key"]) if "key" in wish else uuid4()
    except ValueError:
        raise ApiError(400, "key is no UUID. Leave it out, or send one that you made.") from None


# In an emergency


def look_at_glass(request: HttpRequest, user: User) -> HttpResponse:
    """What breaking the glass would give and who would hear of it; nothing is written and nobody is told."""
    wish = body_of(request, _EMERGENCY)
    _key(wish)
    draft = _emergency(user, wish)
    found = intents.preview(draft)
    terms = break_glass.terms_of(draft)
    named = break_glass.named_by(terms, draft.subject)
    told = break_glass.told_of(user, named, break_glass.usual_deciders(found.draft))
    return answer_data(
        {
            **_previewed(found),
            "maxDuration": compact_duration(terms.max_duration),
            "reviewWithin": compact_duration(terms.review_within),
            "told": _refs(told),
            "reviewers": _refs(break_glass.reviewers(user, terms, draft.subject)),
        }
    )


def break_the_glass(request: HttpRequest, user: User) -> HttpResponse:
    """Hold it at once; reviewers, deciders and administrators are told, and a review is due. Persons alone."""
    wish = body_of(request, _EMERGENCY)
    intent = intents.submit(_emergency(user, wish), key=_key(wish))
    event = intent.events.filter(action="grant.glass_broken").first()
    told = User.objects.filter(pk__in=event.after.get("told", ())) if event else User.objects.none()
    return answer_data({**_detailed(_visible(user, intent.pk), user), "told": _refs(told)}, 201)


def _emergency(user: User, wish: Mapping[str, Any]) -> Draft:
    return Draft(
        capability=NAME,
        actor=user,
        subject=_subject(user, wish["entity"]),
        environment=wish.get("environment", ""),
        parameters={"role": wish["role"], "duration": wish["duration"], "break_glass": True},
        reason=wish["reason"],
    )


def review(request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    """Say what was done with a broken glass, and whether it was right; never one's own."""
    body = body_of(request, _REVIEW)
    grant = Grant.objects.filter(intent=_visible(user, intent_id), break_glass=True).first()
    if grant is None:
        raise ApiError(404, "No glass was broken with this request, so there is nothing to review.")
    reviews.give(
        grant.pk, by=user, outcome=body["outcome"], done=body["done"], comment=body.get("comment", "")
    )
    return answer_data(_detailed(_visible(user, intent_id), user))


def _refs(people: Iterable[User]) -> list[str]:
    return sorted(user.entity_ref or user.username for user in people)


# Following


def listed(request: HttpRequest, user: User) -> HttpResponse:
    """One's own requests (?of=mine), those that wait for one's answer (?of=waiting), the newest first."""
    of, limit = request.GET.get("of", "mine"), _limit(request)
    if of not in ("mine", "waiting"):
        raise ApiError(400, "of is mine or waiting.")
    own = Intent.objects.waiting_for(user) if of == "waiting" else Intent.objects.involving(user)
    found = own.filter(capability=NAME)
    if state := request.GET.get("state", ""):
        if state not in State.values:
            raise ApiError(400, f"There is no state {state[:40]}. Known: {', '.join(State.values)}.")
        found = found.filter(state=state)
    if after := _after(request):
        found = found.filter(Q(requested_at__lt=after[0]) | Q(requested_at=after[0], pk__lt=after[1]))
    rows = _whole(found.order_by("-requested_at", "-pk")[: limit + 1])
    following = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return _answered(rows[:limit], user, after=following)


def one(_request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    return answer_data(_detailed(_visible(user, intent_id), user))


def _limit(request: HttpRequest) -> int:
    text = request.GET.get("limit", str(PAGE))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST:
        raise ApiError(400, f"limit is a whole number from 1 to {MOST}.")
    return int(text)


def _cursor(intent: Intent) -> str:
    said = json.dumps([intent.requested_at.isoformat(), str(intent.pk)])
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _after(request: HttpRequest) -> tuple[datetime, UUID] | None:
    cursor = request.GET.get("after", "")
    if not cursor:
        return None
    try:
        moment, pk = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
        return datetime.fromisoformat(moment), UUID(pk)
    except (ValueError, TypeError, AttributeError):
        raise ApiError(
            400, "after is not a cursor of this list. Leave it out to begin at the newest."
        ) from None


# Changing what one may change


def withdraw(_request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    intents.withdraw(_visible(user, intent_id).pk, by=user)
    return answer_data(_detailed(_visible(user, intent_id), user))


def ask_again(_request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    """Withdraw what waits and send the same wish under the rules of now; answers with the new one."""
    sent = again.ask_again(_visible(user, intent_id).pk, by=user)
    return answer_data(_detailed(_visible(user, sent.pk), user), 201)


def end(request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    """End what holds, or call off what is yet to begin."""
    body = body_of(request, _END, is_required=False)
    grant = Grant.objects.filter(intent=_visible(user, intent_id)).first()
    if grant is None:
        raise ApiError(404, "This request gave nothing that could be ended.")
    grants.revoke(grant.pk, by=user, reason=body.get("reason", ""))
    return answer_data(_detailed(_visible(user, intent_id), user))


def approve(request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    """Say yes to what `digest` stands for; with `duration` to less of it."""
    body, intent = body_of(request, _ANSWER), _visible(user, intent_id)
    narrowed = {"duration": body["duration"]} if body.get("duration") else None
    approvals.approve(
        intent.pk,
        by=user,
        digest=body["digest"],
        comment=body.get("comment", ""),
        narrowed=narrowed,
        in_place_of=deputies_api.place_of(body.get("inPlaceOf")),
    )
    return answer_data(_detailed(_visible(user, intent_id), user))


def reject(request: HttpRequest, user: User, intent_id: UUID) -> HttpResponse:
    body, intent = body_of(request, _ANSWER), _visible(user, intent_id)
    approvals.reject(
        intent.pk,
        by=user,
        digest=body["digest"],
        comment=body.get("comment", ""),
        in_place_of=deputies_api.place_of(body.get("inPlaceOf")),
    )
    return answer_data(_detailed(_visible(user, intent_id), user))


def check(request: HttpRequest, user: User) -> HttpResponse:
    """May this person, now? ?entity=REF&permission=logs:read[&environment=production]."""
    ref, permission = request.GET.get("entity", "").lower(), request.GET.get("permission", "")
    entity = Entity.objects.visible_to(user).filter(ref=ref).first()
    if entity is None:
        raise ApiError(404, f"The catalogue has no {ref[:255]}.")
    held = holdings.holdings_of(user, entity, permission, request.GET.get("environment", ""))
    return answer_data(holdings.answer(held, permission, entity))


# As data


def _subject(user: User, ref: str) -> Subject:
    entity = Entity.objects.visible_to(user).light().filter(ref=ref.lower()).first()
    if entity is None:
        raise ApiError(404, f"The catalogue has no {ref[:255]}.")
    return replace(subjects.resolve(entity.ref), url=entity.get_absolute_url())


def _visible(user: User, intent_id: UUID) -> Intent:
    intent = show_page.find(user, intent_id)
    if intent is None:
        raise ApiError(404, "There is no such request, or it is not yours to see.")
    return intent


def _whole(found: Any) -> list[Intent]:
    return list(found.select_related("requested_by", "grant", "grant__revoked_by"))


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "role": offer.role.name,
        "title": offer.role.title,
        "description": offer.role.description,
        "environment": offer.environment,
        "permissions": list(offer.role.permissions),
        "heldUntil": offer.grant.expires_at.isoformat() if offer.grant else None,
        **_said(offer.verdict),
    }


def _said(verdict: Verdict) -> dict[str, Any]:
    longest, usual = verdict.max_duration, verdict.default_duration
    return {
        "verdict": verdict.verdict,
        "message": verdict.message,
        "rule": verdict.rule or None,
        "policy": verdict.policy.digest if verdict.policy else None,
        "maxDuration": compact_duration(longest) if longest else None,
        "defaultDuration": compact_duration(usual) if usual else None,
        "startWithin": compact_duration(verdict.start_within) if verdict.start_within else None,
        "approvalsNeeded": verdict.approvals_needed,
        "approvers": [user.entity_ref for user in verdict.approvers if user.entity_ref],
    }


def _previewed(found: Preview) -> dict[str, Any]:
    return {
        "title": found.plan.title,
        "summary": found.plan.summary,
        "entity": found.draft.subject.ref,
        "environment": found.draft.environment,
        "role": found.draft.parameters["role"],
        "changes": [{"sign": one.sign, "where": one.where, "what": one.what} for one in found.plan.changes],
        **_said(found.verdict),
    }


def _as_data(intent: Intent, user: User, now: datetime) -> dict[str, Any]:
    grant: Grant | None = getattr(intent, "grant", None)
    return {
        "id": str(intent.pk),
        "title": intent.title,
        "entity": intent.subject_ref,
        "environment": intent.environment,
        "role": intent.parameters.get("role", ""),
        "duration": intent.parameters.get("duration", ""),
        "startsAt": intent.parameters.get("starts_at"),
        "reason": intent.reason,
        "state": intent.state,
        "isMine": intent.requested_by.principal_id == user.principal_id,
        "requestedBy": intent.requested_by.entity_ref,
        "requestedAt": intent.requested_at.isoformat(),
        "decideBefore": intent.decide_before.isoformat(),
        "digest": intent.plan_digest,
        "url": intent.get_absolute_url(),
        "grant": _grant(grant, now) if grant else None,
    }


def _grant(grant: Grant, now: datetime) -> dict[str, Any]:
    return {
        "startsAt": grant.starts_at.isoformat(),
        "expiresAt": grant.expires_at.isoformat(),
        "endedAt": grant.revoked_at.isoformat() if grant.revoked_at else None,
        "endedBy": grant.ended_by or None,
        "isLive": grant.is_live(now),
        "breakGlass": grant.break_glass,
    }


def _detailed(intent: Intent, user: User) -> dict[str, Any]:
    """With the plan that its digest stands for, the decision and the answers."""
    decision = (
        intent.decisions.select_related("policy").defer("policy__documents", "policy__sources").latest("id")
    )
    answers = intent.approvals.with_people().order_by("id")
    owed = OwedReview.objects.select_related("review", "review__by").filter(grant__intent=intent).first()
    given: Review | None = getattr(owed, "review", None)
    changed = moved.look(intent, decision)
    return {
        **_as_data(intent, user, clock.now()),
        "plan": intent.plan,
        "decision": {
            "verdict": decision.verdict,
            "message": decision.explanation.get("message", ""),
            "rule": decision.rule or None,
            "policy": decision.policy.digest if decision.policy else None,
            "approvalsNeeded": decision.approvals_needed,
        },
        "answers": [
            {
                "answer": one.answer,
                "by": one.by.entity_ref,
                "asDeputyOf": one.deputy_of.entity_ref if one.deputy_of else None,
                "comment": one.comment,
                "narrowed": one.narrowed,
                "at": one.decided_at.isoformat(),
            }
            for one in answers
        ],
        "standIns": deputies_api.stand_ins_of(intent),
        "changedSince": {
            "verdict": changed.verdict.verdict,
            "message": changed.words,
            "canStillBeDecided": not changed.is_stuck,
        }
        if changed
        else None,
        "reviewDueAt": owed.due_at.isoformat() if owed else None,
        "review": {
            "outcome": given.outcome,
            "by": given.by.entity_ref,
            "done": given.done,
            "comment": given.comment,
            "at": given.reviewed_at.isoformat(),
        }
        if given
        else None,
    }
