"""debug:log: words, and what lies in the workspace, into the log of the run."""

from __future__ import annotations

import json

from scaffolder.actions.base import Action, Input, Output, Work, object_schema, text

MAX_LISTED = 500  # files
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


ACTIONS = (
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
        example="action: debug:log\ninput:\n  message: Hello ${{ parameters.name }}\n  listWorkspace: true\n",
    ),
)
