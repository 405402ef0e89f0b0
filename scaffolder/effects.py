"""What steps did outside, so that it is not done twice: written down under the intent's lock, sealed, gone with the
run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from control.execution import Execution
from scaffolder import sealing
from scaffolder.errors import ActionFailed
from scaffolder.models import RunStep, StepEffect

LONGEST_NAME = 100


@dataclass(frozen=True)
class StepEffects:
    """Those of one call of an action: a step, and its turn where it has `each`."""

    execution: Execution
    row: RunStep
    turn: int

    def once(self, name: str, do: Callable[[str], Any]) -> Any:
        checked_name(name)
        kept = StepEffect.objects.filter(step=self.row, turn=self.turn, name=name).first()
        if kept:
            return _result_of(kept)
        self.execution.raise_if_cancelled()
        result = plain(do(f"{self.row.run_id}-{self.row.index}-{self.turn}-{name}"))
        with self.execution.guard():
            StepEffect.objects.create(
                step=self.row, turn=self.turn, name=name, sealed_result=sealing.seal({"result": result})
            )
        return result


def checked_name(name: str) -> str:
    """Raises `ValueError`, which is a defect of the action."""
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"The name of an effect has 1 to {LONGEST_NAME} characters, not {len(name)}.")
    return name


def plain(result: Any) -> Any:
    """As JSON would give it back, so that the first try gets what a second one would."""
    return json.loads(json.dumps(result))


def _result_of(kept: StepEffect) -> Any:
    if kept.sealed_result is None:
        raise ActionFailed(
            "What this step did in an earlier try was erased when the run had ended. Start a new run."
        )
    return sealing.unseal(kept.sealed_result)["result"]


def forget(whose: Q) -> int:
    """Erase the results of these effects; that they were done stays. Returns of how many."""
    return StepEffect.objects.filter(whose).exclude(sealed_result=None).update(sealed_result=None)
