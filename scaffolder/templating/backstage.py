"""What Backstage adds to Nunjucks: filters for repository addresses and entity references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import Budget
from scaffolder.templating.methods import member
from scaffolder.templating.values import UNDEFINED, Undefined, Value, to_text

_PARTS = ("owner", "repo", "organization", "workspace", "project")
_ADDRESS = re.compile(r"https?://(?P<host>[^/?#]+)/(?P<owner>[^?#]+)/(?P<repo>[^/?#]+?)(?:\.git)?/?")
_REF = re.compile(r"(?:([^:/]+):)?(?:([^:/]+)/)?([^:/]+)")
_STEP_OF_PATH = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True)
class RepoUrl:
    """`host?owner=…&repo=…`, what the repository picker makes; templates in use also write the plain address."""

    host: str
    parts: dict[str, str]

    @property
    def owner(self) -> str:
        return self.parts.get("owner", "")

    @property
    def repo(self) -> str:
        return self.parts.get("repo", "")

    @classmethod
    def parse(cls, text: str) -> RepoUrl:
        """Raises `ValueError` in words."""
        if found := _ADDRESS.fullmatch(text):
            host = found["host"].rpartition("@")[2].lower()
            return cls(host, {"owner": found["owner"], "repo": found["repo"]})
        try:
            split = urlsplit(f"https://{text}")
            host = split.netloc.rpartition("@")[2].lower()
        except ValueError:
            host = ""
        if not host:
            raise ValueError(f"{text!r} is not a repository. Write it as host?owner=OWNER&repo=NAME.")
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        return cls(host, {name: query[name] for name in _PARTS if name in query})


def _parsed(value: Value) -> RepoUrl:
    if not isinstance(value, str):
        raise ScriptError("parseRepoUrl takes a text such as host?owner=OWNER&repo=NAME.")
    try:
        return RepoUrl.parse(value)
    except ValueError as problem:
        raise ScriptError(str(problem)) from None


def parse_repo_url(value: Value, budget: Budget) -> Value:
    url = _parsed(value)
    return {"host": url.host, **url.parts}


def project_slug(value: Value, budget: Budget) -> Value:
    url = _parsed(value)
    return f"{url.owner}/{url.repo}"


def parse_entity_ref(value: Value, budget: Budget, context: Value) -> Value:
    if isinstance(value, dict):
        parts = [value.get(name) for name in ("kind", "namespace", "name")]
        value = "{}:{}/{}".format(parts[0] or "", parts[1] or "default", parts[2] or "")
    match = _REF.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ScriptError(
            f"{to_text(value, budget)!r} is not an entity reference. Write kind:namespace/name."
        )
    defaults = context if isinstance(context, dict) else {}
    kind = match[1] or defaults.get("defaultKind")
    if not kind:
        raise ScriptError(f"The entity reference {value!r} has no kind. Write kind:namespace/name.")
    return {
        "kind": kind,
        "namespace": match[2] or defaults.get("defaultNamespace") or "default",
        "name": match[3],
    }


def pick(value: Value, budget: Budget, path: Value) -> Value:
    if isinstance(path, Undefined):
        return UNDEFINED
    for step in _STEP_OF_PATH.findall(to_text(path, budget)):
        value = member(value, step, budget)
    return value


FILTERS: dict[str, Any] = {
    "parseEntityRef": parse_entity_ref,
    "parseRepoUrl": parse_repo_url,
    "pick": pick,
    "projectSlug": project_slug,
}
