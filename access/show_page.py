"""One request from its sending to its end, for those who may see it: state, window, story, facts, who else holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from access import windows
from access.again import again_url, asked_again_as
from access.capability import NAME
from access.grants import is_owner, may_end
from access.habits import usual_minutes
from access.models import Grant, Need, OwedReview
from access.request_page import Asked, usually
from access.reviews import may_review
from control import away, clock, inbox, moved, people, subjects
from control.durations import format_duration
from control.models import Approval, AuditEvent, Decision, Intent, State, User
from control.stage_board import Board, board_of
from control.templatetags.times import clock_words

OTHERS_SHOWN = 10
APPROVERS_SHOWN = 8
EVENTS_SHOWN = 200
POLL_WAITING_SECONDS, POLL_CHANGING_SECONDS, POLL_LIVE_SECONDS = 5, 1, 30
_EVENT_STATES = {
    "intent.approved": "ok",
    "intent.allowed": "ok",
    "grant.opened": "ok",
    "grant.glass_broken": "bad",
    "grant.reviewed": "ok",
    "outside.joined": "ok",
    "outside.restored": "ok",
    "outside.left": "ok",
    "outside.observed_present": "ok",
    "outside.observed_absent": "ok",
    "intent.rejected": "bad",
    "intent.denied": "bad",
    "intent.failed": "bad",
    "outside.failed": "warn",
    "intent.expired": "warn",
}
# Steps of the spine's work that say nothing to people here: the grant and what is outside have their own words.
_SILENT_EVENTS = ("intent.running", "intent.succeeded")


@dataclass(frozen=True)
class Status:
    """The line under the title. `poll` is how often the page looks again, in seconds; 0 when nothing will change."""

    sign: str
    word: str
    words: str
    poll: int = 0


def find(user: User, intent_id: UUID) -> Intent | None:
    """The request, if `user` asked for it, decides it, owns its entity, or administers."""
    access = Intent.objects.filter(capability=NAME, pk=intent_id).select_related(
        "requested_by", "requested_by__acts_for", "grant", "grant__user", "grant__revoked_by"
    )
    if intent := access.visible_to(user).first():
        return intent
    intent = access.first()
    if intent and is_owner(user, subjects.resolve(intent.subject_ref).owner_refs):
        return intent
    return None


def context(intent: Intent, user: User) -> dict[str, Any]:
    """A constant number of queries."""
    now = clock.now()
    grant: Grant | None = getattr(intent, "grant", None)
    needs = list(grant.needs.select_related("right")) if grant else []
    answers = list(intent.approvals.with_people().order_by("id"))
    decision = (
        intent.decisions.select_related("policy").defer("policy__documents", "policy__sources").latest("id")
    )
    is_mine = people.same_person(user, intent.requested_by)
    live = grant is not None and grant.is_live(now)
    coming = grant is not None and not live and not grant.is_over(now)
    owed = _owed_review(grant)
    board = board_of(intent, decision, answers)
    subject = subjects.resolve(intent.subject_ref)
    return {
        "intent": intent,
        "grant": grant,
        "needs": needs,
        "now": now,
        "status": _status(intent, grant, needs, answers, _said(decision, board, answers), now),
        "is_live": live,
        "is_coming": coming,
        "owed_review": owed,
        "review": getattr(owed, "review", None),
        "is_overdue": bool(owed and owed.due_at <= now),
        "may_review": bool(owed and grant and grant.is_over(now) and may_review(owed, grant, user)),
        "is_mine": is_mine,
        "subject": subject,
        "role_title": intent.plan.get("data", {}).get("role_title", ""),
        "decision": decision,
        "checks": _checks(decision.explanation.get("checks", ()), is_mine),
        "answers": answers,
        "question": inbox.open_question(intent),
        "moved": moved.look(intent, decision),
        "may_ask_again": intent.requested_by_id == user.pk,
        "asked_again": asked_again_as(intent),
        "events": events_of(intent),
        "asked": _asked(intent),
        "stand_ins": away.stand_ins(intent, inbox.eligible(intent))[:APPROVERS_SHOWN]
        if intent.state == State.AWAITING_APPROVAL
        else [],
        "board": board,
        "others": _others(grant) if live and grant else [],
        "may_end": bool((live or coming) and grant and may_end(grant, user)),
        "may_withdraw": intent.state == State.AWAITING_APPROVAL and (is_mine or user.is_staff),
        "may_retry": intent.state == State.FAILED and live and (is_mine or user.is_staff),
        "may_sign_in": bool(live and grant and grant.user_id == user.pk and _in_place(needs)),
        "again_url": again_url(intent)
        if is_mine and not (live or coming) and intent.state != State.AWAITING_APPROVAL
        else "",
        "more_url": again_url(intent, begin=windows.AFTER) if is_mine and live else "",
    }


def _owed_review(grant: Grant | None) -> OwedReview | None:
    if grant is None or not grant.break_glass:
        return None
    return OwedReview.objects.select_related("review", "review__by").filter(grant=grant).first()


def _in_place(needs: list[Need]) -> bool:
    return any(need.in_place_at and need.right.observed == need.right.Observed.PRESENT for need in needs)


def _status(
    intent: Intent,
    grant: Grant | None,
    needs: list[Need],
    answers: list[Approval],
    message: str,
    now: datetime,
) -> Status:
    if grant is None:
        return _undecided_or_refused(intent, answers, message, now)
    if grant.is_live(now):
        return _live(grant, needs, now)
    if not grant.is_over(now):
        return _coming(grant, now)
    return _ended(grant, needs, now)


def _said(decision: Decision, board: Board, answers: list[Approval]) -> str:
    """What the rules said; once somebody has agreed, what is still missing."""
    missing = [part.words for part in board.open.parts if not part.is_full] if board.open else []
    if not (answers and missing):
        return str(decision.explanation.get("message", ""))
    return f"{len(answers)} of {decision.approvals_needed} have agreed. Now {' and '.join(missing)}."


def _undecided_or_refused(intent: Intent, answers: list[Approval], message: str, now: datetime) -> Status:
    if intent.state == State.AWAITING_APPROVAL:
        if intent.decide_before <= now:
            return Status(
                "unknown", "Expired", "Nobody decided in time. It can be asked again.", POLL_WAITING_SECONDS
            )
        closes = clock_words(intent.decide_before, now)
        return Status(
            "info", "Waiting", f"{message} The request closes by itself on {closes}.", POLL_WAITING_SECONDS
        )
    if intent.state == State.REJECTED and answers:
        last = answers[-1]
        return Status("bad", "Rejected", f"{last.who} says: “{last.comment}”")
    words = {
        State.DENIED: ("bad", "Refused", message),
        State.EXPIRED: ("unknown", "Expired", "Nobody decided in time. It can be asked again."),
        State.WITHDRAWN: ("unknown", "Withdrawn", "Nobody has to decide it any more."),
    }
    return Status(*words.get(State(intent.state), ("info", intent.get_state_display(), message)))


def _live(grant: Grant, needs: list[Need], now: datetime) -> Status:
    rest = f"{format_duration(grant.expires_at - now)} left."
    ends = f"Ends at {clock_words(grant.expires_at, now)} by itself."
    errors = sorted({need.right.last_error for need in needs if need.right.last_error})
    if errors:
        words = f"It holds in Portico, but not outside yet. {' '.join(errors)} {ends}"
        return Status("warn", "Active in part", words, POLL_WAITING_SECONDS)
    if any(need.in_place_at is None for need in needs):
        names = " and ".join(need.right.target for need in needs if need.in_place_at is None)
        return Status(
            "running", "Being set up", f"It holds in Portico; {names} follows. {ends}", POLL_CHANGING_SECONDS
        )
    soon = int((grant.expires_at - now).total_seconds()) + 1
    return Status("ok", "Active", f"{rest} {ends}", min(POLL_LIVE_SECONDS, max(soon, 1)))


def _coming(grant: Grant, now: datetime) -> Status:
    begins, ends = clock_words(grant.starts_at, now), clock_words(grant.expires_at, now)
    soon = int((grant.starts_at - now).total_seconds()) + 1
    words = f"Nobody has to do anything: it begins at {begins} and ends at {ends} by itself."
    return Status("info", f"Begins {begins}", words, min(POLL_LIVE_SECONDS, max(soon, 1)))


def _ended(grant: Grant, needs: list[Need], now: datetime) -> Status:
    when = clock_words(grant.ends_at, now)
    how = f"Early, by {grant.ended_by} at {when}." if grant.ended_by else f"By itself, at {when}."
    if grant.revoke_reason:
        how = f"{how} {grant.revoke_reason}"
    if open_needs := [need for need in needs if need.settled_at is None]:
        errors = " ".join(sorted({need.right.last_error for need in open_needs if need.right.last_error}))
        names = " and ".join(need.right.target for need in open_needs)
        sign, poll = ("warn", POLL_WAITING_SECONDS) if errors else ("running", POLL_CHANGING_SECONDS)
        return Status(sign, "Ended", f"{how} {names} is being told. {errors}".strip(), poll)
    if grant.ended_by and grant.ends_at <= grant.starts_at:
        return Status("dot", "Called off", f"By {grant.ended_by} at {when}, before it began.")
    return Status("dot", "Ended", how)


def _checks(checks: list[dict[str, Any]], is_mine: bool) -> list[dict[str, Any]]:
    """Reasons that speak to the requester speak about them to everybody else."""
    signs = {True: "ok", False: "bad", None: "unknown"}
    return [
        {
            "sign": signs[check["ok"]],
            "words": check["words"] if is_mine else check.get("others", check["words"]),
        }
        for check in checks
    ]


def events_of(intent: Intent) -> list[tuple[AuditEvent, str]]:
    """The newest, oldest of them first: of a story that is too long the end matters most."""
    told = AuditEvent.objects.filter(intent=intent).exclude(action__in=_SILENT_EVENTS).order_by("-id")
    return [(event, _EVENT_STATES.get(event.action, "")) for event in reversed(told[:EVENTS_SHOWN])]


def _asked(intent: Intent) -> list[Asked]:
    """Who can decide it, while it waits."""
    if intent.state != State.AWAITING_APPROVAL:
        return []
    users = list(inbox.eligible(intent)[:APPROVERS_SHOWN])
    usual = usual_minutes(users)
    return [Asked(user, usually(usual.get(user.pk))) for user in users]


def _others(grant: Grant) -> list[Grant]:
    same = Grant.objects.live().filter(
        entity_ref=grant.entity_ref, role=grant.role, environment=grant.environment
    )
    return list(
        same.exclude(user_id=grant.user_id)
        .select_related("user", "user__acts_for")
        .order_by("expires_at")[:OTHERS_SHOWN]
    )
