"""What a run leaves to read when it is done: links, texts and free values of `output`.

An output that cannot be rendered does not undo a run: it is left out, and the log says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaffolder.run_log import RunJournal
from scaffolder.templating import Renderer, TemplatingError, is_true

_LISTS = ("links", "text")


def rendered(output: Mapping[str, Any], context: Mapping[str, Any], journal: RunJournal) -> dict[str, Any]:
    renderer = Renderer({**context, "secrets": {}})
    found: dict[str, Any] = {}
    for key, value in output.items():
        if key in _LISTS and isinstance(value, list):
            items = [
                _item(item, f"output.{key}[{index}]", renderer, journal) for index, item in enumerate(value)
            ]
            found[key] = [item for item in items if item]
        elif (one := _value(value, f"output.{key}", renderer, journal)) is not None:
            found[key] = one
    return found


def _item(item: Any, where: str, renderer: Renderer, journal: RunJournal) -> Any:
    """One link or text; None when its `if` does not hold."""
    if not isinstance(item, Mapping):
        return None
    if "if" in item and not is_true(_value(item["if"], f"{where}.if", renderer, journal)):
        return None
    rest = {key: value for key, value in item.items() if key != "if"}
    return _value(rest, where, renderer, journal)


def _value(value: Any, where: str, renderer: Renderer, journal: RunJournal) -> Any:
    try:
        return renderer.data(value, where=where)
    except TemplatingError as problem:
        journal.warning(f"Left out of the output. {problem}")
        return None
