"""Who may change an entity, asked live; an orphan leaves the catalogue by its owners or administrators alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from guardian.shortcuts import assign_perm

from catalog import removal
from catalog.models import Entity, Location
from catalog.ownership import CHANGE, may_change
from control.errors import Refused, TooLate
from control.models import AuditEvent, User
from tests import factories
from tests.catalog.pages import links
from tests.catalog.places import Place, component, entity, relations

pytestmark = pytest.mark.django_db


@pytest.fixture
def orphan(place: Place) -> Entity:
    """Owned by payments; its file broke after it was read."""
    place.write("a.yaml", component("ledger") + "---\n" + component("shop", dependsOn="[component:ledger]"))
    place.read()
    place.write(
        "a.yaml", component("ledger").replace("owner: payments", "owner: [") + "---\n" + component("shop")
    )
    place.read()
    found = entity("component:default/ledger")
    assert found.orphaned_at is not None
    return found


def test_owners_and_administrators_may_change_it_and_nobody_else(
    orphan: Entity, maya: User, tomas: User, root_admin: User
) -> None:
    assert tomas.has_perm(CHANGE, orphan)
    assert root_admin.has_perm(CHANGE, orphan)
    assert not maya.has_perm(CHANGE, orphan)
    assert not tomas.has_perm("catalog.delete_entity", orphan)


def test_the_right_follows_the_catalogue_at_once(
    orphan: Entity, maya: User, tomas: User, payments: Group
) -> None:
    Entity.objects.filter(pk=orphan.pk).update(owner_ref="user:default/maya.okafor")
    orphan.refresh_from_db()
    assert may_change(maya, orphan)
    assert not may_change(tomas, orphan)
    Entity.objects.filter(pk=orphan.pk).update(owner_ref="group:default/payments")
    orphan.refresh_from_db()
    tomas.groups.remove(payments)
    assert not may_change(User.objects.get(pk=tomas.pk), orphan)


def test_a_group_and_a_person_own_themselves(tomas: User, maya: User) -> None:
    team = factories.entity("group:default/payments")
    herself = factories.entity("user:default/maya.okafor")
    assert may_change(tomas, team)
    assert may_change(maya, herself)
    assert not may_change(maya, team)


def test_nobody_owns_what_has_no_owner(tomas: User) -> None:
    assert not may_change(tomas, factories.entity("component:default/stray"))
    assert not may_change(
        User.objects.create_user("bare", entity_ref=None), factories.entity("api:default/stray")
    )


def test_what_guardian_gives_counts_and_an_agent_may_no_more_than_its_person(
    orphan: Entity, maya: User, tomas: User
) -> None:
    agent = factories.user("bot", acts_for=maya, groups=["group:default/payments"])
    assert not may_change(agent, orphan)
    assign_perm(CHANGE, agent, orphan)
    assert not may_change(User.objects.get(pk=agent.pk), orphan)
    assign_perm(CHANGE, maya, orphan)
    assert may_change(User.objects.get(pk=maya.pk), orphan)
    assert may_change(User.objects.get(pk=agent.pk), orphan)


def test_a_closed_account_may_nothing(orphan: Entity, tomas: User) -> None:
    User.objects.filter(pk=tomas.pk).update(is_active=False)
    assert not may_change(tomas, orphan)


def test_removing_takes_it_out_with_its_relations_and_records_it(orphan: Entity, tomas: User) -> None:
    location = orphan.location
    removal.remove_orphan(orphan.pk, by=tomas)
    assert not Entity.objects.filter(ref=orphan.ref).exists()
    location.refresh_from_db()
    assert location.entity_count == 1
    event = AuditEvent.objects.get(action="entity.orphan_removed")
    assert (event.actor, event.subject_ref) == (tomas, orphan.ref)
    assert event.before["path"] == "a.yaml"


def test_it_stays_away_while_broken_and_comes_back_when_its_file_is_mended(
    orphan: Entity, place: Place, tomas: User
) -> None:
    removal.remove_orphan(orphan.pk, by=tomas)
    place.read()
    assert place.refs == {"component:default/shop"}
    place.write("a.yaml", component("ledger") + "---\n" + component("shop", dependsOn="[component:ledger]"))
    place.read()
    assert ("dependencyOf", "component:default/shop") in relations("component:default/ledger")


def test_others_are_refused_in_words_and_nothing_changes(orphan: Entity, maya: User) -> None:
    with pytest.raises(Refused, match="Only its owners and administrators"):
        removal.remove_orphan(orphan.pk, by=maya)
    assert Entity.objects.filter(pk=orphan.pk).exists()
    assert not AuditEvent.objects.filter(action="entity.orphan_removed").exists()


def test_what_is_described_cannot_be_removed(orphan: Entity, tomas: User) -> None:
    with pytest.raises(TooLate, match=r"is described in a\.yaml"):
        removal.remove_orphan(entity("component:default/shop").pk, by=tomas)


def test_the_second_removal_says_that_it_is_gone(orphan: Entity, tomas: User) -> None:
    removal.remove_orphan(orphan.pk, by=tomas)
    with pytest.raises(TooLate, match="not in the catalogue any more"):
        removal.remove_orphan(orphan.pk, by=tomas)


def test_the_second_claimant_gets_it(orphan: Entity, tomas: User, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    other.write("a.yaml", component("ledger"))
    other.read()
    Location.objects.update(next_read_at=None)
    removal.remove_orphan(orphan.pk, by=tomas)
    other.location.refresh_from_db()
    assert other.location.next_read_at is not None
    other.read()
    assert other.refs == {"component:default/ledger"}


def test_pages_offer_it_to_those_who_may(
    orphan: Entity, maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    url, remove = orphan.get_absolute_url(), f"{orphan.get_absolute_url()}remove/"
    assert remove in links(client_for(tomas).get(url).content.decode())
    assert remove not in links(client_for(maya).get(url).content.decode())
    assert client_for(maya).get(remove).status_code == 403
    assert client_for(maya).post(remove).status_code == 403
    assert Entity.objects.filter(pk=orphan.pk).exists()
    assert client_for(tomas).get(remove).status_code == 200
    assert client_for(tomas).delete(remove).status_code == 405
    assert client_for(tomas).post(remove).status_code == 302
    assert not Entity.objects.filter(pk=orphan.pk).exists()
    assert client_for(tomas).post(remove).status_code == 404


def test_the_descriptor_is_edited_by_those_who_may_change_it(
    maya: User, tomas: User, client_for: Callable[[User], Client]
) -> None:
    edit = "https://git.example.org/acme/edit/catalog-info.yaml"
    made = factories.entity(
        "component:default/shop",
        owner_ref="group:default/payments",
        metadata={"annotations": {"backstage.io/edit-url": edit}},
    )
    assert edit in links(client_for(tomas).get(made.get_absolute_url()).content.decode())
    assert edit not in links(client_for(maya).get(made.get_absolute_url()).content.decode())


def test_everybody_may_have_it_read_again(
    orphan: Entity, maya: User, client_for: Callable[[User], Client]
) -> None:
    assert client_for(maya).post(f"{orphan.get_absolute_url()}refresh/").status_code == 302
