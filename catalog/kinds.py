"""What each well-known kind must and may say below `spec`, as in Backstage's published schemas (catalog-model 1.10).

Fields that no schema names are kept and never looked at. AI resources and MCP server APIs are newer than that release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CORE = frozenset({"backstage.io/v1alpha1", "backstage.io/v1beta1"})


@dataclass(frozen=True)
class Shape:
    """`required` are texts; `texts`, `lists` (of texts), `mappings` and `choices` may be left out."""

    required: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    required_lists: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    mappings: Mapping[str, Shape] = field(default_factory=dict)
    required_objects: tuple[str, ...] = ()  # lists of mappings
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    name: str
    api_versions: frozenset[str]
    spec: Shape
    hints: Mapping[str, str] = field(default_factory=dict)  # field → what to type


_PROFILE = Shape(texts=("displayName", "email", "picture"))
_OWNER = {"owner": "group:team-name"}
_SERVICE = {**_OWNER, "type": "service", "lifecycle": "production", "system": "system-name"}
_API = Shape(required=("type", "lifecycle", "owner", "definition"), texts=("system",))
_MCP_SERVER = Shape(required=("type", "lifecycle", "owner"), texts=("system",), required_objects=("remotes",))

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "Component",
            _CORE,
            Shape(
                required=("type", "lifecycle", "owner"),
                texts=("system", "subcomponentOf"),
                lists=("providesApis", "consumesApis", "dependsOn"),
            ),
            _SERVICE,
        ),
        Kind("API", _CORE, _API, {**_SERVICE, "type": "openapi", "definition": "{$text: ./openapi.yaml}"}),
        Kind(
            "Resource",
            _CORE,
            Shape(required=("type", "owner"), texts=("system",), lists=("dependsOn",)),
            {**_SERVICE, "type": "database"},
        ),
        Kind(
            "System",
            _CORE,
            Shape(required=("owner",), texts=("domain", "type")),
            {**_OWNER, "domain": "domain-name"},
        ),
        Kind("Domain", _CORE, Shape(required=("owner",), texts=("subdomainOf", "type")), _OWNER),
        Kind(
            "Group",
            _CORE,
            Shape(
                required=("type",),
                texts=("parent",),
                required_lists=("children",),
                lists=("members",),
                mappings={"profile": _PROFILE},
            ),
            {"type": "team", "children": "[]"},
        ),
        Kind(
            "User",
            _CORE,
            Shape(required_lists=("memberOf",), mappings={"profile": _PROFILE}),
            {"memberOf": "[team-name]"},
        ),
        Kind(
            "Location",
            _CORE,
            Shape(
                texts=("type", "target"), lists=("targets",), choices={"presence": ("required", "optional")}
            ),
            {"targets": "[./other.yaml]"},
        ),
        Kind(
            "Template",
            frozenset({"scaffolder.backstage.io/v1beta3"}),
            Shape(required=("type",), texts=("owner", "lifecycle"), required_objects=("steps",)),
            {"type": "service", "steps": "[{action: 'fetch:template'}]"},
        ),
    )
}


def shape_of(kind: Kind, spec: Mapping[str, Any]) -> Shape:
    """An MCP server is an API that names where it runs instead of a definition."""
    if kind.name == "API" and spec.get("type") == "mcp-server" and "remotes" in spec:
        return _MCP_SERVER
    return kind.spec
