"""The page of an entity: its head, its tabs, what surrounds it, and what hostile files cannot do to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import Entity, Problem
from control import audit
from control.models import AuditEvent, User
from tests import factories
from tests.catalog.pages import HOSTILE, HTMX, links, many, queries, relate

pytestmark = pytest.mark.django_db
TABS = ("", "dependencies/", "api/", "docs/", "source/", "activity/")


@pytest.fixture
def reader(maya: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(maya)


@pytest.fixture
def payments_service() -> Entity:
    team = factories.entity("group:default/payments", type="team", title="Payments")
    for name in ("tomas", "ines"):
        relate(factories.entity(f"user:default/{name}"), "memberOf", team)
    service = factories.entity(
        "component:default/payments",
        type="service",
        lifecycle="production",
        description="Authorises, captures and refunds",
        owner_ref=team.ref,
        system_ref="system:default/money",
        source_text="kind: Component\nmetadata:\n  name: payments\n",
        source_path="catalog-info.yaml",
        source_line=12,
        metadata={
            "links": [
                {"url": "https://grafana.example.org/d/1", "title": "Dashboard", "icon": "dashboard"},
                {"url": "javascript:alert(1)", "title": "Runbook"},
            ],
            "annotations": {
                "github.com/project-slug": "acme/payments",
                "example.org/x": "javascript:alert(2)",
            },
        },
    )
    relate(service, "ownedBy", team)
    return service


def page(client: Client, entity: Entity, tab: str = "", query: str = "", status: int = 200) -> str:
    response = client.get(f"{entity.get_absolute_url()}{tab}{query}")
    assert response.status_code == status
    return str(response.content.decode())


def test_the_head_says_whose_it_is_what_it_is_and_where_from(
    reader: Client, payments_service: Entity
) -> None:
    html = page(reader, payments_service)
    assert "component:default/payments" in html
    assert "Authorises, captures and refunds" in html
    assert "2\u00a0people" in html
    assert "production" in html
    assert "srv/acme" in html or "git/acme" in html
    assert "/catalog/group/default/payments/" in links(html)


def test_a_system_that_nobody_declares_is_named_as_unknown(reader: Client, payments_service: Entity) -> None:
    html = page(reader, payments_service)
    assert "not in the catalogue" in html
    assert "/catalog/system/default/money/" not in links(html)


def test_an_entity_that_should_have_an_owner_and_has_none_says_so(reader: Client) -> None:
    assert "No owner" in page(reader, factories.entity())


def test_links_and_known_annotations_are_links_and_scripts_are_not(
    reader: Client, payments_service: Entity
) -> None:
    for tab in ("", "source/"):
        assert not [url for url in links(page(reader, payments_service, tab)) if "javascript" in url.lower()]
    found = links(page(reader, payments_service))
    assert "https://grafana.example.org/d/1" in found
    assert "https://github.com/acme/payments" in found


@pytest.mark.parametrize("tab", TABS)
def test_hostile_text_stays_text_on_every_tab(reader: Client, tab: str) -> None:
    entity = factories.entity(
        "api:default/evil",
        title=HOSTILE,
        description=HOSTILE,
        type="openapi",
        owner_ref=f"group:default/{HOSTILE}".lower(),
        source_text=f"name: {HOSTILE}",
        metadata={
            "links": [{"url": "https://ok.example", "title": HOSTILE}],
            "annotations": {HOSTILE: HOSTILE, "backstage.io/techdocs-ref": HOSTILE},
            "labels": {HOSTILE: HOSTILE},
        },
        spec={
            "definition": f"openapi: 3.0.0\ninfo: {{title: \"{HOSTILE}\"}}\npaths:\n  '{HOSTILE}':\n    get: {{}}"
        },
    )
    relate(entity, "dependsOn", f"component:default/{HOSTILE}".lower())
    Problem.objects.create(
        location=entity.location, entity=entity, code="invalid", message=HOSTILE, path=HOSTILE
    )
    audit.record("entity.looked_at", actor=None, summary=HOSTILE, subject_ref=entity.ref)
    html = page(reader, entity, tab)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_neighbours_are_drawn_and_listed(reader: Client, payments_service: Entity) -> None:
    api = factories.entity("api:default/payments-api", type="openapi")
    relate(payments_service, "providesApi", api)
    relate(factories.entity("component:default/shop-web", type="website"), "consumesApi", api)
    relate(payments_service, "dependsOn", factories.entity("resource:default/payments-db", type="database"))
    relate(payments_service, "dependsOn", "resource:default/forgotten")
    html = page(reader, payments_service)
    assert "Used by 1" in html
    assert "Depends on 2" in html
    assert "calls payments-api" in html
    assert html.count("/catalog/component/default/shop-web/") >= 2
    assert "/catalog/resource/default/forgotten/" not in links(html)
    assert "graph-node is-unknown" in html


def test_more_relations_than_fit_lead_to_the_list_of_all(reader: Client, payments_service: Entity) -> None:
    for entity in many(30):
        relate(entity, "dependsOn", payments_service)
    html = page(reader, payments_service)
    assert "Used by 30" in html
    assert "/catalog/?filter=relations.dependson%3Dcomponent%3Adefault/payments" in links(html)
    listed = reader.get("/catalog/?filter=relations.dependson=component:default/payments").content.decode()
    assert "<b>30</b>" in listed


def test_the_dependencies_tab_follows_several_steps(reader: Client, payments_service: Entity) -> None:
    nearer, farther = (
        factories.entity("component:default/ledger"),
        factories.entity("resource:default/ledger-db"),
    )
    relate(payments_service, "dependsOn", nearer)
    relate(nearer, "dependsOn", farther)
    relate(farther, "dependsOn", payments_service)  # a circle ends
    html = page(reader, payments_service, "dependencies/")
    assert "used by ledger" in html
    assert "Depends on 2" in html


def test_an_entity_without_dependencies_says_how_to_name_them(reader: Client) -> None:
    assert "stands alone" in page(reader, factories.entity(), "dependencies/")


def test_the_definition_of_an_api_lists_its_operations(reader: Client) -> None:
    text = "openapi: 3.1.0\npaths:\n  /refunds:\n    post: {summary: Give money back}"
    api = factories.entity("api:default/payments-api", type="openapi", spec={"definition": text})
    html = page(reader, api, "api/")
    assert "Give money back" in html
    assert "/refunds" in html
    assert "1\u00a0operation" in html


def test_the_source_keeps_its_line_numbers_and_marks_what_is_wrong(
    reader: Client, payments_service: Entity
) -> None:
    Problem.objects.create(
        location=payments_service.location,
        entity=payments_service,
        code="invalid",
        path="catalog-info.yaml",
        line=14,
        message="metadata.name is too long. Use 63 letters.",
    )
    html = page(reader, payments_service, "source/")
    assert 'id="L12"' in html
    assert 'id="L14" class="is-problem"' in html
    overview = page(reader, payments_service)
    assert "catalog-info.yaml, line 14" in overview
    assert "metadata.name is too long. Use 63 letters." in overview


def test_docs_are_read_from_the_files_beside_the_descriptor(reader: Client, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(
        "# Payments\n\nHow **money** moves. <script>alert(1)</script>"
    )
    (tmp_path / "docs" / "runbook.md").write_text("# Runbook\n\nRestart the worker.")
    (tmp_path / "mkdocs.yml").write_text("nav:\n  - When it burns: runbook.md\n  - index.md\n")
    place = factories.location(str(tmp_path / "catalog-info.yaml"), type="file", is_outside_roots=True)
    entity = factories.entity(
        location=place,
        source_path="catalog-info.yaml",
        metadata={"annotations": {"backstage.io/techdocs-ref": "dir:."}},
    )
    html = page(reader, entity, "docs/")
    assert "<strong>money</strong>" in html
    assert "alert(1)" not in html
    assert "When it burns" in html
    assert "Restart the worker." in page(reader, entity, "docs/", "?page=runbook.md")
    assert "There is no page" in page(reader, entity, "docs/", "?page=../../../etc/passwd", status=404)


def test_docs_that_are_elsewhere_say_where_they_should_be(reader: Client) -> None:
    entity = factories.entity(
        metadata={"annotations": {"backstage.io/techdocs-ref": "url:https://docs.example.org"}}
    )
    assert "dir:." in page(reader, entity, "docs/")


def test_activity_tells_what_happened_newest_first(
    reader: Client, payments_service: Entity, tomas: User
) -> None:
    for number in range(35):
        audit.record(
            "entity.seen", actor=tomas, summary=f"Event {number:02}", subject_ref=payments_service.ref
        )
    html = page(reader, payments_service, "activity/")
    assert html.index("Event 34") < html.index("Event 33")
    assert "Event 04" not in html
    assert "Event 04" in page(reader, payments_service, "activity/", "?page=2")


def test_a_stale_source_is_said_above_what_stays(reader: Client, payments_service: Entity) -> None:
    location = payments_service.location
    location.failing_since, location.failure = (
        timezone.now(),
        "git.example.org did not answer. Try again later.",
    )
    location.save()
    html = page(reader, payments_service)
    assert "did not answer" in html
    assert "You see what was read last" in html


def test_an_orphan_says_that_it_is_one(reader: Client) -> None:
    assert "Orphaned" in page(reader, factories.entity(orphaned_at=timezone.now()))


def test_a_group_lists_what_it_owns_by_kind_and_in_pages(reader: Client, payments_service: Entity) -> None:
    many(40, owner_ref="group:default/payments")
    factories.entity("api:default/payments-api", owner_ref="group:default/payments")
    team = Entity.objects.get(ref="group:default/payments")
    html = page(reader, team)
    assert "42\u00a0entities" in html
    assert "?page=2" in html
    assert "tomas" in html
    apis = page(reader, team, "", "?kind=api")
    assert "payments-api" in apis
    assert "service-1<" not in apis


def test_a_user_sees_what_their_groups_own(reader: Client, payments_service: Entity) -> None:
    person = Entity.objects.get(ref="user:default/tomas")
    assert "component/default/payments/" in page(reader, person)


def test_a_system_lists_what_it_contains(reader: Client, payments_service: Entity) -> None:
    system = factories.entity("system:default/money", title="Money")
    relate(payments_service, "partOf", system)
    html = page(reader, system)
    assert "Contains" in html
    assert "/catalog/component/default/payments/" in links(html)


def test_a_location_shows_its_targets_and_what_came_from_them(reader: Client) -> None:
    pointer = factories.entity(
        "location:default/all",
        spec={"targets": ["./a.yaml", "javascript:alert(1)", "https://example.org/b.yaml"]},
    )
    factories.entity("component:default/found", parent=pointer)
    html = page(reader, pointer)
    assert "./a.yaml" in html
    assert "https://example.org/b.yaml" in links(html)
    assert not [url for url in links(html) if url.startswith("javascript")]
    assert "/catalog/component/default/found/" in links(html)


def test_an_unknown_kind_has_a_page(reader: Client) -> None:
    entity = factories.entity("s3bucket:default/receipts", type="bucket")
    html = page(reader, entity)
    assert "S3bucket" in html
    assert "bucket" in html


def test_a_name_that_is_not_there_suggests_names_that_are(reader: Client, payments_service: Entity) -> None:
    response = reader.get("/catalog/component/default/paymants/")
    html = response.content.decode()
    assert response.status_code == 404
    assert "No entity has this name" in html
    assert "/catalog/component/default/payments/" in links(html)
    assert "/search/?q=paymants" in links(html)


def test_a_hostile_address_of_nothing_is_only_repeated_as_text(reader: Client) -> None:
    html = reader.get("/catalog/component/default/%3Cscript%3Ealert(1)%3C%2Fscript%3E/").content.decode()
    assert "<script>alert" not in html


def test_refreshing_asks_for_one_read_and_says_so(reader: Client, payments_service: Entity) -> None:
    url = f"{payments_service.get_absolute_url()}refresh/"
    fragment = reader.post(url, headers=HTMX).content.decode()
    assert "<html" not in fragment
    assert "Asked to read again" in fragment
    payments_service.location.refresh_from_db()
    assert payments_service.location.refresh_asked_at is not None
    assert AuditEvent.objects.filter(action="location.refresh_asked").count() == 1


def test_refreshing_without_javascript_comes_back_to_the_page(
    reader: Client, payments_service: Entity
) -> None:
    response = reader.post(f"{payments_service.get_absolute_url()}refresh/", follow=True)
    assert "Asked to read again" in response.content.decode()
    assert reader.get(f"{payments_service.get_absolute_url()}refresh/").status_code == 405


@pytest.mark.parametrize("tab", [*TABS, "refresh/"])
def test_strangers_sign_in_first(payments_service: Entity, tab: str) -> None:
    url = f"{payments_service.get_absolute_url()}{tab}"
    response = Client().post(url) if tab == "refresh/" else Client().get(url)
    assert response.status_code == 302
    assert response["Location"].startswith("/signin/")


@pytest.mark.parametrize("tab", TABS)
def test_tabs_are_only_read(reader: Client, payments_service: Entity, tab: str) -> None:
    assert reader.post(f"{payments_service.get_absolute_url()}{tab}").status_code == 405


@pytest.mark.parametrize("tab", ["", "dependencies/", "source/", "activity/"])
@pytest.mark.slow
def test_a_thousand_neighbours_cost_as_many_queries_as_ten(
    reader: Client, payments_service: Entity, tab: str
) -> None:
    url = f"{payments_service.get_absolute_url()}{tab}"
    for entity in many(10):
        relate(entity, "dependsOn", payments_service)
        audit.record("entity.seen", actor=None, summary="Seen", subject_ref=payments_service.ref)
    few = queries(reader, url)
    _depend_on(payments_service, many(1_000, prefix="other"))
    assert queries(reader, url) == few


@pytest.mark.slow
def test_a_group_that_owns_a_thousand_costs_as_many_queries_as_one_that_owns_ten(
    reader: Client, payments_service: Entity
) -> None:
    team = Entity.objects.get(ref="group:default/payments")
    many(10, owner_ref=team.ref)
    few = queries(reader, team.get_absolute_url())
    many(1_000, prefix="other", owner_ref=team.ref)
    assert queries(reader, team.get_absolute_url()) == few


def _depend_on(used: Entity, users: list[Entity]) -> None:
    from catalog.models import Relation

    Relation.objects.bulk_create(
        relation
        for user in users
        for relation in (
            Relation(source=user, type="dependsOn", target_ref=used.ref),
            Relation(source=used, type="dependencyOf", target_ref=user.ref),
        )
    )
