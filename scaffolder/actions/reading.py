"""fs:read, fs:readdir and roadiehq:utils:fs:parse: what is in the workspace, as outputs for later steps."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from catalog import yaml12
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.errors import ActionFailed
from scaffolder.globs import matching
from scaffolder.workspace import Entry

MAX_BYTES = 200_000  # of a file whose content becomes an output: outputs are rows of the database
MAX_LISTED = 2_000  # files and folders


def content_of(work: Work, path: str) -> str:
    """The text of a file. Raises `ActionFailed` where there is none, or too much of it."""
    found = work.workspace.path(path)
    if not found.is_file():
        raise ActionFailed(f"There is no file {path} in the workspace. Check the path and the steps before.")
    if (size := found.stat().st_size) > MAX_BYTES:
        raise ActionFailed(f"{path} has {size:,} bytes; at most {MAX_BYTES:,} become an output.")
    try:
        return found.read_bytes().decode()
    except UnicodeDecodeError:
        raise ActionFailed(f"{path} is no text in UTF-8.") from None


def documents_of(path: str, content: str) -> list[Any]:
    """The YAML documents of a text. Raises `ActionFailed` with the line."""
    found = []
    for document in yaml12.documents(content):
        if document.error is not None:
            raise ActionFailed(f"{path} cannot be read as YAML: {document.error}")
        found.append(document.value)
    return found


def _read(work: Work, given: Input) -> Output:
    return {"content": content_of(work, given["path"])}


def _parse(work: Work, given: Input) -> Output:
    path, parser = given["path"], given.get("parser") or "text"
    content = content_of(work, path)
    if parser == "text":
        return {"content": content}
    found = documents_of(path, content)
    if parser == "multiyaml":
        return {"content": found}
    if len(found) > 1:
        raise ActionFailed(f"{path} has {len(found)} documents. Parse it as multiyaml.")
    return {"content": found[0] if found else None}


def _list(work: Work, given: Input) -> Output:
    paths = [PurePosixPath(path).as_posix() for path in given["paths"]]
    for path in paths:
        if not work.workspace.path(path).is_dir():
            raise ActionFailed(f"There is no folder {path} in the workspace.")
    deep = given.get("recursive", True)
    entries = {
        entry.path: entry
        for entry in work.workspace.entries()
        if any(_is_in(entry, path, deep) for path in paths)
    }
    for path in matching(entries, given.get("exclude") or ()):
        del entries[path]
    if len(entries) > MAX_LISTED:
        raise ActionFailed(f"There are more than {MAX_LISTED:,} files and folders. Name a smaller folder.")
    return {
        "files": [_named(entry) for entry in entries.values() if not entry.is_folder],
        "folders": [_named(entry) for entry in entries.values() if entry.is_folder],
    }


def _is_in(entry: Entry, folder: str, deep: bool) -> bool:
    parent = PurePosixPath(entry.path).parent
    return parent == PurePosixPath(folder) or (deep and parent.is_relative_to(folder))


def _named(entry: Entry) -> dict[str, str]:
    """`fullPath` is the path in the workspace: where that lies on the machine is nobody's business."""
    path = PurePosixPath(entry.path)
    parent = "" if path.parent == PurePosixPath(".") else path.parent.as_posix()
    return {"name": path.name, "path": parent, "fullPath": entry.path}


_ENTRIES = object_schema(
    name=text("Its name"),
    path=text("The folder that it lies in"),
    fullPath=text("Its path in the workspace"),
)

ACTIONS = (
    Action(
        name="fs:read",
        description="Gives the text of a file of the workspace to later steps.",
        schema=object_schema(("path",), path=text("The file")),
        output=object_schema(content=text("What is in it")),
        perform=_read,
        is_contained=True,
        example="action: fs:read\ninput:\n  path: README.md\n",
    ),
    Action(
        name="fs:readdir",
        description="Lists files and folders of the workspace.",
        schema=object_schema(
            ("paths",),
            paths=texts("The folders to look into; . is the workspace itself"),
            recursive=flag("Look into their folders too; true by default"),
            exclude=texts("Patterns of what to leave out, such as **/node_modules"),
        ),
        output=object_schema(
            files={"type": "array", "items": _ENTRIES, "description": "The files"},
            folders={"type": "array", "items": _ENTRIES, "description": "The folders"},
        ),
        perform=_list,
        is_contained=True,
        example="action: fs:readdir\ninput:\n  paths: [docs]\n  recursive: false\n",
    ),
    Action(
        name="roadiehq:utils:fs:parse",
        description="Gives the data of a JSON or YAML file of the workspace to later steps.",
        schema=object_schema(
            ("path",),
            path=text("The file"),
            parser={
                "enum": ["yaml", "json", "multiyaml"],
                "description": "How to read it; without it the content stays text",
            },
        ),
        output=object_schema(content={"description": "What is in it"}),
        perform=_parse,
        is_contained=True,
        example="action: roadiehq:utils:fs:parse\ninput:\n  path: package.json\n  parser: json\n",
    ),
)
