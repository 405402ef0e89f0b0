"""Which control a schema asks for: its kind, its options, its words. Reads no answers and no catalogue."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from scaffolder.forms.schema import Path, Schema

ENTITY_FIELDS = {"EntityPicker", "OwnerPicker", "OwnedEntityPicker", "MyGroupsPicker"}
KNOWN_FIELDS = ENTITY_FIELDS | {
    *(
        "RepoUrlPicker",
        "EntityNamePicker",
        "MultiEntityPicker",
        "EntityTagsPicker",
        "MultiOwnerPicker",
        "Secret",
    ),
}
_INPUT_TYPES = {"email": "email", "uri": "url", "url": "url", "date": "date"}


@dataclass(frozen=True)
class Choice:
    """One option of an enum. `code` is what the browser sends for `value`."""

    code: str
    value: Any
    label: str
    hint: str = ""
    disabled: bool = False


def option(schema: Schema, name: str) -> Any:
    """A `ui:` setting, written as `ui:name` or within `ui:options`."""
    if f"ui:{name}" in schema:
        return schema[f"ui:{name}"]
    options = schema.get("ui:options")
    return options.get(name) if isinstance(options, dict) else None


def text_option(schema: Schema, name: str) -> str:
    found = option(schema, name)
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def list_option(schema: Schema, name: str) -> list[str]:
    found = option(schema, name)
    return (
        [str(one) for one in found] if isinstance(found, list) else [found] if isinstance(found, str) else []
    )


def ui_field(schema: Schema) -> str:
    return text_option(schema, "field")


def type_of(schema: Schema) -> str:
    """The one type that the form works with; `null` beside another type only means optional."""
    found = schema.get("type")
    if isinstance(found, list):
        found = next((one for one in found if one != "null"), "null")
    if found:
        return str(found)
    for word, kind in (("properties", "object"), ("items", "array")):
        if word in schema:
            return kind
    known = schema["const"] if "const" in schema else next(iter(schema.get("enum", [""])))
    return {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}.get(
        type(known), "string"
    )


def is_secret(schema: Schema) -> bool:
    """Secret answers never become values: they are asked last and handed over apart."""
    return ui_field(schema) == "Secret" or text_option(schema, "widget") == "password"


def is_read_only(schema: Schema) -> bool:
    """Shown, not asked: the answer is the default."""
    return schema.get("readOnly") is True or any(
        option(schema, word) is True for word in ("readonly", "disabled")
    )


def kind_of(schema: Schema) -> str:
    """The kind of control, which is also the name of its template."""
    if kind := _unasked(schema) or _picker(schema):
        return kind
    type = type_of(schema)
    if type == "boolean":
        return (
            "yesno"
            if text_option(schema, "widget") in ("radio", "select") or "enum" in schema
            else "checkbox"
        )
    if "enum" in schema and type not in ("array", "object"):
        return "radio" if text_option(schema, "widget") == "radio" else "select"
    if "const" in schema:
        return "fixed"
    if type == "array":
        return "checkboxes" if "enum" in schema.get("items", {}) else "rows"
    if type == "object":
        return "group" if schema.get("properties") or "x-choices" in schema else "json"
    if type in ("null", "number", "integer"):
        return {"null": "note"}.get(type, "number")
    return "textarea" if text_option(schema, "widget") == "textarea" else "text"


def _unasked(schema: Schema) -> str:
    """What the pages do not let anybody answer."""
    if is_secret(schema):
        return "secret"
    if text_option(schema, "widget") == "hidden":
        return "hidden"
    return "fixed" if is_read_only(schema) and type_of(schema) not in ("object", "null") else ""


def _picker(schema: Schema) -> str:
    field = ui_field(schema)
    if field == "RepoUrlPicker":
        return "repo"
    if field in ENTITY_FIELDS and type_of(schema) == "string":
        return "entity"
    if field in ("MultiEntityPicker", "MultiOwnerPicker"):
        return "entities"
    return "tags" if field == "EntityTagsPicker" else ""


def input_type(schema: Schema) -> str:
    return _INPUT_TYPES.get(text_option(schema, "widget")) or _INPUT_TYPES.get(
        schema.get("format", ""), "text"
    )


def choices(schema: Schema) -> list[Choice]:
    """The options of an enum, in the template's order."""
    values = schema.get("enum", [True, False] if type_of(schema) == "boolean" else [])
    names = schema.get("enumNames") or option(schema, "enumNames") or []
    disabled = option(schema, "enumDisabled") or []
    hints = schema.get("x-hints", [])
    found = []
    for index, value in enumerate(values):
        label = str(names[index]) if isinstance(names, list) and index < len(names) else value_words(value)
        hint = hints[index] if index < len(hints) else ""
        closed = isinstance(disabled, list) and value in disabled
        found.append(Choice(code_of(value), value, label, hint, closed))
    return found


def code_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "None" if value is None else code_of(value)


def label_of(schema: Schema, path: Path) -> str:
    """The template's title, or the property's name made readable."""
    found = text_option(schema, "title") or schema.get("title", "")
    if found or not path:
        return str(found)
    if isinstance(path[-1], int):
        return f"{path[-1] + 1}"
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+", " ", path[-1]).split()
    words = " ".join(part if part.isupper() else part.lower() for part in parts)
    return words[:1].upper() + words[1:]


def ordered(schema: Schema) -> list[tuple[str, Schema]]:
    """The properties by `ui:order`; `*` stands for those it does not name."""
    properties: dict[str, Schema] = schema.get("properties", {})
    order = [name for name in list_option(schema, "order") if name == "*" or name in properties]
    rest = [name for name in properties if name not in order]
    if "*" not in order:
        order.append("*")
    names = [name for entry in order for name in (rest if entry == "*" else [entry])]
    return [(name, properties[name]) for name in dict.fromkeys(names)]
