"""What is wrong with answers, in words for the person, at the field: JSON Schema's rules and those of the pickers."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import URLValidator, validate_email

from scaffolder.forms import names, pickers, repo_url
from scaffolder.forms.defaults import MISSING, default_of
from scaffolder.forms.kinds import is_read_only, is_secret, kind_of, list_option, option, ui_field
from scaffolder.forms.schema import Path, Schema
from scaffolder.forms.validator import Broken, broken_rules
from scaffolder.forms.wording import missing_words, shown, words_for
from scaffolder.hosting import places

Problems = dict[Path, str]


def problems_of(schema: Schema, values: Any, catalogue: pickers.Catalogue) -> Problems:
    """Problems by path, the first of each; `schema` is settled for `values`."""
    found: Problems = {}
    for broken in sorted(broken_rules(_checkable(schema), values), key=lambda broken: len(broken.path)):
        for path, message in _told(broken):
            found.setdefault(path, message)
    for path, part, value in _walk(schema, values, ()):
        if path not in found and (message := _own_rules(part, value, catalogue)):
            found[path] = message
    return found


def _checkable(schema: Schema) -> Schema:
    """For the validator: without what has no value (secrets, notes), with the rules that bring no field."""
    result = {word: part for word, part in schema.items() if not word.startswith("x-")}
    if "properties" in schema:
        valueless = {
            name for name, part in schema["properties"].items() if kind_of(part) in ("secret", "note")
        }
        kept = {name: part for name, part in schema["properties"].items() if name not in valueless}
        result["properties"] = {name: _checkable(part) for name, part in kept.items()}
        result["required"] = [name for name in schema.get("required", []) if name not in valueless]
    if "prefixItems" in schema:
        result["prefixItems"] = [_checkable(part) for part in schema["prefixItems"]]
        result.pop("items", None)
    if "x-rules" in schema:
        result["allOf"] = schema["x-rules"]
    return result


def _told(broken: Broken) -> Iterator[tuple[Path, str]]:
    if broken.keyword != "required":
        yield broken.path, _own_words(broken.schema, broken.keyword) or words_for(broken)
        return
    for name in broken.rule:
        if name not in broken.value:
            part = broken.schema.get("properties", {}).get(name, {})
            path = (*broken.path, name)
            yield path, _own_words(part, "required") or missing_words(part, path)


def _own_words(schema: Schema, keyword: str) -> str:
    """The template's message, where it has one: `errorMessage`, also below `ui:options`."""
    found = schema.get("errorMessage") or option(schema, "errorMessage")
    if isinstance(found, Mapping):
        found = found.get(keyword)
    return found if isinstance(found, str) else ""


def _walk(schema: Schema, value: Any, path: Path) -> Iterator[tuple[Path, Schema, Any]]:
    """Every answer with its schema."""
    yield path, schema, value
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value and not is_secret(part):
                yield from _walk(part, value[name], (*path, name))
    if isinstance(value, list):
        for index, part in enumerate(schema.get("prefixItems", [])):
            yield from _walk(part, value[index], (*path, index))


def _own_rules(schema: Schema, value: Any, catalogue: pickers.Catalogue) -> str:
    kind = kind_of(schema)
    if problem := _closed(schema, value, catalogue):
        return problem
    if kind == "entity":
        return _entity(schema, value, catalogue)
    if kind == "entities" and isinstance(value, list):
        return next(filter(None, (_entity(schema, one, catalogue) for one in value)), "")
    if kind == "repo":
        return _repository(schema, value)
    if kind == "tags" and isinstance(value, list):
        return next(filter(None, (names.tag_problem(str(one)) for one in value)), "")
    if isinstance(value, str):
        return _text_rules(schema, value)
    return ""


def _closed(schema: Schema, value: Any, catalogue: pickers.Catalogue) -> str:
    """Answers that the form would not have let anybody give."""
    disabled = option(schema, "enumDisabled")
    if isinstance(disabled, list) and value in disabled:
        return f"{shown(value)} is not offered at the moment. Choose another."
    if is_read_only(schema) and default_of(schema, catalogue) not in (MISSING, value):
        return "This is fixed by the template and cannot be changed."
    return ""


def _text_rules(schema: Schema, text: str) -> str:
    if ui_field(schema) == "EntityNamePicker" and (problem := names.entity_name_problem(text)):
        return problem
    check = _FORMATS.get(schema.get("format", ""))
    return check(text) if check else ""


def _email(text: str) -> str:
    try:
        validate_email(text)
    except DjangoValidationError:
        return f"{shown(text)} is not an e-mail address. Write it like name@example.org."
    return ""


def _url(text: str) -> str:
    try:
        URLValidator(schemes=["http", "https"])(text.replace("://localhost", "://localhost.example"))
    except DjangoValidationError:
        return f"{shown(text)} is not a web address. Write it like https://example.org/page."
    return ""


def _date(text: str) -> str:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return f"{shown(text)} is not a date. Write it like 2026-03-31."
    return ""


_FORMATS: dict[str, Callable[[str], str]] = {"email": _email, "uri": _url, "url": _url, "date": _date}


def _entity(schema: Schema, value: Any, catalogue: pickers.Catalogue) -> str:
    what = pickers.wanted(schema)
    if pickers.may_be_anything(schema) or catalogue.find(what, str(value)):
        return ""
    return f"The catalogue offers nothing called {shown(value)} here. Choose from the list."


def _repository(schema: Schema, value: Any) -> str:
    host, parts = repo_url.split(str(value))
    allowed = list_option(schema, "allowedHosts")
    if allowed and host not in allowed:
        return f"Repositories of this template live on {' or '.join(allowed)}, not on {shown(host)}."
    limits = {"owner": "allowedOwners", "organization": "allowedOrganizations", "project": "allowedProjects"}
    for part in repo_url.parts_for(host):
        if not parts.get(part.name):
            return f"{part.label} is missing. Type it too."
        may_be = list_option(schema, limits.get(part.name, "allowedRepos"))
        if may_be and parts[part.name] not in may_be:
            return (
                f"{part.label}: {shown(parts[part.name])} is not allowed here. Choose {' or '.join(may_be)}."
            )
        problem_of = names.hosted_part_problem if host in places.hosts() else names.repository_part_problem
        if problem := problem_of(part.label, parts[part.name]):
            return problem
    return ""
