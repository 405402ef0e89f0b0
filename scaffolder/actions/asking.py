"""approval:wait and access:request: what a run asks people and rules for, through the one inbox; no worker waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse

from catalog import refs
from control import intents, subjects
from control.capability import ACCESS, Change, Draft
from control.durations import DurationError, format_duration, parse_duration
from control.errors import ControlError
from control.models import Approval, Decision, Intent, State
from control.verdict_words import short_ref
from scaffolder import run_approval
from scaffolder.actions.base import Action, Input, Output, Waiting, Work, flag, object_schema, text, texts
from scaffolder.errors import ActionFailed

USUAL_TIMEOUT, LONGEST_TIMEOUT = timedelta(days=7), timedelta(days=30)
MAX_DECIDERS = 20
_AGREED = (State.APPROVED, State.RUNNING, State.SUCCEEDED, State.FAILED)


def _waiting(work: Work) -> Waiting:
    if work.waiting is None:
        raise ActionFailed("Nobody can be asked here: only a run waits for people.")
    return work.waiting


def deciders_of(given: Input) -> list[str]:
    """References of groups and people. Raises `ActionFailed` for anything else."""
    found = [_decider(str(one)) for one in given["approvers"]]
    return list(dict.fromkeys(found))


def _decider(name: str) -> str:
    try:
        ref = refs.canonical(name, kind="group", namespace="default")
    except ValueError as problem:
        raise ActionFailed(f"{name!r} is nobody who can agree. {problem}") from None
    if not ref.startswith(("group:", "user:")):
        raise ActionFailed(f"{ref} cannot agree to anything. Name groups and people.")
    return ref


def timeout_of(given: Input) -> timedelta:
    if not given.get("timeout"):
        return USUAL_TIMEOUT
    try:
        found = parse_duration(str(given["timeout"]))
    except DurationError as problem:
        raise ActionFailed(f"timeout: {problem}") from None
    if found > LONGEST_TIMEOUT:
        raise ActionFailed(f"timeout: at most {format_duration(LONGEST_TIMEOUT)} are waited for.")
    return found


def _wait(work: Work, given: Input) -> Output:
    deciders, timeout = deciders_of(given), timeout_of(given)

    def ask(run: Intent) -> Intent:
        draft = run_approval.draft(
            run,
            title=work.mask(given.get("title") or "Go on?"),
            message=work.mask(given.get("message") or ""),
            deciders=deciders,
            count=given.get("count", 1),
            within=timeout,
            ahead=[Change(one.sign, work.mask(one.where), work.mask(one.what)) for one in work.ahead()],
        )
        made = intents.submit(draft)
        if made.state == State.AWAITING_APPROVAL:
            work.journal.info(f"Waits until {_who(deciders, given)} in the inbox: request {made.short}")
        return made

    decided = _waiting(work).decided(ask)
    _refuse_unless_agreed(decided)
    answers = list(decided.approvals.with_people().order_by("pk"))
    names = [answer.who for answer in answers]
    work.journal.info(f"Agreed: {', '.join(names)}")
    return {
        "approvedBy": names,
        "comments": [answer.comment for answer in answers if answer.comment],
        "requestId": str(decided.pk),
    }


def _who(deciders: list[str], given: Input) -> str:
    count = given.get("count", 1)
    names = " or ".join(map(short_ref, deciders))
    return f"{names} agrees" if count == 1 else f"{count} of {names} agree"


def _refuse_unless_agreed(asked: Intent) -> None:
    if asked.state in _AGREED:
        return
    if asked.state == State.REJECTED:
        answer = asked.approvals.with_people().filter(answer=Approval.Answer.REJECTED).first()
        who = answer.who if answer else "Somebody"
        said = f": “{answer.comment}”" if answer and answer.comment else ""
        raise ActionFailed(f"{who} said no{said}. Start a new run when it is settled.")
    if asked.state == State.DENIED:
        raise ActionFailed(_refusal_of(asked))
    words = "Nobody answered in time." if asked.state == State.EXPIRED else "The request was withdrawn."
    raise ActionFailed(f"{words} Run this again to ask once more.")


def _refusal_of(asked: Intent) -> str:
    decision: Decision = asked.decisions.latest("id")
    return str(decision.explanation.get("message") or "The rules do not allow it.")


def _foresee_wait(given: Input) -> list[Change]:
    return [Change("+", "Inbox", f"waits until {_who(deciders_of(given), given)}")]


def _pretend_to_wait(work: Work, given: Input) -> Output:
    deciders = deciders_of(given)
    timeout_of(given)
    work.journal.info(f"Would wait until {_who(deciders, given)}")
    return {
        "approvedBy": [short_ref(one) for one in deciders[: given.get("count", 1)]],
        "comments": [],
        "requestId": "",
    }


def _draft(work: Work, given: Input) -> Draft:
    ref = _entity(given)
    reason = work.mask(given.get("reason") or f"For {work.template_title} that I started.")
    parameters = {"role": given["role"], "duration": str(given["duration"])}
    environment = str(given.get("environment") or "")
    return Draft(ACCESS, work.requester, subjects.resolve(ref), environment, parameters, reason=reason)


def _entity(given: Input) -> str:
    try:
        return refs.canonical(given["entityRef"], kind="component", namespace="default")
    except ValueError as problem:
        raise ActionFailed(f"{given['entityRef']} is no reference of an entity. {problem}") from None


def _request(work: Work, given: Input) -> Output:
    waiting = _waiting(work)

    def ask(_run: Intent) -> Intent:
        made = intents.submit(_draft(work, given))
        work.journal.info(f"Asked for {made.title}: {made.get_state_display().lower()}")
        return made

    try:
        if not waiting.has_asked and intents.preview(_draft(work, given)).verdict.standing:
            work.journal.info("It is held already, without asking.")
            return {"state": "held", "requestId": "", "url": ""}
        asked = waiting.decided(ask) if given.get("wait", True) else waiting.asked(ask)
    except ControlError as refusal:
        raise ActionFailed(str(refusal)) from None
    if given.get("wait", True) or asked.state == State.DENIED:
        _refuse_unless_agreed(asked)
    url = reverse("control:inbox_item", args=[asked.pk])
    return {"state": str(asked.state), "requestId": str(asked.pk), "url": url}


def _foresee_request(given: Input) -> list[Change]:
    where = f" in {given['environment']}" if given.get("environment") else ""
    words = (
        f"{given['role']} on {short_ref(_entity(given))}{where} for {given['duration']}, as the rules decide"
    )
    return [Change("+", "Access", words)]


def _pretend_to_request(work: Work, given: Input) -> Output:
    (change,) = _foresee_request(given)
    work.journal.info(f"Would ask for {change.what}")
    return {"state": "approved", "requestId": "", "url": ""}


_REQUEST: dict[str, Any] = {"requestId": text("The request, as the inbox and the API name it")}

ACTIONS = (
    Action(
        name="approval:wait",
        description=(
            "Puts the run aside until named groups or people agree in the inbox. No worker waits, and a restart loses "
            "nothing. A no ends the run. Who started the run never decides on it."
        ),
        schema=object_schema(
            ("approvers",),
            approvers={
                **texts(
                    "Groups and people who may agree: payments, group:default/payments, user:default/maya"
                ),
                "minItems": 1,
                "maxItems": MAX_DECIDERS,
            },
            count={
                "type": "integer",
                "minimum": 1,
                "maximum": 10,
                "description": "How many must; 1 by default",
            },
            title=text("What it is about, in a few words"),
            message=text("What whoever decides must know"),
            timeout=text("How long it waits, like 4h or 2d; 7d by default"),
        ),
        output=object_schema(
            approvedBy=texts("Who agreed"),
            comments=texts("What they said"),
            **_REQUEST,
        ),
        perform=_wait,
        pretend=_pretend_to_wait,
        foresee=_foresee_wait,
        example=(
            "action: approval:wait\ninput:\n  approvers: [group:default/platform]\n"
            "  title: Create the production database\n  message: ${{ parameters.size }} for ${{ parameters.name }}\n"
            "  timeout: 2d\n"
        ),
    ),
    Action(
        name="access:request",
        description=(
            "Asks for a role on an entity for a time, in the name of who started the run. The rules decide, and people "
            "where the rules say so; the right ends by itself."
        ),
        schema=object_schema(
            ("role", "entityRef", "duration"),
            role=text("The role, as the rules name it"),
            entityRef=text("The entity, as kind:namespace/name"),
            environment=text("The environment, where the role has some"),
            duration=text("For how long, like 4h"),
            reason=text("Why, for whoever decides"),
            wait=flag("Wait until it is decided; true by default. A no then ends the run"),
        ),
        output=object_schema(
            state=text("approved, awaiting_approval, …; held when nothing had to be asked"),
            url=text("Its page"),
            **_REQUEST,
        ),
        perform=_request,
        pretend=_pretend_to_request,
        foresee=_foresee_request,
        example=(
            "action: access:request\ninput:\n  role: log-reader\n  entityRef: ${{ steps.register.output.entityRef }}\n"
            "  environment: production\n  duration: 4h\n"
        ),
    ),
)
