"""Pages of by-query, in both directions, by filter and by predicate."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from catalog.models import Entity
from tests import factories
from tests.catalog.api.conftest import Caller
from tests.catalog.api.test_reading import error, names

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]
QUERY = "/entities/by-query"


def walk(calls: Caller, **query: Any) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """All pages forward, then all pages backward from the last."""
    body = calls.get(QUERY, **query)
    pages, bodies = [names(body["items"])], [body]
    for cursor in ("nextCursor", "prevCursor"):
        while where := bodies[-1]["pageInfo"].get(cursor):
            body = calls.get(QUERY, cursor=where, limit=query["limit"])
            pages.append(names(body["items"]))
            bodies.append(body)
            assert len(bodies) < 20
    return pages, bodies


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("metadata.name,asc", ["ledger", "money", "pay-api", "payments", "payments", "refunds", "widgets"]),
        ("metadata.name,desc", ["widgets", "refunds", "payments", "payments", "pay-api", "money", "ledger"]),
        ("metadata.name", ["ledger", "money", "pay-api", "payments", "payments", "refunds", "widgets"]),
    ],
)
def test_pages_go_forward_and_back_again(maya_calls: Caller, order: str, expected: list[str]) -> None:
    filters = [f"kind={kind}" for kind in ("component", "api", "system", "resource", "group")]
    pages, bodies = walk(maya_calls, orderField=order, limit=3, filter=filters)
    assert pages[0] + pages[1] + pages[2] == expected
    assert pages[3:] == [pages[1], pages[0]]
    assert [body["totalItems"] for body in bodies] == [7] * 5
    assert [sorted(body["pageInfo"]) for body in bodies] == [
        ["nextCursor"],
        ["nextCursor", "prevCursor"],
        ["prevCursor"],
        ["nextCursor", "prevCursor"],
        ["nextCursor"],
    ]


@pytest.mark.parametrize(
    "field", ["kind", "metadata.uid", "spec.type", "spec.owner", "metadata.namespace", ""]
)
def test_pages_hold_each_entity_once_whatever_they_are_ordered_by(maya_calls: Caller, field: str) -> None:
    order: dict[str, Any] = {"orderField": f"{field},asc"} if field else {}
    found = maya_calls.get(QUERY, limit=100, **order)
    pages, _ = walk(maya_calls, limit=2, **order)
    half = -(-found["totalItems"] // 2)
    assert [name for page in pages[:half] for name in page] == names(found["items"])


def test_only_the_first_order_field_counts_and_lacking_it_leaves_out(maya_calls: Caller) -> None:
    body = maya_calls.get(QUERY, orderField=["spec.lifecycle,desc", "metadata.name,asc"])
    assert names(body["items"])[2:] == ["refunds", "widgets"]
    assert body["totalItems"] == 4
    assert body["pageInfo"] == {}
    tagged = maya_calls.get(QUERY, orderField="metadata.title,asc")
    assert (names(tagged["items"]), tagged["totalItems"]) == (["money"], 1)


def test_a_cursor_says_nothing_that_sends_clients_to_post(maya_calls: Caller) -> None:
    body = maya_calls.post(QUERY, {"query": {"kind": "component"}, "limit": 1})
    said = json.loads(base64.urlsafe_b64decode(body["pageInfo"]["nextCursor"]))
    assert "query" not in said


def test_a_cursor_carries_question_and_total(maya_calls: Caller) -> None:
    first = maya_calls.get(QUERY, filter="kind=component", limit=1, orderField="metadata.name,asc")
    factories.entity("component:default/zebra")
    second = maya_calls.get(QUERY, cursor=first["pageInfo"]["nextCursor"], limit=10, fields="metadata.name")
    assert second["items"] == [{"metadata": {"name": name}} for name in ("refunds", "widgets", "zebra")]
    assert second["totalItems"] == 3
    again = maya_calls.post(QUERY, {"cursor": first["pageInfo"]["nextCursor"], "limit": 1})
    assert names(again["items"]) == ["refunds"]


def test_a_limit_of_nothing_only_counts(maya_calls: Caller) -> None:
    assert maya_calls.get(QUERY, limit=0) == {"items": [], "totalItems": 8, "pageInfo": {}}


def test_the_total_is_left_out_on_demand(maya_calls: Caller) -> None:
    assert maya_calls.get(QUERY, totalItems="exclude", limit=1)["totalItems"] == 0


def test_an_offset_skips(maya_calls: Caller) -> None:
    body = maya_calls.get(QUERY, filter="kind=component", orderField="metadata.name,asc", offset=1, limit=1)
    assert names(body["items"]) == ["refunds"]
    assert body["totalItems"] == 3
    following = maya_calls.get(QUERY, cursor=body["pageInfo"]["nextCursor"])
    assert names(following["items"]) == ["widgets"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            {"fullTextFilterTerm": "PAY", "fullTextFilterFields": "metadata.name"},
            ["pay-api", "payments", "payments"],
        ),
        (
            {"fullTextFilterTerm": "about m", "fullTextFilterFields": "metadata.name,metadata.title"},
            ["money"],
        ),
        (
            {"fullTextFilterTerm": "databa", "fullTextFilterFields": ["metadata.name", "spec.type"]},
            ["ledger"],
        ),
        ({"fullTextFilterTerm": "nobod", "fullTextFilterFields": "spec.owner"}, ["refunds"]),
        ({"fullTextFilterTerm": "efun", "orderField": "metadata.name,asc"}, ["refunds"]),
        ({"fullTextFilterTerm": "%", "fullTextFilterFields": "metadata.name"}, []),
        ({"fullTextFilterTerm": "_ayments", "fullTextFilterFields": "metadata.name"}, []),
    ],
)
def test_full_text_is_a_substring_in_any_case(
    maya_calls: Caller, query: dict[str, Any], expected: list[str]
) -> None:
    body = maya_calls.get(QUERY, **query)
    assert sorted(names(body["items"])) == expected
    assert body["totalItems"] == len(expected)


def test_full_text_without_fields_looks_at_the_uid(maya_calls: Caller) -> None:
    row = Entity.objects.get(ref="system:default/money")
    assert names(maya_calls.get(QUERY, fullTextFilterTerm=str(row.pk)[3:30])["items"]) == ["money"]


PREDICATES = [
    ({}, 8),
    ({"kind": "Component"}, ["payments", "refunds", "widgets"]),
    ({"kind": "component", "spec.type": {"$in": ["service", "LIBRARY"]}}, ["payments", "refunds", "widgets"]),
    ({"kind": "component", "spec.type": {"$in": []}}, []),
    ({"$all": [{"kind": "component"}, {"$not": {"spec.type": "library"}}]}, ["payments", "refunds"]),
    ({"$any": [{"kind": "api"}, {"metadata.tags": "java"}]}, ["money", "pay-api"]),
    ({"$any": []}, []),
    ({"$any": [{}, {"kind": "api"}]}, 8),
    ({"$not": {}}, []),
    ({"$not": {"$all": []}}, []),
    ({"metadata.title": {"$exists": True}}, ["money"]),
    ({"kind": {"$in": ["system", "resource"]}, "metadata.title": {"$exists": False}}, ["ledger"]),
    ({"metadata.tags": {"$contains": "pci"}}, ["money"]),
    ({"metadata.name": {"$hasPrefix": "PAY"}}, ["pay-api", "payments", "payments"]),
    ({"relations.ownedBy": {"$hasPrefix": "group:default/no"}}, ["refunds"]),
    (
        {
            "$not": {"spec.lifecycle": {"$hasPrefix": "prod"}},
        },
        6,
    ),
    (
        {"relations": {"$contains": {"type": "ownedBy", "targetRef": {"$in": ["group:default/nobody"]}}}},
        ["refunds"],
    ),
    ({"relations": {"$contains": {"type": "hasPart"}}}, ["money"]),
    ({"metadata.annotations.example.org/cost-center": 42}, ["money"]),
]


@pytest.mark.parametrize(("query", "expected"), PREDICATES)
def test_predicates_are_those_of_backstage(
    maya_calls: Caller, query: dict[str, Any], expected: list[str] | int
) -> None:
    body = maya_calls.post(QUERY, {"query": query, "fields": ["metadata.name"]})
    if isinstance(expected, int):
        assert body["totalItems"] == expected
    else:
        assert sorted(names(body["items"])) == expected


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ({"$bogus": 1}, "$bogus"),
        ({"$all": {}}, "$all"),
        ({"$all": [{"$nope": 1}]}, "$all[0].$nope"),
        ({"kind": {"$like": "x"}}, "kind.$like"),
        ({"kind": {"$in": "x"}}, "kind.$in"),
        ({"kind": ["component"]}, "kind"),
        ({"kind": None}, "kind"),
        ({"$not": {}, "kind": "x"}, "$not"),
        ({"$any": [3]}, "$any[0]"),
    ],
)
def test_a_query_that_makes_no_sense_says_where(maya_calls: Caller, query: dict[str, Any], at: str) -> None:
    body = maya_calls.post(QUERY, {"query": query}, status=400)
    assert error(body) == ("InputError", f'Invalid query: Validation error: Invalid at "{at}"')


def test_a_query_is_bounded(maya_calls: Caller) -> None:
    deep: dict[str, Any] = {"kind": "component"}
    for _ in range(40):
        deep = {"$not": deep}
    maya_calls.post(QUERY, {"query": deep}, status=400)
    wide = {"$any": [{"kind": "component"}] * 1_001}
    maya_calls.post(QUERY, {"query": wide}, status=400)


def test_a_query_by_body_takes_all_that_one_by_address_does(maya_calls: Caller) -> None:
    body = maya_calls.post(
        QUERY,
        {
            "query": {"kind": "component"},
            "orderBy": [{"field": "metadata.name", "order": "desc"}],
            "fullTextFilter": {"term": "e", "fields": ["metadata.name"]},
            "fields": ["metadata.name"],
            "limit": 1,
            "offset": 1,
            "totalItems": "include",
        },
    )
    assert names(body["items"]) == ["refunds"]
    assert body["totalItems"] == 3
    assert maya_calls.post(QUERY, None)["totalItems"] == 8


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=-1", "request/query/limit must be >= 0"),
        ("orderField=metadata.name,up", "Invalid order field order, must be asc or desc"),
        ("totalItems=maybe", "request/query/totalItems must be equal to one of the allowed values"),
        ("cursor=xyz", "Malformed cursor: "),
        ("cursor=e30=", "Malformed cursor: "),
        ("cursor=é", "Malformed cursor: "),
        ("filter==x", "Invalid filter, '=x' is not a valid statement"),
        ("nonsense=1", "Unknown query parameter 'nonsense'"),
    ],
)
def test_questions_that_make_no_sense_are_400(maya_calls: Caller, query: str, message: str) -> None:
    response = maya_calls.raw("GET", f"{QUERY}?{query}")
    assert response.status_code == 400
    assert error(response.json())[1].startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"limit": "ten"}, "request/body/limit must be number"),
        ({"limit": 1.5}, "request/body/limit must be integer"),
        ({"limit": -1}, "request/body/limit must be >= 0"),
        ({"query": []}, "request/body/query must be object"),
        ({"orderBy": [{"field": "x"}]}, "request/body/orderBy/0 must have required property 'order'"),
        ([], "request/body must be object"),
    ],
)
def test_bodies_are_checked(maya_calls: Caller, body: Any, message: str) -> None:
    assert error(maya_calls.post(QUERY, body, status=400)) == ("InputError", message)


def test_a_forged_cursor_is_checked_like_any_question(maya_calls: Caller) -> None:
    page = maya_calls.get(QUERY, limit=1)
    said = json.loads(base64.urlsafe_b64decode(page["pageInfo"]["nextCursor"]))
    changes: list[dict[str, Any]] = [
        {"q": {"$bogus": 1}},
        {"q": 3},
        {"f": ["=x"]},
        {"f": "kind"},
        {"at": ["x", "no uuid"]},
        {"o": []},
    ]
    for change in changes:
        cursor = base64.urlsafe_b64encode(json.dumps({**said, **change}).encode()).decode()
        maya_calls.get(QUERY, cursor=cursor, status=400)
