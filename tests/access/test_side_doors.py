"""No side door: grants, decisions, approvals and the record have one writer each, and no generic way in.

What went wrong in other systems is tried, flaw by flaw, in `test_flaws_of_others.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

SOURCES = [
    path
    for app in ("control", "catalog", "access", "scaffolder", "portal")
    for path in (settings.BASE_DIR / app).rglob("*.py")
]
WRITERS = {
    "Grant": {"access/grants.py"},
    "Batch": {"access/together.py"},
    "BatchLine": {"access/together.py"},
    "OwedReview": {"access/break_glass.py"},
    "Review": {"access/reviews.py"},
    "Decision": {"control/intents.py"},
    "Approval": {"control/approvals.py"},
    "Approver": {"control/stages.py"},
    "Delegation": {"control/deputies.py"},
    "Remark": {"control/remarks.py"},
    "AuditEvent": {"control/audit.py"},
    "AuditSeal": {"control/audit.py"},
    "PolicyRevision": {"control/policy.py"},
    "PolicyProposal": {"control/policy_change.py"},
}
MAKING = {"create", "bulk_create", "get_or_create", "update_or_create"}


@cache
def _makers(path: Path) -> frozenset[str]:
    """Models that the file makes rows of: `Model.objects.create(…)` and `Model(…)`."""
    tree = ast.parse(path.read_text())
    models = {
        name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in _models_of(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        function = node.func if isinstance(node, ast.Call) else None
        if isinstance(function, ast.Name) and function.id in models:
            found.add(function.id)
        if isinstance(function, ast.Attribute) and function.attr in MAKING:
            found.add(ast.unparse(function.value).split(".")[0])
    return frozenset(found)


def _models_of(node: ast.ImportFrom) -> set[str]:
    """Rules have an Approval and pages a Decision of their own; only the tables count."""
    return {name.name for name in node.names} if (node.module or "").endswith(".models") else set()


@pytest.mark.parametrize("model", WRITERS)
def test_each_record_has_one_writer(model: str) -> None:
    found = {str(path.relative_to(settings.BASE_DIR)) for path in SOURCES if model in _makers(path)}
    assert found == WRITERS[model]


def test_no_generic_admin_can_write_them() -> None:
    assert "django.contrib.admin" not in settings.INSTALLED_APPS


def _paths(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _paths(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path


def test_no_route_is_named_after_the_tables() -> None:
    words = ("grant", "decision", "approval", "audit", "delegation")
    found = {path for path in _paths(get_resolver()) if any(word in path for word in words)}
    assert found == {"access/request/decision/"}
