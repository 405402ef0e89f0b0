"""What a request says, checked as Backstage's OpenAPI does: names of parameters, numbers, the shape of the body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from jsonschema import Draft202012Validator, ValidationError

from control import filters
from control.api import ApiError
from control.filters import EVERYTHING, Filter, FilterError

_INTEGER = re.compile(r"-?\d+")
_LARGEST = 2_000_000_000
MOST_FILTERS = 200


class Parameters:
    """The query of a request, in which only `known` names may stand."""

    def __init__(self, request: HttpRequest, *known: str) -> None:
        self._query = request.GET
        for name, values in self._query.lists():
            if name not in known:
                raise ApiError(400, f"Unknown query parameter '{name}'")
            if not all(values):
                raise ApiError(400, f"Empty value found for query parameter '{name}'")

    def text(self, name: str) -> str:
        """Empty when it is not given."""
        return self._query.get(name, "")

    def many(self, name: str) -> list[str]:
        return self._query.getlist(name)

    def words(self, name: str) -> list[str]:
        """By comma, or given several times."""
        return [word for text in self.many(name) for word in map(str.strip, text.split(",")) if word]

    def choice(self, name: str, *allowed: str) -> str:
        """The first one when it is not given."""
        value = self._query.get(name, allowed[0])
        if value not in allowed:
            raise ApiError(
                400, f"request/query/{name} must be equal to one of the allowed values: {', '.join(allowed)}"
            )
        return value

    def integer(self, name: str, most: int = _LARGEST) -> int | None:
        text = self._query.get(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise ApiError(400, f"request/query/{name} must be integer")
        return bounded(int(text[:20]), f"request/query/{name}", most)

    def filter(self) -> Filter:
        texts = self.many("filter")
        if len(texts) > MOST_FILTERS:
            raise ApiError(400, f"At most {MOST_FILTERS} filters can be given.")
        return filter_of(texts)


def filter_of(texts: list[str]) -> Filter:
    try:
        return filters.parse(texts) if texts else EVERYTHING
    except FilterError as error:
        raise ApiError(400, str(error)) from error


def bounded(number: int, what: str, most: int = _LARGEST) -> int:
    if number < 0:
        raise ApiError(400, f"{what} must be >= 0")
    if number > most:
        raise ApiError(400, f"{what} must be <= {most}")
    return number


def fields_of(fields: list[str]) -> list[str]:
    for field in fields:
        if "[" in field:
            raise ApiError(400, "invalid fields, array type fields are not supported")
    return fields


def body_of(request: HttpRequest, schema: Mapping[str, Any], *, is_required: bool = True) -> dict[str, Any]:
    """The body of a request as an object of this schema. Raises `ApiError` in the words of ajv."""
    if not request.body and not is_required:
        return {}
    if request.content_type != "application/json":
        raise ApiError(400, f"unsupported media type {request.content_type or 'none'}")
    try:
        found = json.loads(request.body, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half characters
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"request/body is not JSON: {error}") from error
    if "\\u0000" in request.body.decode(errors="replace"):
        raise ApiError(400, "request/body holds a zero byte")
    _check(found, schema)
    body: dict[str, Any] = found
    return body


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _check(found: Any, schema: Mapping[str, Any]) -> None:
    error: ValidationError | None = next(_validator(json.dumps(schema)).iter_errors(found), None)
    if error is not None:
        raise ApiError(400, _words(error))


@lru_cache(maxsize=64)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def _words(error: ValidationError) -> str:
    instance: Any = error.instance
    where = "/".join(("request/body", *map(str, error.absolute_path)))
    limit: Any = error.validator_value
    match error.validator:
        case "required":
            name = next(name for name in limit if name not in instance)
            return f"{where} must have required property '{name}'"
        case "type":
            return f"{where} must be {limit}"
        case "enum":
            return f"{where} must be equal to one of the allowed values: {', '.join(map(str, limit))}"
        case "minimum":
            return f"{where} must be >= {limit}"
        case "maxItems":
            return f"{where} must NOT have more than {limit} items"
        case "additionalProperties":
            return f"{where} must NOT have additional properties"
    return f"{where} is not valid"
