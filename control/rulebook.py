"""The rules in force, as a page shows them: by kind, each with its own text and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from control import policy
from control.models import PolicyRevision, User
from control.policy_text import text_of
from control.policy_yaml import Document
from control.rule_changes import place_of

# in the order in which a reader needs them: what there is, who may ask, who has it anyway, who never
KINDS = (
    ("Role", "Roles", "What a right consists of."),
    ("AccessRule", "Rules for asking", "Who may ask for what, for how long, and who decides."),
    ("RoleBinding", "Standing rights", "What people hold without asking."),
    ("DenyRule", "Denials", "What no other rule can allow."),
    ("Bundle", "Bundles", "Roles that are asked for together."),
    ("OnCall", "Rotas", "Who is on call, shift by shift."),
    ("VisibilityRule", "Hidden entities", "Whom parts of the catalogue are shown to."),
)
# They would name what they hide.
_FOR_ADMINISTRATORS = frozenset({"VisibilityRule"})


def context(user: User) -> dict[str, Any]:
    """The newest revision and its documents as `user` may read them; empty lists when no rules were ever loaded."""
    revision = policy.in_force()
    documents = readable(policy.parsed(revision).documents, user) if revision else []
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
                "place": place_of(document),
                "text": text_of(data),
            }
        )
    groups = [(title, words, entries[kind]) for kind, title, words in KINDS if kind in entries]
    return {
        "revision": revision,
        "groups": groups,
        "total": len(documents),
        "broken_glass": revision is not None and revision.origin == PolicyRevision.Origin.BREAK_GLASS,
    }


def readable(documents: Iterable[Document], user: User) -> list[Document]:
    """Those that `user` may read."""
    return [doc for doc in documents if user.is_staff or doc.data.get("kind") not in _FOR_ADMINISTRATORS]


def _anchor(kind: str, name: str) -> str:
    """Decisions name rules, bindings and denials; a role or a rota of the same name stands apart."""
    return f"{kind.lower()}-{name}" if kind in ("Role", "Bundle", "OnCall") else name
