"""The answers of one page: what was sent, else what was answered before, else the template's defaults.

Which questions there are depends on the answers, and which answers are read on the questions: both are worked out
together until neither changes. A text that is no value of its type is kept in `typed`, so that nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffolder.forms import pickers, repo_url
from scaffolder.forms.defaults import MISSING, as_number, default_of
from scaffolder.forms.kinds import choices, kind_of, type_of
from scaffolder.forms.schema import Page, Path, Schema, Values
from scaffolder.forms.sent import NOTHING, Sent
from scaffolder.forms.settle import Choices, row_schema, settle

ROUNDS = 12  # a condition may open a question that opens another; deeper ones stop here


@dataclass
class Reading:
    """One page with its answers."""

    page: Page
    schema: Schema  # settled for these answers
    values: Values
    choices: Choices
    typed: dict[Path, str] = field(default_factory=dict)  # texts that are no value
    problems: dict[Path, str] = field(default_factory=dict)
    new: list[Path] = field(default_factory=list)  # questions that were not on the page that was sent


@dataclass
class _Reader:
    catalogue: pickers.Catalogue
    choices: Choices
    has_defaults: bool  # False: the page was answered before, so what is empty was left empty
    typed: dict[Path, str] = field(default_factory=dict)
    problems: dict[Path, str] = field(default_factory=dict)
    new: list[Path] = field(default_factory=list)

    def read(self, schema: Schema, sent: Sent, earlier: Any, path: Path) -> Any:
        kind = kind_of(schema)
        if kind in ("secret", "note"):
            return MISSING
        if kind in ("hidden", "fixed"):
            return default_of(schema, self.catalogue)
        if kind == "group":
            return self.group(schema, sent, earlier, path)
        if kind == "rows":
            return self._rows(schema, sent, earlier, path)
        if kind == "repo":
            return self._repo(schema, sent, earlier, path)
        if sent.texts is None:
            return self._unsent(schema, earlier, path)
        return _READERS[kind](self, schema, sent.texts, path)

    def _unsent(self, schema: Schema, earlier: Any, path: Path) -> Any:
        self.new.append(path)
        if earlier is not MISSING:
            return earlier
        return default_of(schema, self.catalogue) if self.has_defaults else MISSING

    def group(self, schema: Schema, sent: Sent, earlier: Any, path: Path) -> Any:
        given: Mapping[str, Any] = earlier if isinstance(earlier, dict) else {}
        if not path or earlier is not MISSING or "default" not in schema:
            preset: Mapping[str, Any] = {}
        else:
            preset = schema["default"] if isinstance(schema["default"], dict) else {}
        result: Values = {}
        required = schema.get("required", [])
        for name, part in schema.get("properties", {}).items():
            before = given.get(name, preset.get(name, MISSING))
            value = self.read({**part, "x-required": name in required}, sent.at(name), before, (*path, name))
            if value is not MISSING:
                result[name] = value
        return result if result or not path or isinstance(path[-1], int) else MISSING

    def _rows(self, schema: Schema, sent: Sent, earlier: Any, path: Path) -> Any:
        rows = sent.rows()
        before: list[Any] = []
        if rows is None:
            found = self._unsent(schema, earlier, path)
            before = found if isinstance(found, list) else []
            if not before:
                return found
        result = []
        for index in range(len(before if rows is None else rows)):
            part = row_schema(schema, index, self.choices, path)
            given = before[index] if rows is None else MISSING
            value = self.read(part, rows[index] if rows else NOTHING, given, (*path, index))
            result.append("" if value is MISSING else value)
        return result if result or (rows is not None and schema.get("default")) else MISSING

    def _repo(self, schema: Schema, sent: Sent, earlier: Any, path: Path) -> Any:
        if not sent.children:
            return self._unsent(schema, earlier, path)
        parts = {name: (child.texts or [""])[-1].strip() for name, child in sent.children.items()}
        host = parts.pop("host", "")
        missing = [part.label for part in repo_url.parts_for(host) if not parts.get(part.name)]
        if host and not missing:
            return repo_url.compose(host, parts)
        self.typed[path] = repo_url.compose(host, parts)
        if schema.get("x-required") or parts.get("repo"):
            self.problems[path] = f"{' and '.join(missing or ['Host'])} is missing. Type it here."
        return MISSING

    def _text(self, schema: Schema, texts: list[str], path: Path) -> Any:
        text = texts[-1].replace("\r\n", "\n")
        text = text if kind_of(schema) == "textarea" else text.replace("\n", " ").strip()
        return text if text.strip() else MISSING

    def _number(self, schema: Schema, texts: list[str], path: Path) -> Any:
        text = texts[-1].strip()
        number = as_number(text, whole=type_of(schema) == "integer")
        if text and number is MISSING:
            self.typed[path] = text
            whole = "a whole number" if type_of(schema) == "integer" else "a number"
            self.problems[path] = (
                f"“{text[:40]}” is not {whole}. Type digits, for example {_example(schema)}."
            )
        return number

    def _checkbox(self, schema: Schema, texts: list[str], path: Path) -> Any:
        """Never ticked and nothing said about it: no answer, as in Backstage, so that no condition sees one."""
        if texts[-1]:
            return True
        return False if "default" in schema or "const" in schema or schema.get("x-required") else MISSING

    def _chosen(self, schema: Schema, texts: list[str], path: Path) -> Any:
        found = next((one for one in choices(schema) if one.code == texts[-1]), None)
        if found and not (found.code == "" and found.value != ""):
            return found.value
        if texts[-1]:
            self.problems[path] = "That is not one of the options. Choose one from the list."
        return MISSING

    def _ticked(self, schema: Schema, texts: list[str], path: Path) -> Any:
        known = {one.code: one.value for one in choices(schema["items"])}
        if any(text and text not in known for text in texts):
            self.problems[path] = "That is not one of the options. Choose from the list."
        found = [value for code, value in known.items() if code in texts]
        return found if found or "default" in schema else MISSING

    def _entity(self, schema: Schema, texts: list[str], path: Path) -> Any:
        text = texts[-1].strip()
        return entity_value(schema, text, self.catalogue) if text else MISSING

    def _entities(self, schema: Schema, texts: list[str], path: Path) -> Any:
        found = [text.strip() for line in texts for text in line.replace(",", "\n").split("\n")]
        refs = list(dict.fromkeys(entity_value(schema, text, self.catalogue) for text in found if text))
        return refs or MISSING

    def _tags(self, schema: Schema, texts: list[str], path: Path) -> Any:
        return list(dict.fromkeys(texts[-1].replace(",", " ").lower().split())) or MISSING

    def _json(self, schema: Schema, texts: list[str], path: Path) -> Any:
        text = texts[-1].strip()
        if not text:
            return MISSING
        try:
            return _storable(json.loads(text, parse_constant=_refuse))
        except (ValueError, RecursionError):
            self.typed[path] = text
            self.problems[path] = 'This is not JSON. Write it like {"name": "value"}.'
            return MISSING


_READERS = {
    **dict.fromkeys(("text", "textarea"), _Reader._text),
    **dict.fromkeys(("select", "radio", "yesno"), _Reader._chosen),
    "number": _Reader._number,
    "checkbox": _Reader._checkbox,
    "checkboxes": _Reader._ticked,
    "entity": _Reader._entity,
    "entities": _Reader._entities,
    "tags": _Reader._tags,
    "json": _Reader._json,
}


def _storable(value: Any) -> Any:
    """Raises `ValueError` for what no database takes: zero bytes and halves of characters."""
    text = json.dumps(value, ensure_ascii=False)
    text.encode()
    if "\\u0000" in text:
        raise ValueError(text)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _example(schema: Schema) -> str:
    return str(schema.get("default", schema.get("minimum", 8)))


def entity_value(schema: Schema, text: str, catalogue: pickers.Catalogue) -> str:
    """The reference that a typed name means; what nobody knows stays as it is, for `checking` to judge."""
    what = pickers.wanted(schema)
    if found := catalogue.find(what, text):
        return found
    return (what.kind and pickers.may_be_anything(schema) and pickers.canonical(text, what.kind)) or text


def read_page(
    page: Page,
    catalogue: pickers.Catalogue,
    *,
    sent: Sent = NOTHING,
    earlier: Values | None = None,
    others: Values | None = None,
    choices: Choices | None = None,
) -> Reading:
    """`earlier`: this page's answers from before; None shows it for the first time. `others`: those of all pages."""
    choices = choices or {}
    around = others or {}
    values: Values = dict(earlier or {})
    for _ in range(ROUNDS):
        schema = settle(page.schema, {**around, **values}, choices)
        reader = _Reader(catalogue, choices, has_defaults=earlier is None or sent is not NOTHING)
        given = earlier if earlier is not None else MISSING
        found: Values = reader.group(schema, sent, given, ())
        if found == values:
            break
        values = found
    return Reading(page, schema, values, choices, reader.typed, reader.problems, reader.new)
