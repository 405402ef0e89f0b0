"""What the inbox shows: three lists, and one request with all that its decider needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Subquery, Window
from django.utils.timezone import localtime

from control import away, clock, people, subjects
from control.away import Turn
from control.capability import registry
from control.chairs import said_before
from control.durations import format_duration
from control.models import Approval, Decision, Intent, IntentQuerySet, Remark, State, User
from control.seats import deputy_seats, people_on, seats_now, turn_words
from control.stage_board import board_of

PAGE_SIZE = 25
APPROVERS_SHOWN = 8
ANSWERS_READ = 200  # of today, for the median
COUNT_LIMIT = 100  # nobody reads a larger number, and counting must stay cheap
TABS = ("waiting", "mine", "decided")


def of_tab(tab: str, user: User) -> IntentQuerySet:
    """The requests of one tab, the most urgent or newest first."""
    intents = Intent.objects.all()
    if tab == "mine":
        mine = intents.involving(user).filter(state=State.AWAITING_APPROVAL)
        return mine.order_by("-requested_at", "pk")
    if tab == "decided":
        return _decided(intents, user).order_by("-decided_at", "pk")
    return intents.waiting_for(user).order_by("requested_at", "pk")


def page_of(tab: str, user: User, number: str | None, *, size: int = PAGE_SIZE) -> Page[Intent]:
    """As `to_show`. Their order is found by key alone, and how many there are along with it: whole rows are read for
    the page, not for all that are sorted."""
    wanted = of_tab(tab, user)
    paginator = Paginator(wanted, size)
    place = int(number[:9]) if number and number.isascii() and number.isdecimal() else 1
    counted = wanted.annotate(total=Window(Count("*"))).values_list("pk", "total")
    found = list(counted[(place - 1) * size : place * size]) if place else []
    if not found:  # past the end, or there are none: the nearest page there is
        nearest = paginator.get_page(number)
        return Page(_rows([intent.pk for intent in nearest]), nearest.number, paginator)
    paginator.count = found[0][1]  # kept like one that was counted
    return Page(_rows([key for key, _ in found]), place, paginator)


def _rows(keys: Sequence[UUID]) -> list[Intent]:
    found = to_show(Intent.objects.all()).in_bulk(keys)
    return [found[key] for key in keys if key in found]


def to_show(intents: IntentQuerySet) -> IntentQuerySet:
    """Each with its requester, and who spoke last (`last_remark`)."""
    said = Remark.objects.filter(intent=OuterRef("pk")).order_by("-id").values("role")[:1]
    rows = intents.annotate(last_remark=Subquery(said, output_field=CharField()))
    return rows.select_related("requested_by", "requested_by__acts_for")


def _decided(intents: IntentQuerySet, user: User) -> IntentQuerySet:
    """What they were asked and is settled, or settled for them; and what they decided in the place of somebody who is
    back by now."""
    answered = Approval.objects.filter(intent=OuterRef("pk")).involving(user)
    is_settled = Exists(answered) | ~Q(state=State.AWAITING_APPROVAL)
    stood_in = Approval.objects.filter(by=user, deputy_of__isnull=False)
    if not stood_in.exists():
        return intents.asked_of(user).filter(is_settled)
    asked = Intent.objects.asked_of(user).filter(is_settled)
    return intents.filter(Q(pk__in=asked.values("pk")) | Q(pk__in=stood_in.values("intent")))


def counts(user: User, **known: int) -> dict[str, int]:
    """How many wait for this person and how many of theirs wait for others, at most 100. What is `known` is not
    counted."""
    return {
        tab: min(known[tab], COUNT_LIMIT)
        if tab in known
        else of_tab(tab, user).order_by().values("pk")[:COUNT_LIMIT].count()
        for tab in ("waiting", "mine")
    }


@dataclass(frozen=True)
class Standing:
    """Whether this person may answer, and if not, why. `turns` say in whose places, of who stands in for somebody."""

    can_answer: bool
    why_not: str = ""
    turns: Sequence[Turn] = ()


def standing_of(intent: Intent, user: User) -> Standing:
    if intent.state != State.AWAITING_APPROVAL:
        return Standing(False)
    if people.same_person(user, intent.requested_by):
        return Standing(False, "You asked for this yourself, so somebody else must decide.")
    if Intent.objects.waiting_for(user).filter(pk=intent.pk).exists():
        return Standing(True, turns=away.turns_of([intent.pk], user).get(intent.pk, ()))
    return Standing(False, _why_not(intent, user))


def _why_not(intent: Intent, user: User) -> str:
    rows = list(intent.approvers.filter(seats_now(user) | deputy_seats(user)))
    if not rows:
        return "You are not among those who decide this."
    if words := said_before(user, intent.approvals.with_people()):
        return words
    return turn_words(rows, clock.now()) or "It has waited too long and closes by itself."


def pane(intent: Intent, user: User) -> dict[str, Any]:
    """Context of the decision pane. The number of queries does not depend on the request."""
    capability = registry.get(intent.capability)
    decision = (
        intent.decisions.select_related("policy").defer("policy__documents", "policy__sources").latest("id")
    )
    facts = capability.inbox_facts(intent, user)
    approvals = list(intent.approvals.with_people().order_by("id"))
    asked = eligible(intent)
    return {
        "intent": intent,
        "capability": capability,
        "decision": decision,
        "subject": subjects.resolve(intent.subject_ref),
        "plan": intent.plan,
        "warnings": capability.warnings([intent]).get(intent.pk, ()),
        "history": facts.get("history", ""),
        "narrow_choices": [_choice(label, change) for label, change in facts.get("narrow_choices", ())],
        "as_asked": facts.get("as_asked", ""),
        "closer": facts.get("closer"),
        "approvals": approvals,
        "given": sum(answer.answer == Approval.Answer.APPROVED for answer in approvals),
        "approvers": list(asked[:APPROVERS_SHOWN]),
        "stand_ins": away.stand_ins(intent, asked)[:APPROVERS_SHOWN]
        if intent.state == State.AWAITING_APPROVAL
        else [],
        "board": board_of(intent, decision, approvals),
        "requester_groups": list(intent.requested_by.groups.order_by("name")[:5]),
        "standing": standing_of(intent, user),
        "remarks": list(intent.remarks.select_related("by").order_by("id")),
        "is_mine": people.same_person(user, intent.requested_by),
        "needs_approval": decision.verdict == Decision.Verdict.NEEDS_APPROVAL,
    }


def open_question(intent: Intent) -> Remark | None:
    """What the requester was asked and has not answered."""
    if intent.state != State.AWAITING_APPROVAL:
        return None
    last = intent.remarks.select_related("by").order_by("-id").first()
    return last if last and last.role == Remark.Role.QUESTION else None


def _choice(label: str, change: Mapping[str, str]) -> tuple[str, str]:
    """Label, and the `parameter=value` that the form posts."""
    ((name, value),) = change.items()
    return label, f"{name}={value}"


def eligible(intent: Intent) -> QuerySet[User]:
    """Active people whose turn it is and who have not answered; not the requester, under any account; agents never."""
    requester = intent.requested_by.acts_for or intent.requested_by
    second_account = Q(email__iexact=requester.email) if requester.email else Q(pk=requester.pk)
    return (
        User.objects.filter(people_on(intent.approvers.open()), is_active=True, acts_for=None)
        .exclude(Q(pk=requester.pk) | second_account)
        .exclude(pk__in=intent.approvals.values("by"))
        .exclude(pk__in=intent.approvals.filter(deputy_of__isnull=False).values("deputy_of"))
        .distinct()
        .order_by("first_name", "username")
    )


def median_wait_words(user: User) -> str:
    """How quickly this person's requests were decided today, in one sentence; empty when none was."""
    midnight = localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    decided = Approval.objects.filter(by=user, decided_at__gte=midnight).order_by("-id")
    times = decided.values_list("intent__requested_at", "decided_at")[:ANSWERS_READ]
    waits = [decided_at - requested_at for requested_at, decided_at in times]
    if not waits:
        return ""
    usual = median(wait.total_seconds() for wait in waits)
    return f"Decided today: {len(waits)}. Median wait {format_duration(timedelta(seconds=usual))}."
