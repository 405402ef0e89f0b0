"""Standing rights on production are shown as the debt that they are, to administrators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access import standing_debt
from control.models import PolicyRevision, User
from tests import factories
from tests.access import room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("service")]
BINDING = """
---
apiVersion: portico.dev/v1
kind: RoleBinding
metadata: {name: %s}
subjects: %s
roleRef: {kind: Role, name: production-logs}
spec: {entities: "kind=component"%s}
"""
TEAM = "[{kind: Group, name: payments}, {kind: User, name: tomas.lind}]"
OWNERS = BINDING % ("owners-always", TEAM, ", environments: [production]")
SignedIn = Callable[[User], Client]


def test_it_says_whom_it_reaches_and_on_how_much(tomas: User, ines: User, tmp_path: Path) -> None:
    factories.user("gone", is_active=False, groups=["group:default/payments"])
    factories.entity("component:default/ledger")
    room.publish(tmp_path, room.RULES + OWNERS)
    (row,) = standing_debt.context("")["rows"]
    assert (row.people, row.entities, row.environments) == (2, 2, "production")


def test_bindings_that_stay_below_production_are_no_debt(tmp_path: Path) -> None:
    room.publish(tmp_path, room.RULES)
    assert standing_debt.context("")["rows"] == []


def test_a_binding_without_environments_reaches_production_and_everybody_is_counted(
    maya: User, tomas: User, tmp_path: Path
) -> None:
    room.publish(tmp_path, room.RULES + BINDING % ("all", "[{kind: Everyone}]", ""))
    (row,) = standing_debt.context("")["rows"]
    assert (row.people, row.environments) == (2, "everywhere")


def test_it_is_as_old_as_the_first_of_the_revisions_that_have_it_without_a_gap(tmp_path: Path) -> None:
    texts = [OWNERS, "", OWNERS, OWNERS + room.NO_SUPPORT]
    revisions = [room.publish(tmp_path, room.RULES + text) for text in texts]
    (row,) = standing_debt.context("")["rows"]
    assert row.since == PolicyRevision.objects.get(pk=revisions[2].pk).published_at


def test_the_page_is_for_administrators_and_owners(
    maya: User, tomas: User, root_admin: User, client_for: SignedIn, tmp_path: Path
) -> None:
    room.publish(tmp_path, room.RULES + OWNERS)
    page = client_for(root_admin).get("/access/standing/").content.decode()
    assert "Standing rights on production" in page
    assert "group:default/payments" in page
    assert client_for(maya).get("/access/standing/").status_code == 404
    assert "/access/standing/" in client_for(root_admin).get("/access/").content.decode()
    assert "/access/standing/" not in client_for(maya).get("/access/").content.decode()


SUPPORT = BINDING % ("support-always", "[{kind: Group, name: support}]", ", environments: [production]")
ELSEWHERE = SUPPORT.replace("support-always", "elsewhere").replace(
    '"kind=component"', '"metadata.name=ledger"'
)
STAGING = SUPPORT.replace("support-always", "in-staging").replace("[production]", "[staging]")


def test_owners_see_what_reaches_theirs_and_nothing_else(
    maya: User, tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    factories.entity("component:default/ledger", owner_ref="group:default/finance")
    room.publish(tmp_path, room.RULES + SUPPORT + ELSEWHERE + STAGING)
    (row,) = standing_debt.owner_context(tomas, "")["rows"]
    assert (row.binding.name, row.people, row.entities) == ("support-always", 1, 1)
    for url in ("/access/standing/", "/access/"):
        page = client_for(tomas).get(url).content.decode()
        assert "Standing rights on what you own" in page
        assert "#support-always" in page
        assert "#elsewhere" not in page
    assert standing_debt.owner_context(maya, "")["rows"] == []


def test_an_agent_owns_nothing(tomas: User, tmp_path: Path) -> None:
    room.publish(tmp_path, room.RULES + SUPPORT)
    bot = factories.user("bot", acts_for=tomas, groups=["group:default/payments"])
    assert not standing_debt.owned_by(bot).exists()


def test_owners_and_administrators_find_them_on_the_access_tab(
    maya: User, tomas: User, root_admin: User, client_for: SignedIn, tmp_path: Path
) -> None:
    room.publish(tmp_path, room.RULES + SUPPORT + ELSEWHERE + STAGING)
    url = "/catalog/component/default/payments/access/"
    for user in (tomas, root_admin):
        page = client_for(user).get(url).content.decode()
        shown = page[page.index("Standing rights here") :]
        assert "#support-always" in shown
        assert "#in-staging" in shown
        assert "#elsewhere" not in page
    assert "Standing rights here" not in client_for(maya).get(url).content.decode()


def test_an_owner_of_nothing_that_is_reached_reads_that_it_is_so(
    tomas: User, client_for: SignedIn, tmp_path: Path
) -> None:
    room.publish(tmp_path, room.RULES)
    page = client_for(tomas).get("/access/standing/").content.decode()
    assert "Nobody holds what you own for good" in page
    assert "Standing rights on what you own" not in client_for(tomas).get("/access/").content.decode()


@pytest.mark.parametrize("who", ["root.admin", "tomas.lind"])
@pytest.mark.parametrize(
    "url", ["/access/standing/", "/access/", "/catalog/component/default/payments/access/"]
)
@pytest.mark.slow
def test_more_bindings_take_no_more_queries(
    root_admin: User, tomas: User, client_for: SignedIn, tmp_path: Path, who: str, url: str
) -> None:
    def cost(number: int) -> int:
        every = "".join(BINDING % (f"b{one}", "[{kind: Everyone}]", "") for one in range(number))
        room.publish(tmp_path, room.RULES + every)
        client = client_for(User.objects.get(username=who))
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    assert cost(1) == cost(15)
