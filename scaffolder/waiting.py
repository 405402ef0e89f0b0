"""Steps that ask people, or the rules, for something and wait for the answer without holding a worker.

What a step asked for is an intent like any other, made in the run's name under its lock, so a worker that dies asks no
second time. Until it is decided the run is put aside (`control.errors.PutAside`); `Intent.objects.owed` takes it up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from control import intents
from control.errors import ControlError, PutAside
from control.execution import Execution
from control.models import UNDECIDED, Intent, State
from scaffolder.models import RunStep, StepWait

ASKED_ANEW = (
    State.DENIED,
    State.EXPIRED,
    State.WITHDRAWN,
)  # when a failed run is run again; a rejection stands
Ask = Callable[[Intent], Intent]


@dataclass(frozen=True)
class StepWaits:
    """Those of one call of an action: a step, and its turn where it has `each`."""

    execution: Execution
    row: RunStep
    turn: int

    @property
    def has_asked(self) -> bool:
        return StepWait.objects.filter(step=self.row, turn=self.turn).exists()

    def asked(self, ask: Ask) -> Intent:
        return self._wait(ask).intent

    def decided(self, ask: Ask) -> Intent:
        wait = self._wait(ask)
        if wait.intent.state in UNDECIDED:
            raise PutAside(wait.intent_id)
        if not wait.is_read:
            with self.execution.guard():
                StepWait.objects.filter(pk=wait.pk).update(is_read=True)
        return wait.intent

    def _wait(self, ask: Ask) -> StepWait:
        waits = StepWait.objects.select_related("intent").filter(step=self.row, turn=self.turn)
        last = waits.order_by("-pk").first()
        if last and not (last.is_read and last.intent.state in ASKED_ANEW):
            return last
        self.execution.raise_if_cancelled()
        with self.execution.guard() as run:
            return StepWait.objects.create(step=self.row, turn=self.turn, intent=ask(run))


def call_off(run: Intent) -> None:
    """The run is cancelled, so what it asked for and nobody decided is not wanted any more."""
    open_ones = Intent.objects.filter(asked_by_step__step__run=run.pk, state=State.AWAITING_APPROVAL)
    for asked in open_ones.select_related("requested_by"):
        with suppress(ControlError):  # decided just now
            intents.withdraw(asked.pk, by=asked.requested_by)
