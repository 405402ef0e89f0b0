"""Who hears what of a request on its way from sending to its end. Each function runs in the transaction of the step."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from control import away, clock, inbox
from control.capability import registry
from control.decide import Verdict
from control.models import Approval, Intent, Notice, Remark, State, User
from control.notice_topics import DECIDED, SETTLED, WAITING, WORK
from control.notices import News, settle, tell

_WAITS = "request.waiting"
_MOVED = "request.moved"


def thread_of(intent: Intent) -> str:
    return f"intent:{intent.pk}"


def waits(intent: Intent) -> None:
    """Tell whoever can decide; called again when others may decide too, only those hear of it."""
    news = _news(
        intent,
        _WAITS,
        WAITING,
        title=f"{intent.requested_by.label} asks for {intent.title}",
        detail=f"“{intent.reason.strip()}”" if intent.reason.strip() else "",
        url=reverse("control:inbox_item", args=[intent.pk]),
        useful_until=intent.decide_before,
    )
    asked = inbox.eligible(intent)
    deputies = {one.deputy_id for one in away.stand_ins(intent, asked)}
    tell(news, deputies.union(asked.values_list("pk", flat=True)))


def answered(intent: Intent, answer: Approval) -> None:
    """It does not wait for them any more, nor for whom they stood in for, though it may for others."""
    asked = Notice.objects.filter(happening__thread=thread_of(intent), happening__event=_WAITS)
    theirs = asked.filter(user__in={answer.by_id, answer.whose_place.pk})
    theirs.unread().update(read_at=clock.now())


def approved(intent: Intent) -> None:
    """The last of those who had to agree has. What a rule allows at once is told to owners of agents alone."""
    answers = list(intent.approvals.with_people().order_by("id"))
    if not answers and not intent.requested_by.is_agent:
        return
    smaller = {name: value for answer in answers for name, value in answer.narrowed.items()}
    said = " ".join(_said(answer) for answer in answers) or "A rule allows it without asking."
    made = (
        f"Made smaller: {', '.join(f'{name} {value}' for name, value in smaller.items())}. "
        if smaller
        else ""
    )
    what = "Approved, made smaller" if smaller else "Approved"
    _tell_requester(intent, "request.approved", DECIDED, what, detail=f"{made}{said}", sign="ok")
    if answers:
        _settle(intent, f"Approved by {_names(answers)}.", by=[answer.by for answer in answers])


def rejected(intent: Intent, answer: Approval) -> None:
    _tell_requester(intent, "request.rejected", DECIDED, "Rejected", detail=_said(answer), sign="bad")
    _settle(intent, f"Rejected by {answer.who}.", by=[answer.by])


def denied(intent: Intent, message: str) -> None:
    """A person reads it on the page where they asked; an agent's owner was not there."""
    if intent.requested_by.is_agent:
        _tell_requester(intent, "request.denied", DECIDED, "Refused by the rules", detail=message, sign="bad")


def expired(intent: Intent) -> None:
    words = "Nobody decided in time."
    detail = f"{words} You can ask again."
    _tell_requester(intent, "request.expired", DECIDED, "Expired", detail=detail, sign="warn")
    _settle(intent, words, by=[])


def withdrawn(intent: Intent, by: User) -> None:
    if by.principal_id != intent.requested_by.principal_id:
        detail = f"{by.label} took it back in your place."
        _tell_requester(intent, "request.withdrawn", DECIDED, "Withdrawn", detail=detail, sign="warn")
    _settle(intent, f"Withdrawn by {by.label}.", by=[by])


def requester_left(intent: Intent) -> None:
    """Their account is closed, so they hear nothing of it themselves."""
    _settle(intent, "Withdrawn: the account is closed.", by=[])


def asked_back(intent: Intent, remark: Remark) -> None:
    """It waits for the requester's words now; an agent's owner answers in its place."""
    news = _news(
        intent,
        "request.asked_back",
        WAITING,
        key=f"request.asked_back:{remark.pk}",
        title=f"{remark.by.label} asks about {intent.title}",
        told=f"{remark.by.label} asks {intent.requested_by.label} about {intent.title}",
        detail=f"“{remark.text}”",
        url=f"{reverse('control:inbox_item', args=[intent.pk])}?tab=mine",
        useful_until=intent.decide_before,
    )
    tell(news, [intent.requested_by_id])


