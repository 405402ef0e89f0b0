"""What is told to authors about the filters that Backstage adds to Nunjucks; `backstage` has the filters themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """`expression` as it stands in a template, and what it gives: text as it is, other values as JSON."""

    words: str
    expression: str
    output: str


@dataclass(frozen=True)
class Extension:
    """`input`, `arguments` and `output` are JSON Schema; an empty output may be anything."""

    description: str
    input: Schema
    examples: tuple[Example, ...]
    arguments: tuple[Schema, ...] = ()
    output: Schema | None = None


def _texts(required: tuple[str, ...], *names: str) -> Schema:
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(required),
    }


_REPO_URL: Schema = {
    "type": "string",
    "description": "repository as the picker makes it: host?owner=…&repo=…",
}
_REF = _texts(("kind", "namespace", "name"), "kind", "namespace", "name")
EXTENSIONS: dict[str, Extension] = {
    "parseRepoUrl": Extension(
        "The parts of a repository's address: host, owner, name and what else the host has.",
        _REPO_URL,
        (
            Example(
                "Of GitHub",
                "${{ 'github.com?owner=acme&repo=pay' | parseRepoUrl }}",
                '{"host": "github.com", "owner": "acme", "repo": "pay"}',
            ),
        ),
        output=_texts(("host", "repo"), "host", "repo", "owner", "organization", "workspace", "project"),
    ),
    "parseEntityRef": Extension(
        "The parts of an entity's reference: kind, namespace and name.",
        {
            "anyOf": [
                {"type": "string", "description": "reference"},
                _texts(("name",), "kind", "namespace", "name"),
            ]
        },
        (
            Example(
                "Whole",
                "${{ 'group:techdocs' | parseEntityRef }}",
                '{"kind": "group", "namespace": "default", "name": "techdocs"}',
            ),
            Example(
                "With what goes without saying",
                "${{ 'techdocs' | parseEntityRef({ defaultKind: 'group', defaultNamespace: 'eu' }) }}",
                '{"kind": "group", "namespace": "eu", "name": "techdocs"}',
            ),
        ),
        (_texts((), "defaultKind", "defaultNamespace"),),
        _REF,
    ),
    "pick": Extension(
        "One property of a value, also of a property within.",
        {},
        (Example("A name", "${{ 'group:techdocs' | parseEntityRef | pick('name') }}", "techdocs"),),
        ({"type": "string", "description": "property, or properties with dots between"},),
    ),
    "projectSlug": Extension(
        "Owner and name of a repository, with a slash between.",
        _REPO_URL,
        (Example("Of GitHub", "${{ 'github.com?owner=acme&repo=pay' | projectSlug }}", "acme/pay"),),
        output={"type": "string"},
    ),
}
