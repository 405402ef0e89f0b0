"""A capability that only counts what is asked of it, and rules for it: the spine is tested with nothing above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from control import subjects
from control.capability import Ask, Change, Draft, Plan, registry
from control.errors import InvalidParameters
from control.execution import Execution
from control.models import Approval, Intent, User
from control.subjects import Subject


@dataclass
class Counting:
    """`effects` counts executions; `fail` or `hook` decide how one goes."""

    name: str = "test.counting"
    noun: str = "test"
    holds_when_approved: bool = False
    effects: list[UUID] = field(default_factory=list)
    approved: list[UUID] = field(default_factory=list)
    hook: Any = None

    def validate(self, draft: Draft) -> Mapping[str, Any]:
        size = draft.parameters.get("size")
        if not isinstance(size, int):
            raise InvalidParameters({"size": "Give a whole number."})
        return {"size": size}

    def ask(self, draft: Draft) -> Ask:
        return Ask(self.name)

    def plan(self, draft: Draft) -> Plan:
        size = draft.parameters["size"]
        return Plan(
            title=f"Size {size}", summary=f"Make it {size}.", changes=(Change("+", "test", str(size)),)
        )

    def narrow(self, intent: Intent, narrowed: Mapping[str, Any]) -> Mapping[str, Any]:
        size = int(narrowed["size"])
        if size > intent.parameters["size"]:
            raise InvalidParameters({"size": "That is more than was asked."})
        return {**intent.parameters, "size": size}

    def on_submitted(self, intent: Intent) -> None: ...

    def on_approved(self, intent: Intent) -> None:
        self.approved.append(intent.pk)

    def on_answer(self, intent: Intent, approval: Approval) -> None: ...

    def execute(self, intent: Intent, execution: Execution) -> Mapping[str, Any]:
        if self.hook:
            self.hook(intent, execution)
        self.effects.append(intent.pk)
        return {"done": True}

    def url(self, intent: Intent) -> str:
        return ""

    def inbox_facts(self, intent: Intent, approver: User) -> Mapping[str, Any]:
        return {"narrow_choices": [("1", {"size": "1"})]}

    def warnings(self, intents: Sequence[Intent]) -> Mapping[UUID, Sequence[tuple[str, str]]]:
        return {intent.pk: [("warn", "Look at this.")] for intent in intents}


@contextmanager
def counting() -> Iterator[Counting]:
    """A registered `Counting`, and a subject without a catalogue, for one test."""
    capability = Counting()
    registry.register(capability)
    subjects.register_resolver(_payments)
    try:
        yield capability
    finally:
        subjects._resolvers.remove(_payments)


def _payments(ref: str) -> Subject | None:
    return SUBJECT if ref == SUBJECT.ref else None


SUBJECT = Subject(
    ref="component:default/payments",
    title="payments",
    owner_refs=("group:default/payments",),
    terms=frozenset({"kind", "kind=component", "metadata.name", "metadata.name=payments"}),
)


def wish(actor: User, **parameters: Any) -> Draft:
    return Draft(
        "test.counting", actor, SUBJECT, parameters=parameters or {"size": 4}, reason="Order 88 is stuck."
    )
