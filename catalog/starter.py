"""A first `catalog-info.yaml` for a place that has none: named after it, owned by a team of who asks.

It is offered to be copied or saved, never pushed: the portal's own git credentials may write where the person may not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from catalog.sources import repository_of
from catalog.targets import DEFAULT_FILE
from catalog.validate import LONGEST_NAME
from control.models import User

_KEYS = {"github": "github.com/project-slug", "gitlab": "gitlab.com/project-slug"}
_NO_NAME = "my-component"
TYPE, LIFECYCLE = "other", "unknown"


@dataclass(frozen=True)
class Starter:
    document: dict[str, Any]
    repository: str  # the address of its page or remote
    path: str = DEFAULT_FILE

    @property
    def text(self) -> str:
        return yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True)

    @property
    def name(self) -> str:
        name: str = self.document["metadata"]["name"]
        return name


def starter(target: str, *, by: User) -> Starter:
    """For a repository, the page of one, or a folder."""
    remote, _, path = repository_of(target)
    folder = path.removesuffix(DEFAULT_FILE).strip("/")
    slug = _slug_of(remote)
    metadata: dict[str, Any] = {"name": _name_of(folder or slug or remote)}
    annotations = _annotations(remote, slug)
    if annotations:
        metadata["annotations"] = annotations
    spec = {"type": TYPE, "lifecycle": LIFECYCLE, "owner": owner_for(by)}
    document = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": metadata,
        "spec": spec,
    }
    return Starter(document, remote, f"{folder}/{DEFAULT_FILE}" if folder else DEFAULT_FILE)


def owner_for(user: User) -> str:
    """A team of theirs, else they themselves."""
    team = (
        user.groups.filter(name__startswith="group:").order_by("name").values_list("name", flat=True).first()
    )
    return team or user.entity_ref or "group:default/team-name"


def _slug_of(remote: str) -> str:
    """`acme/payments` of any kind of git address."""
    path = urlsplit(remote).path if "://" in remote else remote.rpartition(":")[2]
    return path.strip("/").removesuffix(".git")


def _name_of(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", text.rstrip("/").rpartition("/")[2].lower()).strip("-")
    return name[:LONGEST_NAME].rstrip("-") or _NO_NAME


def _annotations(remote: str, slug: str) -> dict[str, str]:
    host = (
        (urlsplit(remote).hostname or "") if "://" in remote else remote.partition("@")[2].partition(":")[0]
    )
    return {key: slug for word, key in _KEYS.items() if host == f"{word}.com" and slug.count("/") >= 1}
