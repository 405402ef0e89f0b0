"""The list of entities as people meet it: filtered, sorted, in pages, with and without htmx."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import Entity, Problem
from control.models import User
from tests import factories
from tests.catalog.pages import HOSTILE, HTMX, forget_counts, links, many, queries

pytestmark = pytest.mark.django_db
LIST = "/catalog/"


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    forget_counts()


@pytest.fixture
def reader(maya: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(maya)


@pytest.fixture
def shop() -> list[Entity]:
    group = factories.entity("group:default/payments", type="team", title="Payments")
    owner = {"owner_ref": group.ref, "lifecycle": "production"}
    return [
        group,
        factories.entity(
            "component:default/basket", type="service", description="What a customer buys", **owner
        ),
        factories.entity("component:default/shop-web", type="website", tags=["react"], **owner),
        factories.entity("component:default/lonely", type="service", lifecycle="deprecated"),
        factories.entity("api:default/basket-api", type="openapi", owner_ref="group:default/nobody-knows"),
    ]


def shown(html: str) -> list[str]:
    return re.findall(r"data-open[^>]*>([^<]+)<", html)


def page(client: Client, query: str = "") -> str:
    response = client.get(f"{LIST}{query}")
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.usefixtures("shop")
def test_every_entity_is_listed_by_name_with_how_many_there_are(reader: Client) -> None:
    html = page(reader)
    assert shown(html) == ["basket", "basket-api", "lonely", "payments", "shop-web"]
    assert "<b>5</b> of 5" in html


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?kind=component&type=service", ["basket", "lonely"]),
        ("?type=service&type=website", ["basket", "lonely", "shop-web"]),
        ("?owner=group:default/payments", ["basket", "shop-web"]),
        ("?tag=react", ["shop-web"]),
        ("?lifecycle=deprecated", ["lonely"]),
        ("?filter=kind=component,spec.type=website", ["shop-web"]),
        ("?filter=kind=api&filter=kind=group", ["basket-api", "payments"]),
        ("?kind=component&filter=metadata.tags=react", ["shop-web"]),
        ("?show=unowned", ["lonely"]),
        ("?kind=component&sort=lifecycle", ["lonely", "basket", "shop-web"]),
        ("?kind=", ["basket", "basket-api", "lonely", "payments", "shop-web"]),
    ],
)
def test_the_address_says_what_is_listed(reader: Client, query: str, names: list[str]) -> None:
    assert shown(page(reader, query)) == names


@pytest.mark.usefixtures("shop")
def test_facets_count_what_choosing_them_would_show(reader: Client) -> None:
    html = page(reader, "?kind=component&type=service")
    assert re.search(
        r'name="type" value="website"[^>]*><span>website</span><span class="facet-count">1<', html
    )
    assert re.search(r'name="type" value="service"[^>]* checked', html)


@pytest.mark.usefixtures("shop")
def test_a_chip_leads_to_the_list_without_its_filter(reader: Client) -> None:
    html = page(reader, "?kind=component&type=service&sort=owner")
    assert f"{LIST}?type=service&amp;sort=owner" in html
    assert f"{LIST}?kind=component&amp;sort=owner" in html


@pytest.mark.usefixtures("shop")
def test_problems_and_orphans_have_lists_of_their_own(reader: Client, shop: list[Entity]) -> None:
    Problem.objects.create(
        location=shop[1].location, entity=shop[1], code="invalid", message="spec.owner is missing."
    )
    Entity.objects.filter(pk=shop[2].pk).update(orphaned_at=timezone.now())
    assert shown(page(reader, "?show=problems")) == ["basket"]
    orphans = page(reader, "?show=orphans")
    assert shown(orphans) == ["shop-web"]
    assert "Orphan</span>" in orphans


@pytest.mark.usefixtures("shop")
def test_my_teams_have_a_view_of_their_own(tomas: User, client_for: Callable[[User], Client]) -> None:
    html = page(client_for(tomas))
    assert re.search(
        r'href="/catalog/\?owner=group:default/payments" *><span>Owned by my teams</span>.*?>2<', html
    )


@pytest.mark.usefixtures("shop")
def test_a_filter_that_is_none_is_explained_at_its_field_and_the_rest_still_holds(reader: Client) -> None:
    response = reader.get(f"{LIST}?kind=component&filter=%3Dservice")
    html = response.content.decode()
    assert response.status_code == 422
    assert 'aria-invalid="true"' in html
    assert "=service" in html
    assert "Write it like" in html
    assert shown(html) == ["basket", "lonely", "shop-web"]


@pytest.mark.usefixtures("shop")
def test_a_filter_that_finds_nothing_says_what_to_leave_out(reader: Client) -> None:
    html = page(reader, "?kind=component&tag=nothing-has-this")
    assert "Nothing matches" in html
    assert "Leave out tag nothing-has-this" in html


def test_an_empty_catalogue_says_how_to_fill_it(reader: Client) -> None:
    html = page(reader)
    assert "The catalogue is empty" in html
    assert reverse("catalog:register") in links(html)


@pytest.mark.usefixtures("shop")
def test_an_owner_that_nobody_declares_is_shown_as_unknown_and_is_no_link(reader: Client) -> None:
    html = page(reader, "?kind=api")
    assert "is-unknown" in html
    assert "/catalog/group/default/nobody-knows/" not in links(html)


@pytest.mark.usefixtures("shop")
def test_typing_exchanges_rows_and_facets_and_nothing_else(reader: Client) -> None:
    response = reader.get(f"{LIST}?q=basket&filter=", headers={**HTMX, "HX-Target": "results"})
    html = response.content.decode()
    assert "<html" not in html
    assert response["HX-Push-Url"] == f"{LIST}?q=basket"
    assert shown(html) == ["basket", "basket-api"]
    assert 'hx-swap-oob="true"' in html
    assert {"HX-Request", "HX-Target"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.usefixtures("shop")
def test_going_back_gets_a_whole_page(reader: Client) -> None:
    restored = {**HTMX, "HX-Target": "results", "HX-History-Restore-Request": "true"}
    assert "<html" in reader.get(LIST, headers=restored).content.decode()


def test_the_sorted_column_says_so_and_links_keep_the_filters(reader: Client) -> None:
    many(3)
    html = page(reader, "?kind=component&sort=changed")
    assert 'aria-sort="descending"' in html
    assert f"{LIST}?kind=component&amp;sort=owner" in html


def test_pages_are_addresses_that_keep_the_filters(reader: Client) -> None:
    many(120)
    first = page(reader, "?kind=component")
    assert "1–50 of 120" in first
    assert f"{LIST}?kind=component&amp;page=3" in first
    assert "101–120 of 120" in page(reader, "?kind=component&page=3")


@pytest.mark.parametrize("number", ["0", "-1", "999", "two", "99999999999999999999", "²"])
def test_a_page_that_is_none_is_the_nearest_one(reader: Client, number: str) -> None:
    many(3)
    assert len(shown(page(reader, f"?page={number}"))) == 3


def test_hostile_names_are_words(reader: Client) -> None:
    factories.entity(
        title=HOSTILE, description=HOSTILE, tags=["<img-src-x>"], lifecycle="<b>", type=HOSTILE.lower()
    )
    html = page(reader, f"?q={HOSTILE}&filter=a={HOSTILE}&tag=%22%3E%3Cscript%3E")
    assert "<script>alert" not in html
    assert '"><script>' not in html
    assert "&lt;script&gt;" in html + page(reader)
    assert "<script>alert" not in page(reader)


def test_strangers_sign_in_first() -> None:
    response = Client().get(f"{LIST}?kind=component")
    assert response.status_code == 302
    assert response["Location"].startswith("/signin/")


def test_the_list_is_only_read(reader: Client) -> None:
    assert reader.post(LIST).status_code == 405


@pytest.mark.slow
def test_a_thousand_entities_cost_as_many_queries_as_ten(reader: Client) -> None:
    many(10, owner_ref="group:default/payments")
    few = queries(reader, f"{LIST}?kind=component&sort=changed")
    many(1_000, prefix="other", owner_ref="group:default/support", system_ref="system:default/money")
    forget_counts()
    assert queries(reader, f"{LIST}?kind=component&sort=changed") == few
