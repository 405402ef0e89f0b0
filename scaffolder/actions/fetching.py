"""fetch:plain, fetch:template and the same for one file: a skeleton into the workspace, as it is or rendered."""

from __future__ import annotations

import os
from typing import Any

from scaffolder.actions import skeletons
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text, texts
from scaffolder.errors import ActionFailed, InputInvalid
from scaffolder.templating import TemplatingError


def _fetch_plain(work: Work, given: Input) -> Output:
    target = work.workspace.folder(given.get("targetPath") or ".")
    with work.sources.fetch(given["url"]) as source:
        entries = skeletons.entries_of(source)
        for entry in skeletons.paced(work, entries):
            skeletons.copied(entry, target, entry.path)
    work.journal.info(f"{len(entries)} files and folders from {given['url']}")
    return {}


def _fetch_file(work: Work, given: Input) -> Output:
    with work.sources.fetch(given["url"]) as source:
        if source.is_dir():
            raise ActionFailed(f"{given['url']} is a folder; fetch:plain:file takes a file.")
        skeletons.copied(skeletons.entries_of(source)[0], work.workspace, given["targetPath"])
    work.journal.info(f"{given['targetPath']} from {given['url']}")
    return {}


def _fetch_template(work: Work, given: Input) -> Output:
    _refuse_contradictions(given)
    with work.sources.fetch(given["url"]) as source:
        if not source.is_dir():
            raise ActionFailed(f"{given['url']} is a file; fetch:template takes a folder.")
        written = skeletons.rendered(work, given, source)
    work.journal.info(f"{written} files from {given['url']}")
    return {}


def _fetch_template_file(work: Work, given: Input) -> Output:
    path = given["targetPath"]
    if os.path.lexists(work.workspace.path(path)) and not given.get("replace"):
        work.journal.info(f"{path} is there already, and stays")
        return {}
    with work.sources.fetch(given["url"]) as source:
        if source.is_dir():
            raise ActionFailed(f"{given['url']} is a folder; fetch:template:file takes a file.")
        (entry,) = skeletons.entries_of(source)
        content = entry.real.read_bytes()
    if (plain := skeletons.as_text(content)) is None:
        raise ActionFailed(f"{given['url']} is no text in UTF-8. Use fetch:plain:file to take it as it is.")
    try:
        content = skeletons.renderer_of(work, given).text(plain, where=given["url"]).encode()
    except TemplatingError as problem:
        raise ActionFailed(f"The template cannot be rendered. {problem}") from None
    work.workspace.write(path, content, executable=entry.is_executable)
    work.journal.info(f"{path} from {given['url']}")
    return {}


def _refuse_contradictions(given: Input) -> None:
    patterns = [name for name in ("copyWithoutRender", "copyWithoutTemplating") if given.get(name)]
    if len(patterns) == 2:
        raise InputInvalid({"input": "Give copyWithoutTemplating or copyWithoutRender, not both."})
    if patterns and given.get("templateFileExtension"):
        raise InputInvalid({"input": f"Give templateFileExtension or {patterns[0]}, not both."})


_URL: dict[str, Any] = {
    "url": text("A folder beside the template (./skeleton), or the address of a repository's folder"),
    "targetPath": text("The folder of the workspace to write to; by default the workspace itself"),
}
_RENDERING: dict[str, Any] = {
    "values": {"type": "object", "description": "What the template sees as ${{ values.name }}"},
    "cookiecutterCompat": flag("It is written for cookiecutter: {{ cookiecutter.name }}"),
    "replace": flag("Replace what is there already"),
    "trimBlocks": flag("Drop the line break after a block"),
    "lstripBlocks": flag("Drop the blanks before a block"),
}

ACTIONS = (
    Action(
        name="fetch:plain",
        description="Copies a folder into the workspace as it is.",
        schema=object_schema(("url",), **_URL),
        perform=_fetch_plain,
        changes_files=True,
        is_contained=True,
        example="action: fetch:plain\ninput:\n  url: ./documentation\n  targetPath: ./docs\n",
    ),
    Action(
        name="fetch:plain:file",
        description="Copies one file into the workspace as it is.",
        schema=object_schema(
            ("url", "targetPath"),
            url=text("A file beside the template (./licence.md), or its address in a repository"),
            targetPath=text("The file of the workspace to write"),
        ),
        perform=_fetch_file,
        changes_files=True,
        is_contained=True,
        example="action: fetch:plain:file\ninput:\n  url: ./licence.md\n  targetPath: LICENCE.md\n",
    ),
    Action(
        name="fetch:template",
        description="Renders a folder of templates into the workspace: names and contents, with `values`.",
        schema=object_schema(
            ("url",),
            **_URL,
            **_RENDERING,
            copyWithoutTemplating=texts("Patterns of files whose contents are copied as they are"),
            copyWithoutRender=texts("The older form of it: names stay as they are too"),
            templateFileExtension={
                "type": ["boolean", "string"],
                "description": "Render only files with this ending (true: .njk), which they lose",
            },
        ),
        perform=_fetch_template,
        changes_files=True,
        is_contained=True,
        example="action: fetch:template\ninput:\n  url: ./skeleton\n  values:\n    name: ${{ parameters.name }}\n",
    ),
    Action(
        name="fetch:template:file",
        description="Renders one file into the workspace, with `values`.",
        schema=object_schema(
            ("url", "targetPath"),
            url=text("A file beside the template (./deploy.yaml), or its address in a repository"),
            targetPath=text("The file of the workspace to write"),
            **_RENDERING,
        ),
        perform=_fetch_template_file,
        changes_files=True,
        is_contained=True,
        example=(
            "action: fetch:template:file\ninput:\n  url: ./deploy.yaml\n  targetPath: deploy/production.yaml\n"
            "  values:\n    name: ${{ parameters.name }}\n"
        ),
    ),
)
