"""The questions of a template: fields and widgets that are not known, defaults that do not fit, secrets in clear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffolder.forms.kinds import KNOWN_FIELDS, is_secret, option, text_option, ui_field
from scaffolder.forms.schema import FormUnreadable, pages_of
from scaffolder.forms.validator import PatternUnusable, matches
from scaffolder.linting.findings import Subject, nearest

Path = tuple[str | int, ...]
KNOWN_WIDGETS = {
    *(
        "text",
        "textarea",
        "password",
        "hidden",
        "radio",
        "select",
        "checkbox",
        "checkboxes",
        "updown",
        "range",
    ),
    *("email", "uri", "url", "date", "color", "alt-date", "datetime", "date-time", "time"),
}
KNOWN_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
MAX_PARTS = 3_000
_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("then", "else", "not")
_SECRET_NAME = re.compile(
    r"(?i)(?:password|passwd|passphrase|api_?key|secret_?key|access_?token|auth_?token|private_?key)$"
)


@dataclass
class Questions:
    """What the form asks: names with their first place, secrets, and whether all of them are known."""

    names: dict[str, Path] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    decides: set[str] = field(default_factory=set)  # names that conditions ask for
    is_complete: bool = True


def check(subject: Subject) -> Questions:
    try:
        pages_of(subject.document)
    except FormUnreadable as problem:
        if subject.is_whole:
            subject.error("form", ["spec", "parameters"], str(problem))
    questions = Questions(is_complete=subject.is_whole)
    for path, page in _pages(subject):
        before = set(questions.names)
        _page(subject, path, page, questions)
        _required(subject, path, page, set(questions.names) - before, questions)
    return questions


def _pages(subject: Subject) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    found = subject.spec.get("parameters")
    if isinstance(found, Mapping):
        yield ("spec", "parameters"), found
    for index, page in enumerate(found if isinstance(found, list) else ()):
        if isinstance(page, Mapping):
            yield ("spec", "parameters", index), page


def _page(subject: Subject, path: Path, page: Mapping[str, Any], questions: Questions) -> None:
    """Every schema of a page; `is_top` where its properties are parameters themselves."""
    waiting: list[tuple[Path, Any, bool]] = [(path, page, True)]
    parts = 0
    while waiting and parts < MAX_PARTS:
        at, schema, is_top = waiting.pop()
        if not isinstance(schema, Mapping):
            continue
        parts += 1
        if "$ref" in schema or "$yaml" in schema or "$json" in schema:
            questions.is_complete = False
        _question(subject, at, schema)
        properties = schema.get("properties")
        for name, part in properties.items() if isinstance(properties, Mapping) else ():
            place = (*at, "properties", str(name))
            if is_top:
                _named(subject, place, str(name), part, questions)
            _secret(questions, str(name), part)
            waiting.append((place, part, False))
        waiting += _below(at, schema, is_top, questions)


def _below(
    at: Path, schema: Mapping[str, Any], is_top: bool, questions: Questions
) -> Iterator[tuple[Path, Any, bool]]:
    for word in _LISTS:
        parts = schema.get(word)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            yield (*at, word, index), part, is_top
    for word in _SINGLE:
        yield (*at, word), schema.get(word), is_top
    condition = schema.get("if")
    if isinstance(condition, Mapping) and isinstance(condition.get("properties"), Mapping):
        questions.decides |= set(map(str, condition["properties"]))
    for word in ("dependencies", "dependentSchemas"):
        named = schema.get(word)
        for name, part in named.items() if isinstance(named, Mapping) else ():
            questions.decides.add(str(name))
            yield (*at, word, str(name)), part, is_top
    yield (*at, "items"), schema.get("items"), False


def _named(subject: Subject, at: Path, name: str, part: Any, questions: Questions) -> None:
    first = questions.names.setdefault(name, at)
    if isinstance(at[2], int) and first[2] != at[2]:
        words = f"{name} is asked on an earlier page too, and the later answer wins. Give each its own name."
        subject.warning("asked-twice", at, words)
    if not isinstance(part, Mapping) or is_secret(dict(part)):
        return
    plain = part.get("type", "string") == "string" and not ui_field(dict(part)) and "enum" not in part
    if plain and _SECRET_NAME.search(name):
        words = (
            f"{name} sounds like a secret, and answers are kept in clear. Ask for it with ui:field: Secret."
        )
        subject.warning("secret", at, words)


def _secret(questions: Questions, name: str, part: Any) -> None:
    if not isinstance(part, Mapping):
        return
    if is_secret(dict(part)):
        questions.secrets.add(name)
    wish = option(dict(part), "requestUserCredentials")
    if isinstance(wish, Mapping) and isinstance(wish.get("secretsKey"), str):
        questions.secrets.add(str(wish["secretsKey"]))


def _question(subject: Subject, at: Path, raw: Mapping[str, Any]) -> None:
    schema = dict(raw)
    if (name := ui_field(schema)) and name not in KNOWN_FIELDS:
        words = (
            f"Portico has no field {name}, so this is asked as a plain field.{nearest(name, KNOWN_FIELDS)}"
        )
        subject.warning("ui-field", (*at, "ui:field"), words)
    if (widget := text_option(schema, "widget")) and widget not in KNOWN_WIDGETS:
        words = f"There is no widget {widget}; the usual one is shown.{nearest(widget, KNOWN_WIDGETS)}"
        subject.warning("ui-widget", (*at, "ui:widget"), words)
    types = schema.get("type", [])
    for one in types if isinstance(types, list) else [types]:
        if one not in KNOWN_TYPES:
            listed = ", ".join(sorted(KNOWN_TYPES))
            words = f"There is no type {one}.{nearest(str(one), KNOWN_TYPES)} Types are {listed}."
            subject.error("type", (*at, "type"), words)
    _pattern(subject, at, schema)
    _default(subject, at, schema)


def _pattern(subject: Subject, at: Path, schema: Mapping[str, Any]) -> None:
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return
    try:
        matches(pattern, "")
    except PatternUnusable:
        words = (
            "This pattern cannot be read, so every answer would be refused. Write it as a JavaScript pattern."
        )
        subject.error("pattern", (*at, "pattern"), words)
        return
    default = schema.get("default")
    if isinstance(default, str) and default and not matches(pattern, default):
        words = (
            f"The default “{default[:60]}” does not fit the pattern, so nobody gets on without changing it."
        )
        subject.warning("default", (*at, "default"), words)


def _default(subject: Subject, at: Path, schema: dict[str, Any]) -> None:
    default = schema.get("default")
    if default in (None, "", [], {}):
        return
    if is_secret(schema):
        words = "The default of a secret stands in the template in clear. Take it out."
        subject.error("secret", (*at, "default"), words)
    values = schema.get("enum")
    if isinstance(values, list) and not isinstance(default, list) and str(default) not in map(str, values):
        words = f"The default “{str(default)[:60]}” is none of the values under enum. Choose one of them."
        subject.warning("default", (*at, "default"), words)


def _required(
    subject: Subject, path: Path, page: Mapping[str, Any], names: set[str], questions: Questions
) -> None:
    listed = page.get("required")
    if not isinstance(listed, list) or not questions.is_complete:
        return
    for index, name in enumerate(listed):
        if isinstance(name, str) and name not in names and name not in questions.names:
            words = f"{name} is required, but this page asks no such question.{nearest(name, names)}"
            subject.error("required", (*path, "required", index), words)
