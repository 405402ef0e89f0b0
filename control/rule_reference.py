"""The reference of rule documents (docs/rules-reference.md), written from their schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from control.rule_schema import BEYOND_SHAPE, KINDS, Schema, schema

_HEAD = """# Reference of the rules

Written by `manage.py rules reference` from the schema that `manage.py rules schema` prints. How rules work, with
examples, is in [access](access.md). In an editor with a YAML language server, this line at the top of a file completes
and checks it:

```yaml
# yaml-language-server: $schema=rules.schema.json
```

after `manage.py rules schema > rules.schema.json`. Every document has `apiVersion: portico.dev/v1`, `kind` and
`metadata`. Fields that are not named here are refused.
"""
_PARTS = (
    ("metadata", "metadata"),
    ("approval", "approval"),
    ("part", "part (of an approval)"),
    ("given", "given (of a RuleTest)"),
    ("expect", "expect (of a RuleTest)"),
    ("person", "a person (of a RuleTest)"),
)
_VALUES = ("duration", "filter", "who", "somebody", "decider", "approver")
_NAMED = {
    "metadata": "[metadata](#metadata)",
    "duration": "length of time",
    "filter": "filter",
    "who": "who",
    "somebody": "group or person",
    "decider": "decider",
    "approver": "approver",
    "approval": "[approval](#approval)",
    "part": "[part](#part-of-an-approval)",
    "person": "[person](#a-person-of-a-ruletest)",
    "given": "[given](#given-of-a-ruletest)",
    "expect": "[expect](#expect-of-a-ruletest)",
}
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
}


def reference() -> str:
    """Markdown, ending with one line break."""
    whole = schema()
    parts = [_HEAD, _values(whole["$defs"])]
    parts += [
        _section(f"## {kind}", make(), ("apiVersion", "kind", "metadata")) for kind, make in KINDS.items()
    ]
    parts += [_section(f"## {title}", whole["$defs"][name]) for name, title in _PARTS]
    parts.append("## What the shape does not tell\n\n" + "\n".join(f"- {words}" for words in BEYOND_SHAPE))
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _values(definitions: Schema) -> str:
    rows = [f"| {_NAMED[name]} | {_cell(definitions[name]['description'])} |" for name in _VALUES]
    return "\n".join(["| value | how it is written |", "|---|---|", *rows])


def _section(heading: str, shape: Schema, left_out: tuple[str, ...] = ()) -> str:
    rows = dict.fromkeys(row for row in _rows(shape, "") if row[0] not in left_out)
    lines = [f"| `{path}` | {kind} | {needed} | {_cell(words)} |" for path, kind, needed, words in rows]
    table = ["| field | what | needed | meaning |", "|---|---|---|---|", *lines]
    return "\n".join([heading, "", shape["description"], "", *table])


def _rows(shape: Schema, above: str) -> Iterator[tuple[str, str, str, str]]:
    """Every field below a mapping, in the mapping's order; what is described once elsewhere is only named."""
    for inner in _mappings(shape):
        for name, field in inner.get("properties", {}).items():
            path = f"{above}{name}"
            needed = "yes" if name in inner.get("required", ()) else ""
            yield path, _kind(field), needed, field.get("description", "")
            listed = field.get("items", {})
            below = f"{path}[]." if listed else f"{path}."
            yield from _rows(listed or field, below)


def _mappings(shape: Schema) -> Iterator[Schema]:
    if shape.get("properties") and shape.get("type") == "object":
        yield shape
    for one in shape.get("anyOf", ()):
        if one.get("type") == "object":
            yield one
        elif "items" in one:
            continue


def _kind(field: Schema) -> str:
    if "$ref" in field:
        return _NAMED[field["$ref"].rpartition("/")[2]]
    if "const" in field:
        return f"`{_written(field['const'])}`"
    if "enum" in field:
        return " or ".join(f"`{_written(value)}`" for value in field["enum"])
    if "anyOf" in field and "type" not in field:
        kinds = [_kind(one) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    return _typed(field)


def _typed(field: Schema) -> str:
    types = field.get("type", ())
    named = [_TYPES[one] for one in ([types] if isinstance(types, str) else types) if one != "null"]
    words = " or ".join(named) or "anything"
    if words == "list":
        return f"list of {_kind(field['items'])}"
    if "minimum" in field:
        return f"{words}, {field['minimum']} to {field['maximum']}"
    return words


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
