"""What a run leaves to read when it is done: links, texts and free values of `output`.

An output that cannot be rendered, or is far too long, does not undo a run: it is left out, and the log says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaffolder.actions.base import Journal
from scaffolder.templating import Budget, Renderer, TemplatingError, is_true

MAX_CHARACTERS = 100_000  # of all outputs together, as JSON: each look at the run reads them
_LISTS = ("links", "text")


def rendered(
    output: Mapping[str, Any], context: Mapping[str, Any], journal: Journal, budget: Budget | None = None
) -> dict[str, Any]:
    try:
        outputs = _Outputs(Renderer({**context, "secrets": {}}, shared=budget), journal)
    except TemplatingError as problem:
        journal.warning(f"The run has no output. {problem}")
        return {}
    found: dict[str, Any] = {}
    for key, value in output.items():
        if key in _LISTS and isinstance(value, list):
            items = [outputs.item(item, f"output.{key}[{index}]") for index, item in enumerate(value)]
            found[key] = [item for item in items if item]
        elif (one := outputs.value(value, f"output.{key}")) is not None:
            found[key] = one
    return found


@dataclass
class _Outputs:
    renderer: Renderer
    journal: Journal
    left: int = MAX_CHARACTERS

    def item(self, item: Any, where: str) -> Any:
        """One link or text; None when its `if` does not hold."""
        if not isinstance(item, Mapping):
            return None
        if "if" in item and not is_true(self._rendered(item["if"], f"{where}.if")):
            return None
        return self.value({key: value for key, value in item.items() if key != "if"}, where)

    def value(self, value: Any, where: str) -> Any:
        found = self._rendered(value, where)
        size = len(json.dumps(found, ensure_ascii=False))
        if size > self.left:
            self.journal.warning(f"Left out of the output. {where} is too long: {size:,} characters.")
            return None
        self.left -= size
        return found

    def _rendered(self, value: Any, where: str) -> Any:
        try:
            return self.renderer.data(value, where=where)
        except TemplatingError as problem:
            self.journal.warning(f"Left out of the output. {problem}")
            return None
