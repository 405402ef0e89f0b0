"""GitHub's published OpenAPI document, and what is held against it: requests with parameters and body, and answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from jsonschema import Draft202012Validator

from tests.catalog.hosts import github as github_api

# As it is before a test gives the portal a home of its own.
FOLDER: Path = settings.PORTICO_HOME / "test-node-octokit"
PACKAGE = "@octokit/openapi@23.0.2"
INSTALL_SECONDS = 300
# Any endpoint may answer so; the document names them only here and there.
_GENERAL = frozenset({301, 304, 401, 404})
Document = dict[str, Any]


@cache
def document() -> Document:
    """Installed once for all runs on this PORTICO_HOME."""
    path = FOLDER / "node_modules/@octokit/openapi/generated/ghec.json"  # repositories may be internal there
    if not path.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.fail("This test needs npm, for GitHub's OpenAPI document. Debian: apt-get install npm.")
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts")
        command = [npm, "install", *quiet, "--prefix", str(FOLDER), PACKAGE]
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    found: Document = json.loads(path.read_text())
    return found


def template_of(path: str) -> str:
    """The path of the document that `path` is an instance of: the one with the fewest placeholders; empty for none."""
    path = path.removeprefix(github_api.PREFIX)
    found = [template for template, pattern in _patterns() if pattern.fullmatch(path)]
    return min(found, key=lambda template: (template.count("{"), len(template)), default="")


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for template in document()["paths"]:
        escaped = re.sub(r"\\\{path\\\}", ".+", re.escape(template))
        found.append((template, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", escaped))))
    return found


def faults_of(
    method: str, path: str, query: Mapping[str, str], data: Any, status: int, body: Any
) -> Iterator[str]:
    """Whatever one request and its answer do that the document does not know, one sentence each."""
    template = template_of(path)
    operation = document()["paths"].get(template, {}).get(method.lower())
    if operation is None:
        yield f"{method} {path} is no operation"
        return
    where = f"{method} {template}"
    yield from _of_query(where, operation, query)
    yield from _of_data(where, operation, data)
    yield from _of_answer(where, operation, status, body)


def _of_query(where: str, operation: Mapping[str, Any], query: Mapping[str, str]) -> Iterator[str]:
    parameters = (_resolved(one) for one in operation["parameters"])
    known = {one["name"]: one for one in parameters if one["in"] == "query"}
    for name, value in query.items():
        if name not in known:
            yield f"{where} has no parameter {name}"
            continue
        schema = _resolved(known[name]["schema"])
        typed = int(value) if schema.get("type") == "integer" and value.isdecimal() else value
        yield from (f"{where}: {name}: {fault}" for fault in _against(schema, typed))


def _of_data(where: str, operation: Mapping[str, Any], data: Any) -> Iterator[str]:
    if data is None:
        if operation.get("requestBody", {}).get("required"):
            yield f"{where} needs a body"
        return
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        yield f"{where} takes no body"
        return
    yield from (f"{where}: body {fault}" for fault in _against(schema, data))
    if known := _properties(schema):
        yield from (f"{where}: the body has no {name}" for name in data if name not in known)


def _properties(schema: Mapping[str, Any]) -> set[str]:
    """Names that the body may have, also in its variants: GitHub passes over others without a word."""
    schema = _resolved(schema)
    found = set(schema.get("properties", {}))
    for word in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(word, ()):
            found |= _properties(part)
    return found


def _of_answer(where: str, operation: Mapping[str, Any], status: int, body: Any) -> Iterator[str]:
    if isinstance(body, bytes) or status in _GENERAL:
        return
    if str(status) not in operation["responses"]:
        yield f"{where} is never answered {status}"
        return
    content = _resolved(operation["responses"][str(status)]).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is not None:
        yield from (f"{where}: answer {status} {fault}" for fault in _against(schema, body))


def _against(schema: Any, value: Any) -> list[str]:
    whole = {**_of_today(schema), "components": _schemas()}
    errors = Draft202012Validator(whole).iter_errors(value)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


@cache
def _schemas() -> Any:
    return {"schemas": _of_today(document()["components"]["schemas"])}


def _of_today(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema says so in the type."""
    if isinstance(schema, list):
        return [_of_today(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {
        key: _of_today(value) for key, value in schema.items() if key not in ("nullable", "discriminator")
    }
    return {"anyOf": [{"type": "null"}, rest]} if schema.get("nullable") is True else rest


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        found: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node
