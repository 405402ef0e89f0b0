"""roadiehq:utils:fs:write, append, replace and zip: files of the workspace, as RoadieHQ's actions have them."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text
from scaffolder.errors import ActionFailed
from scaffolder.templating import Budget, TemplatingError, regexes
from scaffolder.templating.errors import ScriptError
from scaffolder.workspace import walk

MAX_CHANGED_BYTES = 20_000_000  # of a file that is changed in memory


def _write(work: Work, given: Input) -> Output:
    work.workspace.write(given["path"], given["content"].encode())
    work.journal.info(f"Wrote {given['path']}")
    return {"path": given["path"]}


def _append(work: Work, given: Input) -> Output:
    path = given["file"]
    found = work.workspace.path(path)
    before = _bytes_of(work, path) if found.exists() else b""
    work.workspace.write(path, before + given["content"].encode())
    work.journal.info(f"Appended to {path}")
    return {"path": path}


def _replace(work: Work, given: Input) -> Output:
    for one in given["files"]:
        path = one["file"]
        before = _text_of(work, path)
        after = _replaced(before, one)
        if after != before:
            work.workspace.write(path, after.encode())
        work.journal.info(f"{path} is {'changed' if after != before else 'as it was'}")
    return {}


def _replaced(before: str, one: Input) -> str:
    find, put = one["find"], one["replaceWith"]
    if not one.get("matchRegex"):
        return before.replace(find, put) if find else before
    try:
        return regexes.replace(before, regexes.compiled(find, "g"), put, Budget())
    except (ScriptError, TemplatingError) as problem:
        raise ActionFailed(str(problem)) from None


def _bytes_of(work: Work, path: str) -> bytes:
    found = work.workspace.path(path)
    if not found.is_file():
        raise ActionFailed(f"There is no file {path} in the workspace. Check the path and the steps before.")
    if found.stat().st_size > MAX_CHANGED_BYTES:
        raise ActionFailed(f"{path} has more than {MAX_CHANGED_BYTES:,} bytes, which are the most to change.")
    return found.read_bytes()


def _text_of(work: Work, path: str) -> str:
    try:
        return _bytes_of(work, path).decode()
    except UnicodeDecodeError:
        raise ActionFailed(f"{path} is no text in UTF-8.") from None


def _zip(work: Work, given: Input) -> Output:
    """Made of names, contents and one moment alone, so that a second try makes the same file. Links stay out."""
    source, target = work.workspace.path(given["path"]), given["outputPath"]
    if not source.is_dir():
        raise ActionFailed(f"There is no folder {given['path']} in the workspace to put into an archive.")
    moment, made, count = work.requested_at.timetuple()[:6], BytesIO(), 0
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in walk(source):
            if entry.is_folder or entry.is_link:
                continue
            work.go_on()
            about = zipfile.ZipInfo(entry.path, moment)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = (0o755 if entry.is_executable else 0o644) << 16
            archive.writestr(about, entry.real.read_bytes())
            count += 1
    work.workspace.write(target, made.getvalue())
    work.journal.info(f"{count} files into {target}")
    return {"outputPath": target}


_FILE: dict[str, Any] = object_schema(
    ("file", "find", "replaceWith"),
    file=text("The file"),
    find=text("What to look for"),
    replaceWith=text("What to put in its place"),
    matchRegex=flag("find is a regular expression; $1 puts in what its group found"),
)

ACTIONS = (
    Action(
        name="roadiehq:utils:fs:write",
        description="Writes a file of the workspace.",
        schema=object_schema(
            ("path", "content"),
            path=text("The file"),
            content=text("What to write"),
            preserveFormatting=flag("Without effect: what is given is written as it is"),
        ),
        output=object_schema(path=text("The file")),
        perform=_write,
        changes_files=True,
        is_contained=True,
        example="action: roadiehq:utils:fs:write\ninput:\n  path: .env\n  content: REGION=eu-west-1\n",
    ),
    Action(
        name="roadiehq:utils:fs:append",
        description="Appends to a file of the workspace, which is made when it is not there.",
        schema=object_schema(("file", "content"), file=text("The file"), content=text("What to append")),
        output=object_schema(path=text("The file")),
        perform=_append,
        changes_files=True,
        is_contained=True,
        example=(
            "action: roadiehq:utils:fs:append\ninput:\n  file: CODEOWNERS\n"
            "  content: |\n    /payments @acme/payments\n"
        ),
    ),
    Action(
        name="roadiehq:utils:fs:replace",
        description="Replaces text in files of the workspace, everywhere that it stands.",
        schema=object_schema(
            ("files",),
            files={"type": "array", "items": _FILE, "description": "What to replace, one after the other"},
        ),
        perform=_replace,
        changes_files=True,
        is_contained=True,
        example=(
            "action: roadiehq:utils:fs:replace\ninput:\n  files:\n    - file: pom.xml\n      find: SERVICE_NAME\n"
            "      replaceWith: ${{ parameters.name }}\n"
        ),
    ),
    Action(
        name="roadiehq:utils:zip",
        description="Puts a folder of the workspace into a ZIP archive.",
        schema=object_schema(
            ("path", "outputPath"), path=text("The folder"), outputPath=text("The archive to write")
        ),
        output=object_schema(outputPath=text("The archive")),
        perform=_zip,
        changes_files=True,
        is_contained=True,
        example="action: roadiehq:utils:zip\ninput:\n  path: docs\n  outputPath: docs.zip\n",
    ),
)