def replied(intent: Intent, remark: Remark, asked_by: set[int]) -> None:
    news = _news(
        intent,
        "request.replied",
        WAITING,
        key=f"request.replied:{remark.pk}",
        title=f"{remark.by.label} answers about {intent.title}",
        detail=f"“{remark.text}”",
        url=reverse("control:inbox_item", args=[intent.pk]),
        useful_until=intent.decide_before,
    )
    tell(news, asked_by)
    settle(thread_of(intent), "request.asked_back", f"Answered by {remark.by.label}.")


def moved(intent: Intent, words: str, verdict: Verdict) -> None:
    """Nobody can decide it any more, or it needs nobody: whoever asked has something to do. Once for a set of rules."""
    news = _news(
        intent,
        _MOVED,
        WAITING,
        key=f"{_MOVED}:{intent.pk}:{verdict.policy.pk if verdict.policy else ''}",
        title=f"Nobody can decide it any more: {intent.title}"
        if not verdict.is_allowed
        else f"Allowed at once by now: {intent.title}",
        told=f"{intent.requested_by.label} has to ask again for {intent.title}",
        detail=words,
        sign="warn",
        url=intent.get_absolute_url(),
        useful_until=intent.decide_before,
    )
    tell(news, [intent.requested_by_id])


def moved_back(intent: Intent) -> None:
    settle(thread_of(intent), _MOVED, "It can be decided again.")


def finished(intent: Intent) -> None:
    """Tell the requester how the work went. Where the approval itself gave what was asked for, only of failure."""
    if intent.state == State.FAILED:
        _tell_work(intent, "request.failed", "Failed", intent.error, "bad")
    elif intent.state == State.SUCCEEDED and not registry.get(intent.capability).holds_when_approved:
        _tell_work(intent, "request.succeeded", "Done", "", "ok")


def _tell_work(intent: Intent, event: str, what: str, detail: str, sign: str) -> None:
    """Work that failed can be run again and fail again, which is news again."""
    ended = intent.finished_at.isoformat() if intent.finished_at else ""
    _tell_requester(intent, event, WORK, what, detail=detail, sign=sign, key=f"{event}:{intent.pk}:{ended}")


def _tell_requester(
    intent: Intent, event: str, topic: str, what: str, *, detail: str, sign: str, key: str = ""
) -> None:
    news = _news(
        intent,
        event,
        topic,
        key=key,
        title=f"{what}: {intent.title}",
        told=f"{what}: {intent.title}, for {intent.requested_by.label}",
        detail=detail,
        sign=sign,
        url=intent.get_absolute_url(),
    )
    tell(news, [intent.requested_by_id])


def _settle(intent: Intent, words: str, *, by: list[User]) -> None:
    """Nobody else needs to open it; those who did it know."""
    told = settle(thread_of(intent), _WAITS, words)
    for said in ("request.asked_back", "request.replied", _MOVED):
        settle(thread_of(intent), said, words)
    acted = {user.principal_id for user in by}
    news = _news(
        intent,
        "request.settled",
        SETTLED,
        title=f"{words.rstrip('.')}: {intent.title}, for {intent.requested_by.label}",
        detail="It does not wait for you any more.",
        url=reverse("control:inbox_item", args=[intent.pk]),
        sign="ok",
    )
    tell(news, set(told) - acted)


def _news(
    intent: Intent,
    event: str,
    topic: str,
    *,
    title: str,
    url: str,
    told: str = "",
    detail: str = "",
    sign: str = "info",
    key: str = "",
    useful_until: datetime | None = None,
) -> News:
    asked = intent.approvers.filter(group__isnull=False)
    return News(
        event=event,
        topic=topic,
        key=key or f"{event}:{intent.pk}",
        thread=thread_of(intent),
        title=title,
        url=url,
        told=told,
        detail=detail,
        sign=sign,
        subject_ref=intent.subject_ref,
        environment=intent.environment,
        groups=tuple(asked.values_list("group__name", flat=True)),
        useful_until=useful_until,
    )


def _said(answer: Approval) -> str:
    return f"{answer.who}: “{answer.comment}”" if answer.comment else f"By {answer.who}."


def _names(answers: list[Approval]) -> str:
    return " and ".join(answer.who for answer in answers)
