"""Asking back: whoever may decide asks, whoever asked for it answers, and both stand with the request.

The only writer of Remark. A question changes nothing about the request: it waits on, its deadline stays, and what was
shown is still what would be approved. Who needs something else withdraws it and asks anew.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from control import audit, clock, inbox, people, request_notices
from control.errors import InvalidParameters, NotAnApprover, NotWaiting, OwnRequest, Refused, TooLate
from control.models import Intent, Remark, State, User

LONGEST = 2_000
MOST = 40  # remarks about one request; who still does not understand each other should talk


@transaction.atomic
def ask_back(intent_id: UUID, *, by: User, text: str) -> Remark:
    """Ask the requester.

    Raises `InvalidParameters`, `NotWaiting`, `TooLate`, `OwnRequest`, `NotAnApprover` or `Refused`.
    """
    intent = _lock(intent_id, by)
    if people.same_person(by, intent.requested_by):
        raise OwnRequest("You asked for this yourself. Whoever decides can ask you.")
    if by.is_agent or not inbox.standing_of(intent, by).can_answer:
        raise NotAnApprover("Only those who can decide this now can ask back.")
    remark = _write(intent, by, Remark.Role.QUESTION, text, "Write what you want to know, then ask.")
    request_notices.asked_back(intent, remark)
    return remark


@transaction.atomic
def reply(intent_id: UUID, *, by: User, text: str) -> Remark:
    """Answer what was asked. Raises as `ask_back`, and `Refused` for anybody but the requester's person."""
    intent = _lock(intent_id, by)
    if not people.same_person(by, intent.requested_by):
        raise Refused(f"Only {intent.requested_by.label} can answer what was asked here.")
    asked = intent.remarks.filter(role=Remark.Role.QUESTION)
    if not asked.exists():
        raise NotWaiting("Nobody has asked anything about this request.")
    remark = _write(intent, by, Remark.Role.ANSWER, text, "Write your answer, then send it.")
    request_notices.replied(intent, remark, set(asked.values_list("by", flat=True)))
    return remark


def _lock(intent_id: UUID, by: User) -> Intent:
    intent = Intent.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=intent_id)
    if not User.objects.filter(pk=by.pk, is_active=True).exists():
        raise Refused("This account is closed, so it can say nothing here.")
    if intent.state != State.AWAITING_APPROVAL:
        raise NotWaiting(f"This request is already {intent.get_state_display().lower()}.")
    if intent.decide_before <= clock.now():
        raise TooLate("This request waited too long and has expired. It can be asked again.")
    return intent


def _write(intent: Intent, by: User, role: Remark.Role, text: str, when_empty: str) -> Remark:
    said = text.strip()
    if not said:
        raise InvalidParameters({"comment": when_empty})
    if len(said) > LONGEST:
        raise InvalidParameters({"comment": f"Use {LONGEST:,} letters or fewer; {len(said):,} is too long."})
    if intent.remarks.count() >= MOST:
        raise InvalidParameters(
            {"comment": "Much has been said here already. Talk to each other, then decide."}
        )
    remark = Remark.objects.create(intent=intent, by=by, role=role, text=said, at=clock.now())
    audit.record(
        f"intent.{'asked_back' if role == Remark.Role.QUESTION else 'replied'}",
        actor=by,
        intent=intent,
        summary=f"{by.label} {'asks back' if role == Remark.Role.QUESTION else 'answers'}",
        detail=f"“{said}”",
    )
    return remark
