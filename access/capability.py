"""`access.grant`: a role on an entity in an environment for a time, asked for, decided and opened through the spine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse

from access import break_glass, grants, habits, windows
from access.connectors import connector_for
from access.errors import ConnectorError
from access.models import Grant, OutsideRight
from access.reconcile import reconcile
from access.windows import Right
from catalog.models import Entity
from control import clock, policy
from control.capability import Ask, Change, Draft, Plan
from control.decide import decide
from control.durations import DurationError, compact_duration, format_duration, parse_duration
from control.errors import ExecutionFailed, InvalidParameters, Refused
from control.execution import Execution
from control.models import Approval, Intent, User
from control.policy_documents import PolicySet, Role
from control.templatetags.times import moment_words

NAME = "access.grant"
WAITS_SECONDS = (0.5, 2.0)  # between tries within one run; after that the sweep goes on trying
LONGEST_REASON = 2_000
# Where a condition that can be met by typing something else is told.
_FIELD_OF = {"duration": "duration", "start": "start", "extension": "duration"}


class AccessGrant:
    name = NAME
    noun = "access"
    holds_when_approved = True

    def validate(self, draft: Draft) -> Mapping[str, Any]:
        """Parameters are role, entity, environment, duration and perhaps starts_at (a moment, or “after” for when what
        is held ends) or break_glass (True); entity and environment repeat the draft's own."""
        role, problems = _role_named(draft), dict[str, str]()
        visible = Entity.objects.visible_to(draft.actor).filter(ref=draft.subject.ref)
        if not draft.subject.exists or not visible.exists():
            problems["entity"] = f"The catalogue has no {draft.subject.ref}. Choose one that it has."
        if role is None:
            problems["role"] = "Choose one of the roles that are offered here."
        elif unknown := _unknown_environment(role, draft.environment):
            problems["environment"] = unknown
        if not draft.reason.strip():
            problems["reason"] = "Say why. Whoever decides reads it first, and the record keeps it."
        elif len(draft.reason) > LONGEST_REASON:
            problems["reason"] = (
                f"Use {LONGEST_REASON:,} letters or fewer; {len(draft.reason):,} is too long."
            )
        try:
            length = parse_duration(str(draft.parameters.get("duration") or ""))
        except DurationError as error:
            raise InvalidParameters({**problems, "duration": str(error)}) from None
        if problems or role is None:
            raise InvalidParameters(problems)
        cleaned = {
            "role": role.name,
            "entity": draft.subject.ref,
            "environment": draft.environment,
            "duration": compact_duration(length),
            **_cleaned_start(draft, role, length),
        }
        self._check_limit(draft, cleaned)
        if windows.is_emergency(cleaned):
            break_glass.check(draft)
        return cleaned

    def _check_limit(self, draft: Draft, cleaned: Mapping[str, Any]) -> None:
        ask = windows.ask_of(_right(draft, cleaned["role"]), cleaned)
        verdict = decide(actor=draft.actor, subject=draft.subject, ask=ask, environment=draft.environment)
        if verdict.is_refused and ask.breaks_glass:
            raise Refused(verdict.message)
        if verdict.is_refused and (field := _FIELD_OF.get(verdict.failed_about)):
            raise InvalidParameters({field: verdict.message})

    def ask(self, draft: Draft) -> Ask:
        """With what is held already, as it is now."""
        right = _right(draft, str(draft.parameters["role"]))
        return windows.ask_of(right, draft.parameters, without=draft.intent_id)

    def plan(self, draft: Draft) -> Plan:
        role = _role_named(draft)
        if role is None:
            raise InvalidParameters({"role": "The rules in force no longer have this role. Choose another."})
        length = format_duration(parse_duration(draft.parameters["duration"]))
        where = f"{draft.subject.title} in {draft.environment}" if draft.environment else draft.subject.title
        if windows.is_emergency(draft.parameters):
            return break_glass.plan(draft, role, planned_changes(role, draft.actor, length), plan_data(role))
        start = windows.start_of(draft.parameters)
        begins = moment_words(start) if start else ""
        since = f" from {begins}" if begins else ""
        return Plan(
            title=f"{role.title} of {draft.subject.title}",
            summary=f"{draft.actor.label} holds {role.title} on {where} for {length}{since}, and it ends by itself.",
            changes=planned_changes(role, draft.actor, length),
            facts=(("Right", role.title), ("For", length), ("Starts", begins or "when approved")),
            data=plan_data(role),
        )

    def narrow(self, intent: Intent, narrowed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Only the length can be made smaller."""
        if set(narrowed) != {"duration"}:
            raise InvalidParameters({"narrow": "Only the length of time can be made smaller."})
        try:
            shorter = parse_duration(str(narrowed["duration"]))
        except DurationError as error:
            raise InvalidParameters({"duration": str(error)}) from None
        asked = parse_duration(intent.parameters["duration"])
        if shorter >= asked:
            words = f"{format_duration(shorter)} is not shorter than the {format_duration(asked)} that were asked for."
            raise InvalidParameters({"duration": words})
        return {**intent.parameters, "duration": compact_duration(shorter)}

    def on_submitted(self, intent: Intent) -> None:
        """The grant is made when somebody, or a rule, agrees; past its wished end there is nothing to agree to."""
        end = windows.end_of(intent.parameters)
        if end and end < intent.decide_before:
            intent.decide_before = end
            intent.save(update_fields=["decide_before"])

    def on_approved(self, intent: Intent) -> None:
        grants.open_for(intent)

    def on_answer(self, intent: Intent, approval: Approval) -> None:
        """Nothing of a grant hangs on a single answer."""

    def execute(self, intent: Intent, execution: Execution) -> Mapping[str, Any]:
        """Until every outside right is seen as wanted. The grant itself holds already; one that is yet to begin is left
        to the sweep, which brings it about at its start."""
        grant = Grant.objects.get(intent=intent)
        if grant.starts_at > clock.now():
            return {"grant": str(grant.pk), "starts_at": grant.starts_at.isoformat()}
        pending = list(OutsideRight.objects.filter(grants__intent=intent).values_list("pk", flat=True))
        for wait in (*WAITS_SECONDS, 0.0):
            pending = [right_id for right_id in pending if _is_unsettled(reconcile(right_id))]
            if not pending:
                break
            execution.raise_if_cancelled()
            time.sleep(wait)
        if pending:
            words = OutsideRight.objects.filter(pk__in=pending).values_list("last_error", flat=True)
            raise ExecutionFailed(" ".join(sorted(set(words))))
        return {"grant": str(grant.pk), "expires_at": grant.expires_at.isoformat()}

    def url(self, intent: Intent) -> str:
        return reverse("access:show", args=[intent.pk])

    def inbox_facts(self, intent: Intent, approver: User) -> Mapping[str, Any]:
        asked = parse_duration(intent.parameters["duration"])
        shorter = [choice for choice in habits.CHOICES if choice < asked]
        return {
            "history": habits.history_words(intent),
            "as_asked": format_duration(asked),
            "narrow_choices": [
                (format_duration(choice), {"duration": compact_duration(choice)})
                for choice in reversed(shorter)
            ],
        }

    def warnings(self, intents: Sequence[Intent]) -> Mapping[UUID, Sequence[tuple[str, str]]]:
        return habits.warnings_of(intents)


def _right(draft: Draft, role: str) -> Right:
    return Right(draft.actor, role, draft.subject.ref, draft.environment)


def _cleaned_start(draft: Draft, role: Role, length: timedelta) -> dict[str, Any]:
    typed = str(draft.parameters.get("starts_at") or "").strip()
    if not windows.is_emergency(draft.parameters):
        return dict(windows.cleaned_start(typed, _right(draft, role.name), length))
    if typed:
        raise InvalidParameters({"start": "An emergency is now. Start at once, or ask in the usual way."})
    return {"break_glass": True}


def plan_data(role: Role) -> dict[str, Any]:
    """What the grant will give, as it is shown."""
    outside = [{"connector": one.connector, "target": one.target, "role": one.role} for one in role.outside]
    return {
        "role": role.name,
        "role_title": role.title,
        "permissions": list(role.permissions),
        "outside": outside,
    }


def planned_changes(role: Role, actor: User, length: str) -> tuple[Change, ...]:
    """What changes outside, and that it is taken back; a target that is not configured is said plainly."""
    changes: list[Change] = []
    for outside in role.outside:
        try:
            connector = connector_for(outside.connector, outside.target)
        except ConnectorError as error:
            changes.append(Change("~", outside.target, str(error)))
            continue
        changes += connector.plan(actor, outside.role)
        changes.append(Change("-", f"after {length}", f"leaves {outside.role}; read back to make sure"))
    return tuple(changes)


def _rules() -> PolicySet | None:
    revision = policy.in_force()
    return policy.parsed(revision) if revision else None


def _role_named(draft: Draft) -> Role | None:
    found = _rules()
    return found.roles.get(str(draft.parameters.get("role") or "")) if found else None


def _unknown_environment(role: Role, environment: str) -> str:
    """Why this environment cannot be asked for; empty when it can."""
    found = _rules()
    known = found.environments(role.name) if found else []
    if known and environment not in known:
        return (
            f"{role.title} is offered in {' and '.join(known)}. Choose {'one' if len(known) > 1 else 'that'}."
        )
    if not known and environment:
        return f"{role.title} is not offered by environment. Leave it out."
    return ""


def _is_unsettled(right: OutsideRight | None) -> bool:
    return right is None or bool(right.last_error)
