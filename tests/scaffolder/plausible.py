"""Answers that a template's own form would take, made from its schema: for templates that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scaffolder.forms import checking, pickers, secret_answers
from scaffolder.forms.kinds import kind_of, list_option, option, type_of, ui_field
from scaffolder.forms.schema import Page, Schema
from scaffolder.forms.settle import settle
from scaffolder.forms.validator import matches

ROUNDS = 8  # answers open questions
# The first that fits a pattern and its lengths is taken.
TEXTS = (
    *("payout-reports", "payout", "PayoutReports", "payout_reports", "Payout reports", "a1b2c3", "abc", "p"),
    *(
        "1.0.0",
        "12345",
        "123456789012",
        "10.0.0.0/16",
        "com.acme.payout",
        "acme/payout",
        "payout@example.org",
    ),
    *("https://example.org/payout", "https://git.example.org/acme/payout", "v1.0", "eu-west-1", "8080"),
    *(
        "default/payout",
        "com/acme",
        "0 0 * * *",
        "registry.example.org/acme/payout",
        "quay.io/acme/payout:1.0",
    ),
)


def answers(pages: tuple[Page, ...], host: str) -> dict[str, Any]:
    """All answers; those that stay wrong are the caller's to find (`problems`)."""
    values: dict[str, Any] = {}
    for _ in range(ROUNDS):
        before = dict(values)
        for page in pages:
            values |= _object(settle(page.schema, values, {}), values, host)
        if values == before:
            break
    return values


def problems(pages: tuple[Page, ...], values: dict[str, Any], catalogue: pickers.Catalogue) -> dict[str, str]:
    found: dict[str, str] = {}
    for page in pages:
        schema = settle(page.schema, values, {})
        problems = checking.problems_of(schema, values, catalogue).items()
        found |= {".".join(map(str, path)): words for path, words in problems}
    return found


def secrets(pages: tuple[Page, ...], values: dict[str, Any]) -> dict[str, str]:
    asked = [q for page in pages for q in secret_answers.questions(settle(page.schema, values, {}))]
    return {question.name: "plausible-secret-value" for question in asked}


def entities_wanted(pages: tuple[Page, ...], values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Reference and document of an entity for every picker that takes only what the catalogue offers."""
    for page in pages:
        for part in _parts(settle(page.schema, values, {})):
            if kind_of(part) == "entity" and not pickers.may_be_anything(part):
                conditions = dict(next(iter(pickers.wanted(part).alternatives), ()))
                document: dict[str, Any] = {}
                for key, expected in conditions.items():
                    _put(document, key.split("."), expected[0] if expected else "x")
                yield _reference(part), document


def _parts(schema: Schema) -> Iterator[Schema]:
    yield schema
    for part in schema.get("properties", {}).values():
        yield from _parts(part)


def _put(document: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
    document[path[-1]] = value


def _object(schema: Schema, given: dict[str, Any], host: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        if kind_of(part) not in ("secret", "note"):
            found[name] = given.get(name, _value(name, part, host))
    return found


def _value(name: str, schema: Schema, host: str) -> Any:
    for word in ("const", "default"):
        if word in schema and schema[word] not in ("", None):
            return schema[word]
    if schema.get("enum"):
        disabled = option(schema, "enumDisabled") or []
        return next(value for value in schema["enum"] if value not in disabled)
    kind = kind_of(schema)
    if kind == "repo":
        hosts = list_option(schema, "allowedHosts") or [host]
        owners = list_option(schema, "allowedOwners") or ["acme"]
        return f"{hosts[0]}?owner={owners[0]}&repo=payout-reports"
    if kind in ("entity", "entities"):
        reference = _reference(schema)
        return [reference] if kind == "entities" else reference
    match type_of(schema):
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 3))
        case "array":
            return [_value(name, schema.get("items", {}), host)] * max(1, schema.get("minItems", 1))
        case "object":
            return _object(schema, {}, host)
    return _text(schema)


def _reference(schema: Schema) -> str:
    kinds = pickers.wanted(schema).kinds or ["component"]
    return (
        f"{kinds[0]}:default/payments" if ui_field(schema) != "MyGroupsPicker" else "group:default/payments"
    )


def _text(schema: Schema) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength", 1_000)
    by_format = {"email": "payout@example.org", "uri": "https://example.org/x", "date": "2026-03-31"}
    candidates = [
        by_format.get(schema.get("format", ""), ""),
        str(option(schema, "placeholder") or ""),
        *TEXTS,
    ]
    fitting = [text.ljust(low, "a")[:high] for text in candidates if text]
    return next((text for text in fitting if _fits(schema, text)), fitting[0])


def _fits(schema: Schema, text: str) -> bool:
    return "pattern" not in schema or matches(schema["pattern"], text)
