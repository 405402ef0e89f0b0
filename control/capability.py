"""How a feature plugs into the spine: a Capability says what it would do and does it; the spine does the rest.

A capability never writes decisions, approvals, audit rows of the spine or job states. Apps register theirs in
`AppConfig.ready()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from control.subjects import Subject

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from control.execution import Execution
    from control.models import Approval, Intent, User


ACCESS = "access.grant"  # the capability that roles are asked for through


@dataclass(frozen=True)
class Draft:
    """A wish before it is an intent. `parameters` are plain JSON data, validated by the capability."""

    capability: str
    actor: User
    subject: Subject
    environment: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    intent_id: UUID | None = None  # of the intent that it is, once it is one


@dataclass(frozen=True)
class Ask:
    """What the rules are asked: a role for a time (access), or the capability itself (everything else).

    `reason` None is not known yet, as in a list of what could be asked for; the spine puts in what is submitted.
    """

    capability: str
    role: str = ""
    duration: timedelta | None = None
    reason: str | None = None
    starts_at: datetime | None = None  # aware; None is at once
    starts_in: timedelta = timedelta(0)  # how far ahead that is of what is held or of now; 0 is at once
    windows_before: int = 0  # windows of the same right that it carries on
    total: timedelta | None = None  # from the first start to the last end of them all
    breaks_glass: bool = False  # at once, under what a rule says of emergencies, and reviewed afterwards
    deciders: tuple[str, ...] = ()  # groups and people who decide, by reference; then no AccessRule is asked
    count: int = 1  # how many of them
    decide_within: timedelta | None = (
        None  # undecided it expires then; None is as long as requests usually wait
    )


@dataclass(frozen=True)
class Change:
    """One thing that will be different. `sign` is + (made), - (taken away) or ~ (changed)."""

    sign: str
    where: str  # "PostgreSQL payments-logs"
    what: str  # "maya_okafor joins payments_logs_reader"


@dataclass(frozen=True)
class Plan:
    """What execution would do, in words and as data; approvers see exactly this and its digest is approved."""

    title: str  # "Production logs of payments"
    summary: str  # "Maya Okafor may read application logs for 4 h."
    changes: tuple[Change, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # label, value: the title block of the inbox
    data: Mapping[str, Any] = field(default_factory=dict)


class Capability(Protocol):
    name: str  # "access.grant"
    noun: str  # "access", used in sentences and lists
    # `on_cancelled(intent)`, where it is there, is called in the transaction that cancels an intent, also one that no
    # worker had begun or that was put aside.
    # `administers = True` where it changes Portico itself: while no rule speaks of it, administrators ask and decide,
    # and no rule may allow it without somebody else's yes.
    holds_when_approved: bool  # the approval gives what was asked for, and work outside only follows it

    def validate(self, draft: Draft) -> Mapping[str, Any]:
        """The cleaned parameters. Raises `control.errors.InvalidParameters` with a message per field."""

    def ask(self, draft: Draft) -> Ask:
        """What to ask the rules for these (cleaned) parameters."""

    def plan(self, draft: Draft) -> Plan: ...

    def narrow(self, intent: Intent, narrowed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Parameters after an approver made them smaller. Raises `InvalidParameters` if that is not smaller."""

    def on_submitted(self, intent: Intent) -> None:
        """Within the submitting transaction: rows that belong to the intent (a Run and its steps)."""

    def on_approved(self, intent: Intent) -> None:
        """Within the approving transaction, before any worker: what must hold at once (the grant)."""

    def execute(self, intent: Intent, execution: Execution) -> Mapping[str, Any]:
        """In a worker, perhaps again after one died: every effect once. Returns the outcome.

        Raises `control.errors.ExecutionFailed` with words for people, or `Cancelled`.
        """

    def url(self, intent: Intent) -> str:
        """The page that shows this intent."""

    def inbox_facts(self, intent: Intent, approver: User) -> Mapping[str, Any]:
        """Extra context of the pane: `history` (a sentence), `as_asked` (a label), `narrow_choices`
        [(label, {parameter: value})], `closer` (words, address) for a page that shows more of what will change."""

    def warnings(self, intents: Sequence[Intent]) -> Mapping[UUID, Sequence[tuple[str, str]]]:
        """What to look at first, (mark, sentence), by key of the intent; as many queries for many as for one.

        Intents come with their requester read along.
        """

    def on_answer(self, intent: Intent, approval: Approval) -> None:
        """Within the answering transaction, after an approval or rejection was written."""


class Registry:
    def __init__(self) -> None:
        self._capabilities: dict[str, Capability] = {}

    def register(self, capability: Capability) -> None:
        self._capabilities[capability.name] = capability

    def get(self, name: str) -> Capability:
        return self._capabilities[name]

    def names(self) -> list[str]:
        return sorted(self._capabilities)

    def administers(self, name: str) -> bool:
        """Whether it changes Portico itself, so that it is never anybody's alone."""
        return bool(getattr(self._capabilities.get(name), "administers", False))

    def administering(self) -> list[str]:
        """The names of all those."""
        return [name for name in self.names() if self.administers(name)]

    def url_of(self, intent: Intent) -> str:
        capability = self._capabilities.get(intent.capability)
        return capability.url(intent) if capability else ""


registry = Registry()
register: Callable[[Capability], None] = registry.register
