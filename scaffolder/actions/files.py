"""fs:rename and fs:delete: files of the workspace."""

from __future__ import annotations

import shutil
from pathlib import Path

from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.errors import ActionFailed
from scaffolder.globs import matching


def _rename(work: Work, given: Input) -> Output:
    for file in given["files"]:
        source = work.workspace.path(file["from"])
        if not source.exists() and not source.is_symlink():
            raise ActionFailed(
                f"There is no file {file['from']} to rename. Check the path and the steps before."
            )
        _move(work, source, file)
        work.journal.info(f"{file['from']} → {file['to']}")
    # A link that stayed inside may lead out from its new place, and folders may be deeper there.
    work.workspace.check()
    return {}


def _move(work: Work, source: Path, file: Input) -> None:
    if source == work.workspace.root:
        raise ActionFailed("The whole workspace cannot be renamed. Name a file or folder in it.")
    target = work.workspace.path(file["to"])
    if target == source:
        return
    if target.is_relative_to(source):
        raise ActionFailed(f"{file['from']} cannot be moved into itself ({file['to']}).")
    if target.exists() and not file.get("overwrite", False):
        raise ActionFailed(f"{file['to']} is there already. Set overwrite: true to replace it.")
    if target.is_dir() and not target.is_symlink():
        if source.is_relative_to(target):
            raise ActionFailed(f"{file['to']} holds {file['from']}, so it cannot be replaced by it.")
        shutil.rmtree(target)
    elif source.is_dir() and not source.is_symlink():
        target.unlink(missing_ok=True)
    source.rename(work.workspace.to_write(file["to"]))


def _delete(work: Work, given: Input) -> Output:
    entries = {entry.path: entry for entry in work.workspace.entries()}
    for pattern in given["files"]:
        work.workspace.path(pattern.removeprefix("!"))
    chosen = matching(entries, given["files"])
    for path in sorted(chosen):
        real = entries[path].real
        if entries[path].is_folder:
            shutil.rmtree(real, ignore_errors=True)
        else:
            real.unlink(missing_ok=True)
    work.journal.info(f"{len(chosen)} deleted" if chosen else "Nothing to delete: no file fits.")
    return {}


_FILE = object_schema(
    ("from", "to"),
    **{
        "from": text("The path it has"),
        "to": text("The path it gets"),
        "overwrite": flag("Replace what is there"),
    },
)

ACTIONS = (
    Action(
        name="fs:rename",
        description="Renames or moves files and folders of the workspace.",
        schema=object_schema(
            ("files",), files={"type": "array", "items": _FILE, "description": "What to rename"}
        ),
        perform=_rename,
        changes_files=True,
        is_contained=True,
        example="action: fs:rename\ninput:\n  files:\n    - from: env.example\n      to: .env.example\n",
    ),
    Action(
        name="fs:delete",
        description="Deletes files and folders of the workspace.",
        schema=object_schema(("files",), files=texts("Paths or patterns such as docs/**/*.tmp")),
        perform=_delete,
        changes_files=True,
        is_contained=True,
        example="action: fs:delete\ninput:\n  files:\n    - docs/drafts\n",
    ),
)
