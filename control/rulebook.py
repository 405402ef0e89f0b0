"""The rules in force, as a page shows them: by kind, each with its own text and where it stands."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import yaml

from control import policy
from control.models import User

# in the order in which a reader needs them: what there is, who may ask, who has it anyway, who never
KINDS = (
    ("Role", "Roles", "What a right consists of."),
    ("AccessRule", "Rules for asking", "Who may ask for what, for how long, and who decides."),
    ("RoleBinding", "Standing rights", "What people hold without asking."),
    ("DenyRule", "Denials", "What no other rule can allow."),
    ("VisibilityRule", "Hidden entities", "Whom parts of the catalogue are shown to."),
)
# They would name what they hide.
_FOR_ADMINISTRATORS = frozenset({"VisibilityRule"})


def context(user: User) -> dict[str, Any]:
    """The newest revision and its documents as `user` may read them; empty lists when no rules were ever loaded."""
    revision = policy.in_force()
    documents = policy.parsed(revision).documents if revision else []
    if not user.is_staff:
        documents = [doc for doc in documents if doc.data.get("kind") not in _FOR_ADMINISTRATORS]
    entries: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        data = document.data
        metadata = data.get("metadata", {})
        entries.setdefault(str(data.get("kind")), []).append(
            {
                "name": metadata.get("name", ""),
                "anchor": _anchor(str(data.get("kind")), str(metadata.get("name", ""))),
                "title": metadata.get("title", ""),
                "description": metadata.get("description", ""),
                "place": f"{PurePath(document.path).name}, line {document.line}",
                "text": yaml.safe_dump(data, sort_keys=False, allow_unicode=True),
            }
        )
    groups = [(title, words, entries[kind]) for kind, title, words in KINDS if kind in entries]
    return {"revision": revision, "groups": groups, "total": len(documents)}


def _anchor(kind: str, name: str) -> str:
    """Decisions name rules, bindings and denials; a role of the same name stands apart."""
    return f"role-{name}" if kind == "Role" else name
