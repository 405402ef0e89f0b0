"""Lists, facets and search over what was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from catalog.filter_sql import as_q
from catalog.listing import Filters, Order, facets, list_entities
from catalog.models import Entity
from catalog.search import search
from catalog.subjects import resolve
from control.filters import parse
from control.models import User
from tests.catalog.places import Place, component

MANY = "---\n".join(
    [
        component("payments-api", owner="payments", type="service").replace(
            "metadata:", "metadata:\n  tags: [java, pci]"
        ),
        component("payments-worker", owner="payments", type="Service", dependsOn="[component:ledger]"),
        component("OrderLedger", owner="ledger", type="library", lifecycle="deprecated"),
        component("ledger", owner="group:platform/ledger", type="service"),
        component("shop-web", owner="shop", type="website").replace(
            "What shop-web does", "Façade of the shop"
        ),
    ]
)


@pytest.fixture
def many(db: None, tmp_path: Path) -> Place:
    place = Place(tmp_path / "many")
    place.write("all.yaml", MANY)
    place.read()
    return place


def names(query: str, user: User, order: Order = Order.NAME) -> list[str]:
    return [
        e.name for e in list_entities(Filters.from_query(QueryDict(query)), user=user, order=order).entities
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=service", {"payments-api", "payments-worker", "ledger"}),
        ("type=service&type=library&owner=group:default/payments", {"payments-api", "payments-worker"}),
        ("tag=java", {"payments-api"}),
        ("lifecycle=deprecated", {"OrderLedger"}),
        ("q=ledger", {"OrderLedger", "ledger"}),
        ("filter=kind%3Dcomponent,metadata.tags%3Dpci", {"payments-api"}),
        ("filter=spec.type%3Dwebsite&filter=spec.type%3Dlibrary", {"shop-web", "OrderLedger"}),
        ("kind=api", set()),
    ],
)
def test_filters_in_the_address_narrow_the_list(
    many: Place, maya: User, query: str, expected: set[str]
) -> None:
    assert set(names(query, maya)) == expected


def test_facets_count_what_choosing_them_would_show(many: Place, maya: User) -> None:
    whole = facets(Filters(), user=maya)
    assert [(v.value, v.count) for v in whole["type"]] == [("service", 3), ("library", 1), ("website", 1)]
    assert [(v.value, v.count) for v in whole["tag"]] == [("java", 1), ("pci", 1)]
    chosen = facets(Filters({"owner": ("group:default/payments",), "type": ("library",)}), user=maya)
    assert [(v.value, v.count, v.is_chosen) for v in chosen["type"]] == [
        ("service", 2, False),
        ("library", 0, True),
    ]


def test_facets_without_filters_are_counted_once_per_revision(many: Place, maya: User) -> None:
    first = facets(Filters(), user=maya)
    with CaptureQueriesContext(connection) as queries:
        assert facets(Filters(), user=maya) == first
    assert len(queries) == 2  # what the person sees, and what is kept
    many.write("more.yaml", component("more", type="library"))
    many.read()
    assert ("library", 2) in [(v.value, v.count) for v in facets(Filters(), user=maya)["type"]]


def test_pages_are_cut_and_a_page_past_the_end_is_the_last(many: Place, maya: User) -> None:
    page = list_entities(Filters(), user=maya, page=99, size=2)
    assert (page.number, page.pages, page.total, page.first, page.last) == (3, 3, 5, 5, 5)
    assert not page.has_next


@pytest.mark.parametrize(
    "text",
    [
        "kind=component",
        "spec.type=service,metadata.tags=java",
        "metadata.tags",
        "spec.owner=shop",
        "relations.dependson",
        "relations.ownedby=group:platform/ledger",
        "relations.dependencyof=component:default/payments-worker",
        "metadata.name=ledger,metadata.name=shop-web",
        "metadata.namespace=default,spec.lifecycle",
    ],
)
def test_the_database_and_memory_give_the_same_answer(many: Place, text: str) -> None:
    filter = parse(text)
    in_memory = set()
    for ref in Entity.objects.values_list("ref", flat=True):
        subject = resolve(ref)
        assert subject is not None
        if filter.matches(subject.terms):
            in_memory.add(ref)
    assert set(Entity.objects.filter(as_q(filter)).values_list("ref", flat=True)) == in_memory
    assert in_memory


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("ledger", "ledger"),
        ("pay", "payments-api"),
        ("payments wor", "payments-worker"),
        ("order ledger", "OrderLedger"),
        ("orderledger", "OrderLedger"),
        ("facade", "shop-web"),
        ("pci", "payments-api"),
        ("component:default/shop-web", "shop-web"),
        ("paymnets-worker", "payments-worker"),
    ],
)
def test_search_finds_first_what_was_meant(many: Place, maya: User, text: str, first: str) -> None:
    hits = search(text, user=maya)
    assert hits[0].entity.name == first


def test_search_says_which_hits_are_guesses_and_finds_nothing_for_nothing(many: Place, maya: User) -> None:
    assert all(hit.is_guess for hit in search("paymnets", user=maya))
    assert not any(hit.is_guess for hit in search("payments", user=maya)[:2])
    assert search("", user=maya) == search("zzzzqqqq", user=maya) == search("!!! :* &", user=maya) == []


def test_nobody_who_types_a_name_is_shown_others_that_look_alike(
    db: None, tmp_path: Path, maya: User
) -> None:
    place = Place(tmp_path / "place")
    place.write("a.yaml", component("service-950"))
    place.write("b.yaml", component("service-951"))
    place.read()
    assert [(hit.entity.name, hit.is_guess) for hit in search("service-950", user=maya)] == [
        ("service-950", False)
    ]
    assert [(hit.entity.name, hit.is_guess) for hit in search("servcie-950", user=maya)] == [
        ("service-950", True)
    ]


def test_who_owns_what_has_no_owner_is_found_above_it(db: None, tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    place.write(
        "all.yaml",
        """
        apiVersion: backstage.io/v1alpha1
        kind: Bucket
        metadata: {name: receipts}
        spec: {system: checkout}
        ---
        apiVersion: backstage.io/v1alpha1
        kind: System
        metadata: {name: checkout}
        spec: {owner: payments}
        """,
    )
    place.read()
    subject = resolve("bucket:default/receipts")
    assert subject is not None
    assert subject.owner_refs == ("group:default/payments",)
    assert resolve("component:default/none") is None
