"""Memberships follow the organisation's sources, exactly and on record."""

from __future__ import annotations

import pytest

from control import people
from control.models import AuditEvent, User
from tests.factories import group, user

pytestmark = pytest.mark.django_db


def names(person: User) -> set[str]:
    return set(person.groups.values_list("name", flat=True))


def test_members_are_made_exactly_what_the_source_says() -> None:
    maya, tomas = user("maya.okafor"), user("tomas.lind", groups=[group("group:default/old")])
    changed = people.sync_groups(
        {"group:default/payments": {"user:default/maya.okafor", "user:default/nobody"}}
    )
    assert names(maya) == {"group:default/payments"}
    assert names(tomas) == set()
    assert changed == 2
    assert AuditEvent.objects.filter(
        action="group.member_left", after__user="user:default/tomas.lind"
    ).exists()


def test_groups_that_do_not_come_from_the_catalogue_are_left_alone() -> None:
    tomas = user("tomas.lind", groups=[group("auditors")])
    people.sync_groups({})
    assert names(tomas) == {"auditors"}


def test_a_repeat_changes_nothing() -> None:
    user("maya.okafor")
    memberships = {"group:default/payments": {"user:default/maya.okafor"}}
    assert people.sync_groups(memberships) == 1
    assert people.sync_groups(memberships) == 0


def test_a_person_is_found_by_the_whole_reference_only() -> None:
    maya = user("maya.okafor")
    assert people.person_of("User:default/Maya.Okafor".lower()) == maya
    assert people.person_of("user:default/maya") is None


def test_an_agent_and_a_second_account_are_the_same_person() -> None:
    maya = user("maya.okafor", email="Maya@example.org")
    assert people.same_person(maya, user("agent", acts_for=maya, email=""))
    assert people.same_person(maya, user("maya.two", email="maya@example.ORG"))
    assert not people.same_person(user("one", email=""), user("two", email=""))
