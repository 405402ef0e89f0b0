"""Answers checked on the server, whichever way they came: page, API, command or agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from control.errors import InvalidParameters
from control.models import User
from scaffolder.forms import checking, pickers, secret_answers
from scaffolder.forms.schema import FormUnreadable, Schema, pages_of
from scaffolder.forms.settle import settle

MAX_CHARACTERS = 200_000  # of all answers as JSON


def checked_values(document: Mapping[str, Any], values: Any, person: User) -> dict[str, Any]:
    """The answers, if each page of the template takes them. Raises `InvalidParameters` with a message per field."""
    if not isinstance(values, Mapping):
        raise InvalidParameters({"values": "The answers must be a map of names and values."})
    answers = _plain(values)
    problems: dict[str, str] = {}
    for schema in _settled_pages(document, answers):
        _refuse_secrets(schema, answers)
        for path, message in checking.problems_of(schema, answers, pickers.Catalogue(person)).items():
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
    if len(text) > MAX_CHARACTERS:
        raise InvalidParameters(
            {"values": f"The answers have more than {MAX_CHARACTERS:,} characters. Shorten them."}
        )
    if "\\u0000" in text:
        raise InvalidParameters(
            {"values": "The answers hold a zero byte, which cannot be stored. Take it out."}
        )
    copied: dict[str, Any] = json.loads(text)
    return copied


def _refuse_secrets(schema: Schema, values: Mapping[str, Any]) -> None:
    """A secret among the answers would be stored in clear."""
    for question in secret_answers.questions(schema):
        found: Any = values
        for step in question.path:
            found = found.get(step) if isinstance(found, Mapping) else None
        if found not in (None, ""):
            raise InvalidParameters(
                {question.name: "This is a secret. Send it apart from the answers, as a secret."}
            )
