"""The search page: as somebody types, by kind, and with nothing found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from catalog.views.search import marked
from control.models import User
from tests import factories
from tests.catalog.pages import HOSTILE, HTMX, links, many, queries
from tests.catalog.places import Place, component

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(maya: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(maya)


@pytest.fixture
def shop(place: Place) -> Place:
    api = component("payments-api").replace("Component", "API") + "  definition: x\n"
    for name, text in {"a": component("payments"), "b": component("basket"), "c": api}.items():
        place.write(f"{name}.yaml", text)
    place.read()
    return place


def found(client: Client, query: str) -> str:
    response = client.get(f"/search/{query}")
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.usefixtures("shop")
def test_words_find_entities_with_the_matching_letters_marked(reader: Client) -> None:
    html = found(reader, "?q=bask")
    assert "<b>bask</b>et" in html
    assert "/catalog/component/default/basket/" in links(html)
    assert "/catalog/component/default/payments/" not in links(html)


@pytest.mark.usefixtures("shop")
def test_results_are_counted_and_narrowed_by_kind(reader: Client) -> None:
    assert "/search/?q=payments&kind=api" in links(found(reader, "?q=payments"))
    html = found(reader, "?q=payments&kind=api")
    assert "/catalog/api/default/payments-api/" in links(html)
    assert "/catalog/component/default/payments/" not in links(html)


@pytest.mark.usefixtures("shop")
def test_a_mistyped_name_finds_what_looks_alike_and_says_so(reader: Client) -> None:
    html = found(reader, "?q=paymants")
    assert "look alike" in html
    assert "/catalog/component/default/payments/" in links(html)


@pytest.mark.usefixtures("shop")
def test_nothing_found_says_where_else_to_look(reader: Client) -> None:
    html = found(reader, "?q=zzzzzz")
    assert "Nothing is called or described so" in html
    assert "/catalog/" in links(html)


def test_an_empty_search_asks_for_words(reader: Client) -> None:
    assert "Type a part of a name" in found(reader, "")


@pytest.mark.usefixtures("shop")
def test_typing_gets_the_results_alone(reader: Client) -> None:
    html = reader.get("/search/?q=pay", headers=HTMX).content.decode()
    assert "<html" not in html
    assert "payments" in html


@pytest.mark.parametrize("text", [HOSTILE, "'\"; DROP TABLE x;--", "a & | ! ( ) : *", "%", "x" * 5_000])
@pytest.mark.usefixtures("shop")
def test_odd_words_are_words(reader: Client, text: str) -> None:
    response = reader.get("/search/", {"q": text})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


def test_a_zero_byte_is_refused_in_words(reader: Client) -> None:
    response = reader.get("/search/", {"q": "pay\x00ments"})
    assert response.status_code == 400
    assert response.content.decode() == "This address cannot be read.\n"


def test_marking_escapes_what_it_marks() -> None:
    assert marked("<b>payments</b> of pay", ["pay"]) == "&lt;b&gt;<b>pay</b>ments&lt;/b&gt; of <b>pay</b>"
    assert marked("prepay", ["pay"]) == "prepay"
    assert marked("plain", []) == "plain"


def test_strangers_sign_in_first() -> None:
    assert Client().get("/search/?q=pay")["Location"].startswith("/signin/")


def test_searching_is_only_read(reader: Client) -> None:
    assert reader.post("/search/").status_code == 405


@pytest.mark.slow
def test_a_thousand_hits_cost_as_many_queries_as_ten(reader: Client) -> None:
    many(10)
    few = queries(reader, "/search/?q=service")
    many(1_000, prefix="service-other")
    assert queries(reader, "/search/?q=service") == few
    assert "See all" in found(reader, "?q=service")


def test_the_exact_name_comes_first(reader: Client) -> None:
    factories.entity("component:default/pay-desk")
    factories.entity("component:default/pay")
    html = found(reader, "?q=pay")
    assert html.index("/default/pay/") < html.index("/default/pay-desk/")
