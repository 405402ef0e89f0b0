"""Refusals of the spine. Each message is fit for the person: what happened, why, what next."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID


class ControlError(Exception):
    """Base of all refusals; `portal.middleware` turns them into answers by their `status`."""

    status = 409


class InvalidParameters(ControlError):
    """`fields` maps a field name to what is wrong with it and what to type."""

    status = 422

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


class Refused(ControlError):
    """A rule says no; the message is the rule's."""

    status = 403


class NotSignedIn(ControlError):
    """Nobody knows who asks: no session, no token, or one that is not good any more."""

    status = 401


class NotAnApprover(ControlError):
    status = 403


class OwnRequest(ControlError):
    status = 403


class AgentsDoNotApprove(ControlError):
    status = 403


class NotWaiting(ControlError):
    """Decided, withdrawn or expired meanwhile."""


class PlanChanged(ControlError):
    """The answer was given to something else than what stands now."""


class TooLate(ControlError):
    """The state no longer allows it."""


class PolicyInvalid(ControlError):
    """A rule set that was not taken; `problems` are (path, line, message)."""

    status = 422

    def __init__(self, problems: list[tuple[str, int, str]]) -> None:
        super().__init__("\n".join(f"{path}, line {line}: {message}" for path, line, message in problems))
        self.problems = problems


class Unreachable(ControlError):
    """A machine that is not known, or that must not be reached from here."""

    status = 422


class ExecutionFailed(Exception):
    """Work that could not be done, in words for the requester: what failed, why, what to do."""


class Cancelled(Exception):
    """Raised inside an execution when its requester cancelled it."""


class PutAside(Exception):
    """Raised inside an execution that cannot go on before another request is decided: no worker is held meanwhile."""

    def __init__(self, waits_on: UUID) -> None:
        super().__init__(waits_on)
        self.waits_on = waits_on


class LeaseLost(Exception):
    """Another worker took the intent over; whoever meets this stops at once and writes nothing."""
