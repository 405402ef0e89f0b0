"""The permission check: live from grants at the database's clock, standing bindings, guardian; all else is no."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from access import grants
from access.backends import TimedObjectPermissionBackend
from catalog.models import Entity
from control.models import User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
READ = "catalog.logs:read"


def test_a_grant_answers_yes_and_its_early_end_no(maya: User, tomas: User, service: Entity) -> None:
    assert not maya.has_perm(READ, service)
    grant = room.granted(maya, by=tomas)
    assert maya.has_perm(READ, service)
    grants.revoke(grant.pk, by=maya)
    assert not maya.has_perm(READ, service)


def test_a_grant_that_ran_out_answers_no_with_nobody_having_cleaned_up(maya: User, service: Entity) -> None:
    now = timezone.now()
    room.grant_between(maya, now - timedelta(hours=1), now - timedelta(microseconds=1))
    assert not maya.has_perm(READ, service)


def test_a_grant_that_has_not_begun_answers_no(maya: User, service: Entity) -> None:
    now = timezone.now()
    room.grant_between(maya, now + timedelta(minutes=1), now + timedelta(hours=1))
    assert not maya.has_perm(READ, service)


@pytest.mark.parametrize(
    "permission", ["catalog.logs:write", "catalog.shell:open", "catalog.logs", "catalog.", ""]
)
def test_a_grant_gives_nothing_but_what_it_names(
    maya: User, tomas: User, service: Entity, permission: str
) -> None:
    room.granted(maya, by=tomas)
    assert not maya.has_perm(permission, service)


def test_a_grant_counts_in_its_environment_alone(maya: User, tomas: User, service: Entity) -> None:
    room.granted(maya, by=tomas)
    assert maya.has_perm(f"{READ}@production", service)
    assert not maya.has_perm(f"{READ}@staging", service)


def test_a_grant_counts_on_its_entity_alone(maya: User, tomas: User, service: Entity) -> None:
    ledger = factories.entity("component:default/ledger", type="service", owner_ref="group:default/payments")
    room.granted(maya, by=tomas)
    assert not maya.has_perm(READ, ledger)


def test_a_grant_counts_for_its_holder_alone(maya: User, tomas: User, service: Entity) -> None:
    room.granted(maya, by=tomas)
    assert not factories.user("chloe.marsh", groups=["group:default/support"]).has_perm(READ, service)


def test_a_closed_account_holds_nothing_though_its_session_still_knows_it_open(
    maya: User, tomas: User, service: Entity
) -> None:
    room.granted(maya, by=tomas)
    User.objects.filter(pk=maya.pk).update(is_active=False)
    assert maya.is_active
    assert not maya.has_perm(READ, service)


def test_an_agent_does_not_hold_what_its_owner_holds(maya: User, tomas: User, service: Entity) -> None:
    room.granted(maya, by=tomas)
    assert not factories.user("helper-agent", acts_for=maya).has_perm(READ, service)


def test_a_standing_binding_answers_in_its_environment(tomas: User, maya: User, service: Entity) -> None:
    assert tomas.has_perm(f"{READ}@staging", service)
    assert not tomas.has_perm(f"{READ}@production", service)
    assert not maya.has_perm(f"{READ}@staging", service)


def test_a_deny_rule_takes_a_live_grant_away_and_gives_it_back(
    maya: User, tomas: User, service: Entity, tmp_path: Path
) -> None:
    room.granted(maya, by=tomas)
    room.publish(tmp_path, room.RULES + room.NO_SUPPORT)
    assert not maya.has_perm(READ, service)
    room.publish(tmp_path)
    assert maya.has_perm(READ, service)


def test_object_permissions_of_guardian_count_for_people_and_groups(
    maya: User, tomas: User, support: Group, service: Entity
) -> None:
    kind = ContentType.objects.get_for_model(Entity)
    Permission.objects.create(codename="dashboards:read", name="Read dashboards", content_type=kind)
    assign_perm("catalog.dashboards:read", support, service)
    assert maya.has_perm("catalog.dashboards:read", service)
    assert not tomas.has_perm("catalog.dashboards:read", service)


@pytest.mark.parametrize("subject", [None, AnonymousUser(), object(), "maya"])
def test_who_is_no_account_holds_nothing(service: Entity, subject: object) -> None:
    assert not TimedObjectPermissionBackend().has_perm(subject, READ, service)


def test_other_apps_and_other_objects_are_not_answered_with_a_grant(
    maya: User, tomas: User, service: Entity
) -> None:
    room.granted(maya, by=tomas)
    backend = TimedObjectPermissionBackend()
    assert not backend.has_perm(maya, "control.logs:read", service)
    assert not backend.has_perm(maya, READ, None)
    assert not backend.has_perm(maya, READ, tomas)


def test_an_error_in_the_check_is_no(
    maya: User, tomas: User, service: Entity, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.granted(maya, by=tomas)
    monkeypatch.setattr("access.holdings.is_denied", lambda *given: 1 / 0)
    assert not maya.has_perm(READ, service)


@pytest.mark.parametrize("count", [1, 300])
def test_the_check_takes_two_queries_however_many_grants_there_are(
    maya: User, service: Entity, count: int
) -> None:
    room.many_grants([maya], count)
    maya.has_perm(READ, service)
    fresh = User.objects.get(pk=maya.pk)
    with CaptureQueriesContext(connection) as queries:
        assert TimedObjectPermissionBackend().has_perm(fresh, READ, service)
        assert not TimedObjectPermissionBackend().has_perm(fresh, "catalog.logs:write", service)
    assert len(queries) <= 4
