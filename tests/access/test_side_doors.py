"""No side door: grants, decisions, approvals and the record have one writer each, and no generic way in.

Each test is named after a flaw of a system before this one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from access.models import Grant
from control import approvals
from control.errors import AgentsDoNotApprove, NotAnApprover, NotWaiting, OwnRequest, Refused
from control.models import Approval, Intent, State, User
from tests import factories
from tests.access import room

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
    words = ("grant", "decision", "approval", "audit")
    found = {path for path in _paths(get_resolver()) if any(word in path for word in words)}
    assert found == {"access/request/decision/"}


@pytest.mark.django_db
@pytest.mark.usefixtures("service", "rules")
class TestFlawsOfOthers:
    def test_the_requester_cannot_write_the_fields_of_the_approval(
        self, maya: User, tomas: User, client_for: Callable[[User], Client]
    ) -> None:
        """TEAM CVE-2025-1969, Nautobot CVE-2026-83805: state, approver and decision were writable."""
        form = {
            "entity": room.REF,
            "what": "production-logs@production",
            "duration": "4h",
            "reason": "Refunds fail.",
            "state": "approved",
            "decided_at": "2026-01-01",
            "approver": str(maya.pk),
            "user": str(tomas.pk),
            "expires_at": "2099-01-01",
        }
        client_for(maya).post("/access/request/", form)
        intent = Intent.objects.get()
        assert (intent.state, intent.requested_by) == (State.AWAITING_APPROVAL, maya)
        assert not Grant.objects.exists()

    @pytest.mark.parametrize("who", ["requester", "stranger", "agent", "closed", "other_owner"])
    def test_whoever_is_not_asked_cannot_approve(self, who: str, maya: User, tomas: User) -> None:
        """Devolutions CVE-2025-11957, discord/access #455: whoever calls approves, or owners of something else."""
        intent = room.ask(maya)
        person = {
            "requester": lambda: maya,
            "stranger": lambda: factories.user("stranger"),
            "agent": lambda: factories.user("agent", acts_for=tomas, groups=["group:default/payments"]),
            "closed": lambda: factories.user("closed", is_active=False, groups=["group:default/payments"]),
            "other_owner": lambda: factories.user("other", groups=["group:default/storefront"]),
        }[who]()
        with pytest.raises((OwnRequest, NotAnApprover, AgentsDoNotApprove, Refused)):
            approvals.approve(intent.pk, by=person, digest=intent.plan_digest)
        assert not Grant.objects.exists()
        assert not Approval.objects.exists()

    def test_a_second_account_of_the_requester_cannot_approve(self, maya: User, tomas: User) -> None:
        """K8B: self-approval through an alias."""
        alias = factories.user("m.okafor", email=maya.email.upper(), groups=["group:default/payments"])
        intent = room.ask(maya)
        with pytest.raises(OwnRequest):
            approvals.approve(intent.pk, by=alias, digest=intent.plan_digest)

    def test_a_second_approval_makes_no_second_grant(self, maya: User, tomas: User, ines: User) -> None:
        """discord/access #468: double grant, and a stale approval that looked like success."""
        intent = room.ask(maya)
        approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
        with pytest.raises(NotWaiting):
            approvals.approve(intent.pk, by=ines, digest=intent.plan_digest)
        assert Grant.objects.count() == 1

    def test_the_owners_of_an_entity_cannot_give_more_than_the_rules_offer(
        self, tomas: User, ines: User
    ) -> None:
        """Teleport GHSA-76cc-p55w-63g3: an owner handed out any permission, to himself too."""
        intent = room.ask(tomas, role="production-shell")
        assert intent.state == State.DENIED
        with pytest.raises((NotWaiting, NotAnApprover)):
            approvals.approve(intent.pk, by=ines, digest=intent.plan_digest)

    def test_a_deny_rule_made_while_a_request_waits_counts(
        self, maya: User, tomas: User, tmp_path: Path
    ) -> None:
        intent = room.ask(maya)
        room.publish(tmp_path, room.RULES + room.NO_SUPPORT)
        with pytest.raises(Refused, match="Support holds nothing today"):
            approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
