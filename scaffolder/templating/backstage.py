"""What Backstage adds to Nunjucks: filters for repository addresses and entity references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from catalog.refs import DEFAULT_NAMESPACE, RefInvalid, parse
from scaffolder.templating.errors import ScriptError
from scaffolder.templating.limits import Budget
from scaffolder.templating.methods import member
from scaffolder.templating.values import UNDEFINED, Undefined, Value, to_text

_PARTS = ("owner", "repo", "organization", "workspace", "project")
_ADDRESS = re.compile(r"https?://(?P<host>[^/?#]+)/(?P<owner>[^?#]+)/(?P<repo>[^/?#]+?)(?:\.git)?/?")
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
        found = RepoUrl.parse(value)
    except ValueError as problem:
        raise ScriptError(str(problem)) from None
    if not found.repo or len(found.parts) == 1:
        raise ScriptError(f"{value!r} names no repository or no owner. Write host?owner=OWNER&repo=NAME.")
    return found


def parse_repo_url(value: Value, budget: Budget) -> Value:
    url = _parsed(value)
    return {"host": url.host, **url.parts}


def project_slug(value: Value, budget: Budget) -> Value:
    url = _parsed(value)
    return f"{url.owner}/{url.repo}"


def parse_entity_ref(value: Value, budget: Budget, context: Value) -> Value:
    defaults = context if isinstance(context, dict) else {}
    kind = to_text(defaults.get("defaultKind") or "", budget)
    namespace = to_text(defaults.get("defaultNamespace") or "", budget) or DEFAULT_NAMESPACE
    if isinstance(value, dict):
        parts = [value.get("kind") or kind, value.get("namespace") or namespace, value.get("name") or ""]
        value = "{}:{}/{}".format(*(to_text(part, budget) for part in parts))
    try:
        if not isinstance(value, str):
            raise RefInvalid(f"“{to_text(value, budget)}” is not a reference. Write [kind:][namespace/]name.")
        found = parse(value, kind=kind, namespace=namespace)
    except RefInvalid as problem:
        raise ScriptError(f"parseEntityRef: {problem}") from None
    return {"kind": found.kind, "namespace": found.namespace, "name": found.name}


def pick(value: Value, budget: Budget, path: Value) -> Value:
    """lodash's `get`: a key of that very name, else a path with dots and brackets, or a list of keys."""
    if isinstance(path, Undefined):
        return UNDEFINED
    if isinstance(value, dict) and isinstance(path, str) and path in value:
        return value[path]
    steps = (
        [to_text(step, budget) for step in path]
        if isinstance(path, list)
        else _steps_of(to_text(path, budget))
    )
    for step in steps:
        value = member(value, step, budget)
    return value


def _steps_of(path: str) -> list[str]:
    return [step.strip("\"'") for step in _STEP_OF_PATH.findall(path)]


FILTERS: dict[str, Any] = {
    "parseEntityRef": parse_entity_ref,
    "parseRepoUrl": parse_repo_url,
    "pick": pick,
    "projectSlug": project_slug,
}
