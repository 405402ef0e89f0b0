"""fetch:cookiecutter: templates of cookiecutter, rendered by Portico's own interpreter; code of theirs never runs.

`url` is a whole project of cookiecutter (a `cookiecutter.json` beside one folder with a rendered name, whose contents
are the result), or only such contents, as Backstage has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffolder.actions import skeletons
from scaffolder.actions.base import Action, Input, Output, Work, object_schema, text, texts
from scaffolder.errors import ActionFailed
from scaffolder.templating import TemplatingError

CONTEXT = "cookiecutter.json"
MAX_CONTEXT_BYTES = 200_000


def _fetch(work: Work, given: Input) -> Output:
    if extensions := given.get("extensions"):
        raise ActionFailed(
            f"Portico runs no code of templates, so it has no extensions ({', '.join(map(str, extensions))})."
        )
    with work.sources.fetch(given["url"]) as source:
        if not source.is_dir():
            raise ActionFailed(f"{given['url']} is a file; fetch:cookiecutter takes a folder.")
        project = _project_in(source)
        defaults = _read(source / CONTEXT) if project else {}
        if (source / "hooks").is_dir() and project:
            work.journal.warning("The hooks of this template are not run: Portico runs no code of templates.")
        if defaults.get("_extensions"):
            work.journal.warning("_extensions of cookiecutter.json are left out: they are code.")
        written = skeletons.rendered(work, _as_template(work, given, defaults), project or source)
    work.journal.info(f"{written} files from {given['url']}")
    return {}


def _project_in(source: Path) -> Path | None:
    """The one folder of a project that becomes the result; None for mere contents."""
    if not (source / CONTEXT).is_file() or (source / CONTEXT).is_symlink():
        return None
    named = [found for found in source.iterdir() if "cookiecutter" in found.name and found.is_dir()]
    if len(named) != 1 or named[0].is_symlink():
        raise ActionFailed(
            f"Beside {CONTEXT} there must be one folder with cookiecutter in its name; found {len(named)}."
        )
    return named[0]


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_CONTEXT_BYTES))
    except ValueError as problem:
        raise ActionFailed(f"{CONTEXT} is no JSON: {problem}.") from None
    if not isinstance(found, dict):
        raise ActionFailed(f"{CONTEXT} must be a map of names and values.")
    return found


def _as_template(work: Work, given: Input, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The same in the words of fetch:template."""
    settings = defaults.get("_jinja2_env_vars")
    settings = settings if isinstance(settings, Mapping) else {}
    raw = [*(given.get("copyWithoutRender") or ()), *_patterns(defaults.get("_copy_without_render"))]
    return {
        "targetPath": given.get("targetPath"),
        "values": _values(work, given, defaults),
        "copyWithoutTemplating": raw,
        "cookiecutterCompat": True,
        "replace": True,
        "trimBlocks": settings.get("trim_blocks"),
        "lstripBlocks": settings.get("lstrip_blocks"),
    }


def _patterns(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _values(work: Work, given: Input, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults in their order, each rendered with those before it; of a list of choices the first."""
    values: dict[str, Any] = dict(given.get("values") or {})
    for name, default in defaults.items():
        if name in values or (name.startswith("_") and not name.startswith("__")):
            continue
        chosen = (default[0] if default else "") if isinstance(default, list) else default
        renderer = skeletons.renderer_of(work, {"cookiecutterCompat": True, "values": values})
        try:
            values[name] = (
                renderer.text(chosen, where=f"{CONTEXT}: {name}") if isinstance(chosen, str) else chosen
            )
        except TemplatingError as problem:
            raise ActionFailed(f"The default of {name} cannot be rendered. {problem}") from None
    return values


ACTIONS = (
    Action(
        name="fetch:cookiecutter",
        description=(
            "Renders a template of cookiecutter into the workspace. Its hooks and extensions are code, which is never "
            "run: what they would do must be done by steps."
        ),
        schema=object_schema(
            ("url",),
            url=text("A folder beside the template (./skeleton), or the address of a repository's folder"),
            targetPath=text("The folder of the workspace to write to; by default the workspace itself"),
            values={"type": "object", "description": "What it sees as {{ cookiecutter.name }}"},
            copyWithoutRender=texts("Patterns of files whose contents are copied as they are"),
            extensions=texts("Refused: extensions of Jinja are code"),
            imageName=text("Without effect: there is no container"),
        ),
        perform=_fetch,
        changes_files=True,
        is_contained=True,
        example=(
            "action: fetch:cookiecutter\ninput:\n  url: ./skeleton\n  values:\n    name: ${{ parameters.name }}\n"
        ),
    ),
)
