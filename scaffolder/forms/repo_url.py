"""Repository addresses as Backstage's picker writes them: `host?owner=o&repo=r`, named as each kind of host does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode


@dataclass(frozen=True)
class Part:
    name: str
    label: str


_OWNER = (Part("owner", "Owner"),)
_AZURE = (Part("organization", "Organisation"), Part("project", "Project"))
_BITBUCKET_CLOUD = (Part("workspace", "Workspace"), Part("project", "Project"))
_REPOSITORY = Part("repo", "Name of the repository")


def parts_for(host: str) -> tuple[Part, ...]:
    """What is asked for a host besides itself."""
    if host == "dev.azure.com" or host.endswith(".visualstudio.com"):
        return (*_AZURE, _REPOSITORY)
    if host == "bitbucket.org":
        return (*_BITBUCKET_CLOUD, _REPOSITORY)
    return (*_OWNER, _REPOSITORY)


def compose(host: str, parts: Mapping[str, str]) -> str:
    asked = [part.name for part in parts_for(host)]
    return f"{host}?{urlencode({name: parts.get(name, '') for name in asked})}"


def split(text: str) -> tuple[str, dict[str, str]]:
    """Host and parts of an address; a text that is none gives what can be found in it."""
    host, _, query = text.removeprefix("https://").partition("?")
    return host.strip("/"), dict(parse_qsl(query, keep_blank_values=True))
