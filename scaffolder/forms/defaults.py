"""What a question answers by itself: the template's default, made to fit its type, or the person's own team."""

from __future__ import annotations

import copy
from typing import Any

from scaffolder.forms import pickers
from scaffolder.forms.kinds import kind_of, type_of, ui_field
from scaffolder.forms.schema import Schema


class _Missing:
    """No answer; different from every JSON value, `null` included."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
_TRUTHS = {"true": True, "false": False}


def default_of(schema: Schema, catalogue: pickers.Catalogue) -> Any:
    if "const" in schema and type_of(schema) != "boolean":
        return schema["const"]
    given = _fitting(schema, copy.deepcopy(schema["default"])) if "default" in schema else MISSING
    if kind_of(schema) == "entity":
        return _entity_default(schema, given, catalogue)
    if "enum" in schema and given not in schema["enum"]:
        return MISSING
    return given


def _entity_default(schema: Schema, given: Any, catalogue: pickers.Catalogue) -> Any:
    """A default that the catalogue knows. Templates often name a stranger's team; then the own one is nearer."""
    what = pickers.wanted(schema)
    known = catalogue.find(what, str(given)) if given else None
    if known:
        return known
    if ui_field(schema) in ("OwnerPicker", "MyGroupsPicker") and (own := catalogue.own_team(what)):
        return own
    return (given or MISSING) if pickers.may_be_anything(schema) else MISSING


def _fitting(schema: Schema, value: Any) -> Any:
    """YAML reads `8080` as a number and "true" as text, whatever the template's type says."""
    type = type_of(schema)
    if type == "string" and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if type == "boolean" and isinstance(value, str):
        return _TRUTHS.get(value.lower(), MISSING)
    if type in ("integer", "number") and isinstance(value, str):
        return as_number(value, whole=type == "integer")
    wrong = {"array": list, "object": dict, "string": str}.get(type)
    return MISSING if wrong and not isinstance(value, wrong) else value


LONGEST_NUMBER = 30  # digits; JSON keeps more, but nobody types them


def as_number(text: str, *, whole: bool) -> Any:
    """An int, a float only where needed, or MISSING."""
    text = text.strip()
    if not text or len(text) > LONGEST_NUMBER or "_" in text:
        return MISSING
    try:
        number = float(text)
    except ValueError:
        return MISSING
    if number.is_integer():
        return int(text) if text.lstrip("+-").isdecimal() else int(number)
    finite = number == number and abs(number) != float("inf")
    return MISSING if whole or not finite else number
