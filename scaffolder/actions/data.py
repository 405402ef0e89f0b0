"""roadiehq:utils:serialize, merge, jsonata and sleep: data between steps, as RoadieHQ's actions have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scaffolder import jsonata
from scaffolder.actions import debugging
from scaffolder.actions.base import Action, Input, Output, Work, flag, object_schema, text
from scaffolder.actions.reading import content_of, documents_of
from scaffolder.errors import ActionFailed
from scaffolder.yaml_words import dumped

MAX_DEPTH = 50  # of maps in maps that are merged


def _to_json(_work: Work, given: Input) -> Output:
    return {"serialized": json.dumps(given["data"], ensure_ascii=False, indent=_indent(given))}


def _to_yaml(_work: Work, given: Input) -> Output:
    return {"serialized": dumped(given["data"])}


def _indent(given: Input) -> int | str | None:
    space = given.get("space")
    return space if isinstance(space, int) and not isinstance(space, bool) else str(space) if space else None


def _merge(work: Work, given: Input) -> Output:
    path = given["path"]
    is_json = path.lower().endswith(".json")
    if not is_json and not path.lower().endswith((".yaml", ".yml")):
        raise ActionFailed(f"{path} is neither JSON nor YAML by its name, so nothing can be merged into it.")
    (before,) = documents_of(path, content_of(work, path)) or [{}]
    new = given["content"]
    if isinstance(new, str):
        (new,) = documents_of("content", new) or [{}]
    if not isinstance(before, Mapping) or not isinstance(new, Mapping):
        raise ActionFailed(f"Only maps can be merged: {path} and content must both be one.")
    merged = _merged(before, new, arrays=bool(given.get("mergeArrays")), depth=MAX_DEPTH)
    words = json.dumps(merged, ensure_ascii=False, indent=2) + "\n" if is_json else dumped(merged)
    work.workspace.write(path, words.encode())
    work.journal.info(f"Merged into {path}")
    return {"path": path}


def _merged(before: Any, new: Any, *, arrays: bool, depth: int) -> Any:
    if depth == 0:
        raise ActionFailed(f"What is to be merged is more than {MAX_DEPTH} maps deep.")
    if isinstance(before, Mapping) and isinstance(new, Mapping):
        both = {
            key: _merged(before[key], value, arrays=arrays, depth=depth - 1) if key in before else value
            for key, value in new.items()
        }
        return {**before, **both}
    if arrays and isinstance(before, list) and isinstance(new, list):
        return [*before, *(item for item in new if item not in before)]
    return new


def _jsonata(work: Work, given: Input) -> Output:
    return {"result": jsonata.evaluated(given["expression"], given["data"], go_on=work.go_on)}


def _transform(work: Work, given: Input) -> Output:
    (data,) = documents_of(given["path"], content_of(work, given["path"])) or [None]
    result = jsonata.evaluated(given["expression"], data, go_on=work.go_on)
    if given.get("as") == "object":
        return {"result": result}
    return {"result": json.dumps(result, ensure_ascii=False, indent=_indent(given))}


def _transform_yaml(work: Work, given: Input) -> Output:
    found = _transform(work, {**given, "as": "object"})["result"]
    return {"result": found if given.get("as") == "object" else dumped(found)}


def _sleep(work: Work, given: Input) -> Output:
    return debugging.wait(work, {"seconds": given["amount"]})


def _sleep_pretended(work: Work, given: Input) -> Output:
    debugging.seconds_of({"seconds": given["amount"]})
    work.journal.info(f"Would wait for {given['amount']:g} s")
    return {}


_ANYTHING = {"description": "The data"}
_SPACE = {"type": ["integer", "string"], "description": "What to indent by: a number of blanks, or a text"}
_TRANSFORM: dict[str, Any] = {
    "path": text("The file of the workspace"),
    "expression": text("The expression"),
    "as": {"enum": ["string", "object"], "description": "string by default"},
}

ACTIONS = (
    Action(
        name="roadiehq:utils:serialize:json",
        description="Makes JSON of data.",
        schema=object_schema(("data",), data=_ANYTHING, space=_SPACE),
        output=object_schema(serialized=text("The JSON")),
        perform=_to_json,
        is_contained=True,
        example="action: roadiehq:utils:serialize:json\ninput:\n  data:\n    name: ${{ parameters.name }}\n",
    ),
    Action(
        name="roadiehq:utils:serialize:yaml",
        description="Makes YAML of data.",
        schema=object_schema(("data",), data=_ANYTHING),
        output=object_schema(serialized=text("The YAML")),
        perform=_to_yaml,
        is_contained=True,
        example="action: roadiehq:utils:serialize:yaml\ninput:\n  data:\n    name: ${{ parameters.name }}\n",
    ),
    *(
        Action(
            name=f"roadiehq:utils:{name}",
            description="Merges data into a JSON or YAML file of the workspace. Comments of YAML are lost.",
            schema=object_schema(
                ("path", "content"),
                path=text("The file; it must be there"),
                content={
                    "type": ["object", "string"],
                    "description": "What to merge: a map, or JSON or YAML of one",
                },
                mergeArrays=flag("Put lists together, instead of replacing one by the other"),
            ),
            output=object_schema(path=text("The file")),
            perform=_merge,
            changes_files=True,
            is_contained=True,
            example=(
                f"action: roadiehq:utils:{name}\ninput:\n  path: package.json\n  content:\n"
                "    version: 1.0.0\n"
            ),
        )
        for name in ("merge", "json:merge")
    ),
    Action(
        name="roadiehq:utils:jsonata",
        description="Asks data a question in JSONata.",
        schema=object_schema(("data", "expression"), data=_ANYTHING, expression=text("The expression")),
        output=object_schema(result={"description": "The answer"}),
        perform=_jsonata,
        is_contained=True,
        example=(
            "action: roadiehq:utils:jsonata\ninput:\n  data: ${{ steps.find.output.body }}\n"
            "  expression: $.metadata.name\n"
        ),
    ),
    Action(
        name="roadiehq:utils:jsonata:json:transform",
        description="Asks a JSON file of the workspace a question in JSONata.",
        schema=object_schema(("path", "expression"), **_TRANSFORM, space=_SPACE),
        output=object_schema(result={"description": "The answer, as JSON or as data"}),
        perform=_transform,
        is_contained=True,
        example=(
            "action: roadiehq:utils:jsonata:json:transform\ninput:\n  path: package.json\n"
            "  expression: '{\"name\": name}'\n"
        ),
    ),
    Action(
        name="roadiehq:utils:jsonata:yaml:transform",
        description="Asks a YAML file of the workspace a question in JSONata.",
        schema=object_schema(("path", "expression"), **_TRANSFORM),
        output=object_schema(result={"description": "The answer, as YAML or as data"}),
        perform=_transform_yaml,
        is_contained=True,
        example=(
            "action: roadiehq:utils:jsonata:yaml:transform\ninput:\n  path: catalog-info.yaml\n"
            "  expression: metadata.name\n"
        ),
    ),
    Action(
        name="roadiehq:utils:sleep",
        description="Waits, for at most ten minutes.",
        schema=object_schema(
            ("amount",), amount={"type": "number", "minimum": 0, "description": "How many seconds"}
        ),
        perform=_sleep,
        pretend=_sleep_pretended,
        example="action: roadiehq:utils:sleep\ninput:\n  amount: 5\n",
    ),
)
