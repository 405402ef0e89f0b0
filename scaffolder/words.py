"""Marks for the states of runs and steps, and for the levels of a log."""

from __future__ import annotations

from control.models import State
from scaffolder.models import RunLog, RunStep

# State → mark of the look: ok, warn, bad, info, running, unknown, partly.
RUN_MARKS: dict[str, str] = {
    State.SUBMITTED: "unknown",
    State.AWAITING_APPROVAL: "info",
    State.APPROVED: "unknown",
    State.RUNNING: "running",
    State.SUCCEEDED: "ok",
    State.FAILED: "bad",
    State.DENIED: "bad",
    State.REJECTED: "bad",
    State.CANCELLED: "unknown",
    State.EXPIRED: "unknown",
    State.WITHDRAWN: "unknown",
}
# State → state of the row, and its sign.
STEP_MARKS: dict[str, tuple[str, str]] = {
    RunStep.State.PENDING: ("ahead", "unknown"),
    RunStep.State.RUNNING: ("running", "running"),
    RunStep.State.PAUSED: ("running", "info"),
    RunStep.State.SUCCEEDED: ("ok", "ok"),
    RunStep.State.FAILED: ("bad", "bad"),
    RunStep.State.SKIPPED: ("skipped", "unknown"),
    RunStep.State.CANCELLED: ("ahead", "unknown"),
}
LOG_LEVELS: dict[str, str] = {
    RunLog.Level.COMMAND: "command",
    RunLog.Level.INFO: "",
    RunLog.Level.OK: "ok",
    RunLog.Level.WARNING: "warn",
    RunLog.Level.ERROR: "error",
}
