"""A leaver: what they hold stops at once, what they wait for is taken back, and nothing comes back with the account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from access.models import Grant
from access.reconcile import reconcile
from access.sweep import end_of_leavers, sweep
from catalog.models import Entity
from control import approvals, clock, deputies, intents, tasks, tokens
from control.deputies import Wish
from control.errors import NotAnApprover, NotSignedIn, Refused
from control.models import AuditEvent, Intent, State, User
from tests import factories
from tests.access import room
from tests.access.test_reconcile import Remembering, outside  # noqa: F401  a connector that remembers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service", "rules")]
READ = "catalog.logs:read"


def leave(user: User) -> None:
    """As a script would: past every function of ours."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE control_user SET is_active = false WHERE id = %s", [user.pk])


def come_back(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=True)


def agent_of(owner: User) -> User:
    return factories.user("release-agent", acts_for=owner, groups=["group:default/support"])


def test_what_a_leaver_holds_stops_at_once_with_no_worker(maya: User, tomas: User, service: Entity) -> None:
    room.granted(maya, by=tomas)
    assert maya.has_perm(READ, service)
    leave(maya)
    assert not maya.has_perm(READ, service)
    assert not User.objects.get(pk=maya.pk).has_perm(READ, service)


def test_what_an_agent_holds_stops_with_its_owner(maya: User, tomas: User, service: Entity) -> None:
    agent = agent_of(maya)
    room.granted(agent, by=tomas)
    assert User.objects.get(pk=agent.pk).has_perm(READ, service)
    leave(maya)
    assert not User.objects.get(pk=agent.pk).has_perm(READ, service)


def test_the_sweep_ends_it_for_good_and_takes_the_outside_right_away(
    maya: User,
    tomas: User,
    service: Entity,
    outside: Remembering,  # noqa: F811
) -> None:
    grant = room.granted(maya, by=tomas)
    sweep()
    assert outside.members
    leave(maya)
    sweep()
    assert outside.members == set()
    grant.refresh_from_db()
    assert (grant.ended_by, grant.revoke_reason) == ("Portico", "The account is closed.")
    come_back(maya)
    assert not User.objects.get(pk=maya.pk).has_perm(READ, service)
    assert AuditEvent.objects.filter(intent=grant.intent, summary="Ended early by Portico").count() == 1


def test_between_leaving_and_the_sweep_no_worker_brings_anything_about(
    maya: User,
    tomas: User,
    outside: Remembering,  # noqa: F811
) -> None:
    agent = agent_of(maya)
    grants = [room.granted(maya, by=tomas), room.granted(agent, by=tomas)]
    leave(maya)
    for grant in grants:
        for right in grant.outside_rights.all():
            reconcile(right.pk)
    assert outside.members == set()


def test_the_sweep_ends_nothing_of_those_who_stay(maya: User, tomas: User) -> None:
    chloe = factories.user("chloe.marsh", groups=["group:default/support"])
    stays, goes = room.granted(maya, by=tomas), room.granted(chloe, by=tomas)
    leave(chloe)
    assert end_of_leavers() == 1
    assert list(Grant.objects.open()) == [stays]
    assert end_of_leavers() == 0
    goes.refresh_from_db()
    assert goes.revoked_by is None


def test_requests_that_wait_are_taken_back_and_nobody_can_approve_them_before(
    maya: User, tomas: User, root_admin: User
) -> None:
    mine, its = room.ask(maya), room.ask(agent_of(maya))
    colleague = room.ask(factories.user("chloe.marsh", groups=["group:default/support"]))
    leave(maya)
    for intent in (mine, its):
        with pytest.raises(Refused, match="account is closed"):
            approvals.approve(intent.pk, by=tomas, digest=intent.plan_digest)
    assert intents.withdraw_of_leavers() == 2
    states = dict(Intent.objects.values_list("pk", "state"))
    assert (states[mine.pk], states[its.pk]) == (State.WITHDRAWN, State.WITHDRAWN)
    assert states[colleague.pk] == State.AWAITING_APPROVAL
    assert AuditEvent.objects.filter(intent=mine, summary="Withdrawn: the account is closed").exists()
    assert not Intent.objects.waiting_for(tomas).exclude(pk=colleague.pk).exists()


def test_a_leaver_and_their_agent_ask_for_nothing(maya: User, tomas: User) -> None:
    agent = agent_of(maya)
    leave(maya)
    for actor in (maya, agent, User.objects.get(pk=agent.pk)):
        with pytest.raises(Refused, match="account is closed"):
            room.ask(actor)
    assert not Intent.objects.exists()


def test_tokens_of_a_leaver_and_of_their_agent_stop(maya: User) -> None:
    agent = agent_of(maya)
    secrets = [tokens.issue(owner=who, by=who, name="report")[1] for who in (maya, agent)]
    assert [tokens.authenticate(secret).pk for secret in secrets] == [maya.pk, agent.pk]
    leave(maya)
    for secret in secrets:
        with pytest.raises(NotSignedIn, match="closed"):
            tokens.authenticate(secret)


def test_the_browser_of_a_leaver_is_signed_out(maya: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(maya)
    assert client.get("/access/").status_code == 200
    leave(maya)
    assert client.get("/access/")["Location"].startswith("/signin/")


def test_what_a_leaver_approved_for_others_stays(maya: User, tomas: User, service: Entity) -> None:
    room.granted(maya, by=tomas)
    leave(tomas)
    sweep()
    assert maya.has_perm(READ, service)


def test_the_page_says_why_it_ended(maya: User, tomas: User, client_for: Callable[[User], Client]) -> None:
    grant = room.granted(maya, by=tomas)
    leave(maya)
    end_of_leavers()
    page = client_for(tomas).get(f"/access/requests/{grant.intent_id}/").content.decode()
    assert "Early, by Portico at" in page
    assert "The account is closed." in page


@pytest.mark.parametrize("leaver", ["absent", "deputy"])
def test_whom_a_leaver_named_or_stands_in_for_ends_at_once_and_stays_ended(
    maya: User, tomas: User, leaver: str
) -> None:
    dee = factories.user("dee.kim")
    delegation = deputies.name(Wish(dee, clock.now() + timedelta(days=1), "Holiday"), by=tomas)
    intent = room.ask(maya)
    gone = {"absent": tomas, "deputy": dee}[leaver]
    leave(gone)
    assert not Intent.objects.waiting_for(User.objects.get(pk=dee.pk)).exists()
    with pytest.raises((NotAnApprover, Refused)):
        approvals.approve(intent.pk, by=dee, digest=intent.plan_digest)
    tasks.sweep()
    come_back(gone)
    delegation.refresh_from_db()
    assert delegation.ended_at is not None
    assert AuditEvent.objects.get(action="deputy.ended").actor_name == "Portico"
    with pytest.raises(NotAnApprover):
        approvals.approve(intent.pk, by=dee, digest=intent.plan_digest)
