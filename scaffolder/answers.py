"""Answers checked on the server, whichever way they came: page, API, command or agent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from control.errors import InvalidParameters
from control.models import User
from scaffolder.forms import checking, pickers, secret_answers
from scaffolder.forms.carrying import LONGEST_ANSWERS
from scaffolder.forms.kinds import is_secret
from scaffolder.forms.schema import FormUnreadable, Schema, pages_of
from scaffolder.forms.settle import settle

MAX_DEPTH = 50  # of data in data
MAX_ITEMS = 1_000  # of one list: some rules compare each item with each other


def checked_values(
    document: Mapping[str, Any], values: Any, person: User, catalogue: pickers.Catalogue | None = None
) -> dict[str, Any]:
    """The answers, if each page of the template takes them. Raises `InvalidParameters` with a message per field.

    Pickers offer what `person` sees, or what `catalogue` holds in its place.
    """
    if not isinstance(values, Mapping):
        raise InvalidParameters({"values": "The answers must be a map of names and values."})
    answers = _plain(values)
    problems: dict[str, str] = {}
    for schema in _settled_pages(document, answers):
        _refuse_secrets(schema, answers)
        for path, message in checking.problems_of(
            schema, answers, catalogue or pickers.Catalogue(person)
        ).items():
            problems.setdefault(".".join(map(str, path)) or "values", message)
    if problems:
        raise InvalidParameters(problems)
    return answers


def checked_secrets(
    document: Mapping[str, Any], values: Mapping[str, Any], secrets: Mapping[str, str], person: User
) -> dict[str, str]:
    """The secrets that the template asks for these answers; others are dropped. Raises `InvalidParameters`."""
    asked = [
        question
        for schema in _settled_pages(document, values)
        for question in secret_answers.questions(schema)
    ]
    names = {question.name for question in asked}
    given = {name: secret for name, secret in secrets.items() if name in names and secret}
    if problems := secret_answers.problems_of(asked, given, pickers.Catalogue(person)):
        raise InvalidParameters(problems)
    return given


def _settled_pages(document: Mapping[str, Any], values: Mapping[str, Any]) -> list[Schema]:
    try:
        return [settle(page.schema, dict(values), {}) for page in pages_of(document)]
    except FormUnreadable as problem:
        raise InvalidParameters({"template": str(problem)}) from None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that is JSON and of a bearable size."""
    try:
        text = json.dumps(dict(values), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidParameters({"values": "The answers are not plain JSON data."}) from None
    if len(text) > LONGEST_ANSWERS:
        raise InvalidParameters(
            {"values": f"The answers have more than {LONGEST_ANSWERS:,} characters. Shorten them."}
        )
    copied: dict[str, Any] = json.loads(text)
    if problem := _unbearable(copied) or _unstorable(copied):
        raise InvalidParameters({"values": problem})
    return copied


def _unbearable(value: Any, depth: int = 0) -> str:
    """Why this is too much, the first reason found."""
    if depth > MAX_DEPTH:
        return f"The answers are more than {MAX_DEPTH} levels deep. Make them flatter."
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        return f"A list among the answers has more than {MAX_ITEMS:,} items. Shorten it."
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((problem for one in below if (problem := _unbearable(one, depth + 1))), "")


def _unstorable(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, ensure_ascii=False)
    if "\\u0000" in text:
        return "The answers hold a zero byte, which cannot be stored. Take it out."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "The answers hold half a character, which cannot be stored. Take it out."
    return ""


def _refuse_secrets(schema: Schema, values: Mapping[str, Any]) -> None:
    """A secret among the answers would be stored in clear."""
    if found := set(_secrets_in(schema, values)):
        words = "This is a secret. Send it apart from the answers, as a secret."
        raise InvalidParameters(dict.fromkeys(sorted(found), words))


def _secrets_in(schema: Schema, value: Any, name: str = "values") -> Iterator[str]:
    """The names under which a secret was answered, also within rows."""
    if is_secret(schema):
        if value not in (None, ""):
            yield name
    elif isinstance(value, Mapping):
        for key, part in schema.get("properties", {}).items():
            yield from _secrets_in(part, value.get(key), key)
    elif isinstance(value, list):
        for part, one in zip(schema.get("prefixItems", []), value, strict=False):
            yield from _secrets_in(part, one, name)
