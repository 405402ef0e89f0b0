"""debug:log and debug:wait: words and files into the log of the run, and time that passes."""

from __future__ import annotations

import json
import time

from scaffolder.actions.base import Action, Input, Output, Work, object_schema, text
from scaffolder.errors import ActionFailed

MAX_LISTED = 500  # files
MAX_WAIT_SECONDS = 600
_LOOK_SECONDS = 0.5
MAX_CONTENT = 20_000  # characters of one file


def _log(work: Work, given: Input) -> Output:
    if "message" in given:
        work.journal.info(_words(given["message"]))
    if "extra" in given:
        work.journal.info(_words(given["extra"]))
    if wanted := given.get("listWorkspace"):
        _list(work, with_contents=wanted == "with-contents")
    return {}


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _list(work: Work, *, with_contents: bool) -> None:
    files = [entry for entry in work.workspace.entries() if not entry.is_folder]
    listed = "\n".join(f"  - {entry.path}" for entry in files[:MAX_LISTED])
    rest = f"\n  and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else ""
    work.journal.info(f"Workspace:\n{listed or '  (empty)'}{rest}")
    for entry in files[:MAX_LISTED] if with_contents else ():
        if not entry.is_link:
            with entry.real.open("rb") as file:
                content = file.read(MAX_CONTENT).decode("utf-8", "replace")
            work.journal.info(f"{entry.path}:\n{content}")


def seconds_of(given: Input) -> float:
    """How long to wait. Raises `ActionFailed` for more than `MAX_WAIT_SECONDS`: a waiting worker does nothing else."""
    seconds = float(
        given.get("minutes", 0) * 60 + given.get("seconds", 0) + given.get("milliseconds", 0) / 1_000
    )
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise ActionFailed(
            f"debug:wait waits for at most {MAX_WAIT_SECONDS // 60} minutes, and this asks for {seconds:g} s."
        )
    return seconds


def wait(work: Work, given: Input) -> Output:
    seconds = seconds_of(given)
    work.journal.info(f"Waits for {seconds:g} s")
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        work.go_on()  # a run that was cancelled stops waiting
        time.sleep(min(left, _LOOK_SECONDS))
    return {}


def _pretend_to_wait(work: Work, given: Input) -> Output:
    work.journal.info(f"Would wait for {seconds_of(given):g} s")
    return {}


def _amount(unit: str) -> dict[str, object]:
    return {"type": "number", "minimum": 0, "description": f"How many {unit}"}


ACTIONS = (
    Action(
        name="debug:wait",
        description="Waits, for at most ten minutes.",
        schema=object_schema(
            minutes=_amount("minutes"), seconds=_amount("seconds"), milliseconds=_amount("milliseconds")
        ),
        perform=wait,
        pretend=_pretend_to_wait,
        example="action: debug:wait\ninput:\n  seconds: 30\n",
    ),
    Action(
        name="debug:log",
        description="Writes a message, and the files of the workspace if wanted, into the log.",
        schema=object_schema(
            message=text("What to write", type=["string", "number", "boolean", "array", "object", "null"]),
            listWorkspace={
                "description": "List the files: true, with-filenames or with-contents",
                "anyOf": [{"type": "boolean"}, {"enum": ["with-filenames", "with-contents"]}],
            },
            extra={"description": "Data to write as JSON"},
        ),
        perform=_log,
        is_contained=True,
        example="action: debug:log\ninput:\n  message: Hello ${{ parameters.name }}\n  listWorkspace: true\n",
    ),
)
