"""Entities over HTTP, held against what a running Backstage answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Entity
from control.models import User
from tests import factories
from tests.catalog.api.conftest import Caller
from tests.catalog.places import Place

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]
NAMES = ["ledger", "money", "pay-api", "payments", "payments", "refunds", "widgets", "index"]


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def error(body: dict[str, Any]) -> tuple[str, str]:
    return body["error"]["name"], body["error"]["message"]


def test_an_entity_looks_as_backstage_shows_it(maya_calls: Caller, shop: Place) -> None:
    response = maya_calls.raw("GET", "/entities/by-name/component/default/payments")
    entity = response.json()
    assert response["Content-Type"] == "application/json; charset=utf-8"
    assert list(entity) == ["metadata", "apiVersion", "kind", "spec", "relations"]
    metadata = entity["metadata"]
    row = Entity.objects.get(ref="component:default/payments")
    assert metadata["uid"] == str(row.pk)
    assert re.fullmatch("[0-9a-f]{40}", metadata["etag"])
    assert metadata["namespace"] == "default"
    assert metadata["annotations"]["backstage.io/managed-by-origin-location"] == str(shop.location)
    assert metadata["annotations"]["backstage.io/managed-by-location"] == f"{shop.location}#payments.yaml"
    assert entity["relations"] == [
        {"type": "dependsOn", "targetRef": "resource:default/ledger"},
        {"type": "ownedBy", "targetRef": "group:default/payments"},
        {"type": "partOf", "targetRef": "system:default/money"},
    ]
    assert entity["spec"]["dependsOn"] == ["resource:ledger"]


def test_names_are_found_in_any_case(maya_calls: Caller) -> None:
    assert maya_calls.get("/entities/by-name/COMPONENT/Default/Payments")["kind"] == "Component"


def test_problems_stand_in_the_status(maya_calls: Caller) -> None:
    [item] = maya_calls.get("/entities/by-name/component/default/refunds")["status"]["items"]
    assert item["type"] == "backstage.io/catalog-processing"
    assert item["level"] == "warning"
    assert "group:default/nobody" in item["message"]
    assert item["error"]["name"] == "NotFoundError"


def test_an_entity_of_the_web_says_where_it_is_shown(maya_calls: Caller) -> None:
    web = factories.location("https://git.example.org/a/blob/main/x.yaml", type="url")
    factories.entity("component:default/x", location=web, source_path=web.target)
    annotations = maya_calls.get("/entities/by-name/component/default/x")["metadata"]["annotations"]
    assert annotations == {
        "backstage.io/managed-by-location": f"url:{web.target}",
        "backstage.io/managed-by-origin-location": f"url:{web.target}",
        "backstage.io/view-url": web.target,
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/entities/by-name/component/default/no-such-thing",
            "No entity named 'no-such-thing' found, with kind 'component' in namespace 'default'",
        ),
        (
            "/entities/by-name/nope/default/payments",
            "No entity named 'payments' found, with kind 'nope' in namespace 'default'",
        ),
        ("/entities/by-uid/5b1e7d1c-0000-4000-8000-000000000000", "No entity with uid 5b1e7d1c-0000"),
        ("/entities/by-uid/none", "No entity with uid none"),
        (
            "/entities/by-name/component/default/no-such-thing/ancestry",
            "No such entity component:default/no-such-thing",
        ),
    ],
)
def test_what_is_not_there_is_404_in_the_words_of_backstage(
    maya_calls: Caller, path: str, message: str
) -> None:
    body = maya_calls.get(path, status=404)
    assert body["error"]["name"] == "NotFoundError"
    assert body["error"]["message"].startswith(message)
    assert body["request"] == {"method": "GET", "url": path}
    assert body["response"] == {"statusCode": 404}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("PATCH", "/entities"), ("POST", "/entities"), ("GET", "/refresh"), ("GET", "")],
)
def test_unknown_addresses_and_methods_are_404_without_a_body(
    maya_calls: Caller, method: str, path: str
) -> None:
    response = maya_calls.raw(method, path)
    assert (response.status_code, response.content) == (404, b"")


def test_by_uid_answers_the_same_as_by_name(maya_calls: Caller) -> None:
    entity = maya_calls.get("/entities/by-name/component/default/payments")
    assert maya_calls.get(f"/entities/by-uid/{entity['metadata']['uid']}") == entity


# /entities


def test_all_entities_are_a_bare_array(maya_calls: Caller) -> None:
    assert sorted(names(maya_calls.get("/entities"))) == sorted(NAMES)


def test_a_part_says_where_the_next_one_is(maya_calls: Caller) -> None:
    response = maya_calls.raw("GET", "/entities", query={"limit": 5, "fields": "metadata.name"})
    first = names(response.json())
    link = re.fullmatch(r'</entities\?(.*)>; rel="next"', response["Link"])
    assert link
    rest = maya_calls.raw("GET", f"/entities?{link[1]}")
    assert "Link" not in rest
    assert sorted(first + names(rest.json())) == sorted(NAMES)
    assert rest.json()[0].keys() == {"metadata"}


def test_parts_are_ordered_by_reference(maya_calls: Caller) -> None:
    assert names(maya_calls.get("/entities", limit=3)) == ["pay-api", "payments", "refunds"]
    assert names(maya_calls.get("/entities", limit=2, offset=1)) == ["payments", "refunds"]


@pytest.mark.parametrize("query", [{}, {"limit": 100}])
def test_entities_that_lack_the_order_field_come_last(maya_calls: Caller, query: dict[str, Any]) -> None:
    found = maya_calls.get("/entities", order=["desc:spec.lifecycle", "asc:metadata.name"], **query)
    kinds = [(item["spec"].get("lifecycle"), item["metadata"]["name"]) for item in found]
    assert kinds[:4] == [
        ("production", "pay-api"),
        ("production", "payments"),
        ("experimental", "refunds"),
        ("Deprecated", "widgets"),
    ]
    assert {lifecycle for lifecycle, _ in kinds[4:]} == {None}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("kind=component,spec.type=library", ["widgets"]),
        ("kind=system,metadata.tags=java", ["money"]),
        ("KIND=API", ["pay-api"]),
        (["kind=api", "kind=resource"], ["ledger", "pay-api"]),
        ("kind=component,kind=api", ["pay-api", "payments", "refunds", "widgets"]),
        ("spec.owner=group:default/payments", []),
        ("relations.ownedBy=group:default/payments,kind=resource", ["ledger"]),
        ("metadata.annotations.example.org/cost-center", ["money"]),
        ("kind=nope", []),
    ],
)
def test_filters_are_those_of_backstage(
    maya_calls: Caller, filters: str | list[str], expected: list[str]
) -> None:
    assert sorted(names(maya_calls.get("/entities", filter=filters))) == expected


def test_an_entity_is_found_by_its_uid_and_orphans_by_their_annotation(maya_calls: Caller) -> None:
    row = Entity.objects.get(ref="resource:default/ledger")
    assert names(maya_calls.get("/entities", filter=f"metadata.uid={row.pk}")) == ["ledger"]
    assert maya_calls.get("/entities", filter="metadata.annotations.backstage.io/orphan=true") == []
    Entity.objects.filter(pk=row.pk).update(orphaned_at=row.changed_at)
    [found] = maya_calls.get("/entities", filter="metadata.annotations.backstage.io/orphan=true")
    assert found["metadata"]["annotations"]["backstage.io/orphan"] == "true"


def test_selected_fields_are_all_there_is(maya_calls: Caller) -> None:
    found = maya_calls.get(
        "/entities",
        filter="kind=system",
        fields="kind,metadata.name,metadata.annotations.example.org/cost-center,spec.nothing,relations",
    )
    assert found == [
        {
            "kind": "System",
            "metadata": {"name": "money", "annotations": {"example.org/cost-center": "42"}},
            "relations": [
                {"type": "hasPart", "targetRef": "component:default/payments"},
                {"type": "ownedBy", "targetRef": "group:default/payments"},
            ],
        }
    ]


def test_a_field_that_holds_another_selected_one_is_shown_whole(maya_calls: Caller) -> None:
    [found] = maya_calls.get("/entities", filter="kind=resource", fields="spec.type,spec,metadata.uid")
    assert found["spec"] == {"type": "database", "owner": "payments"}
    assert found["metadata"] == {"uid": str(Entity.objects.get(kind="resource").pk)}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("unknown=1", "Unknown query parameter 'unknown'"),
        ("limit=ten", "request/query/limit must be integer"),
        ("filter=", "Empty value found for query parameter 'filter'"),
        ("limit=0", "Invalid limit, must be greater than zero"),
        ("order=metadata.name", "Invalid order parameter"),
        ("fields=metadata.tags[0]", "invalid fields, array type fields are not supported"),
        ("after=xyz", "Malformed after cursor, could not be parsed"),
        (
            "filter==x",
            "Invalid filter, '=x' is not a valid statement (expected a string on the form a=b or a= or a)",
        ),
        ("offset=-1", "request/query/offset must be >= 0"),
        ("filter=kind%00", "This address cannot be read."),
    ],
)
def test_a_question_that_makes_no_sense_is_400(maya_calls: Caller, query: str, message: str) -> None:
    response = maya_calls.raw("GET", f"/entities?{query}")
    assert response.status_code == 400
    name, words = error(response.json())
    assert name == "InputError"
    assert words.startswith(message)
    assert response.json()["request"]["url"].startswith("/entities?")


def test_the_whole_catalogue_is_streamed_in_batches(
    maya_calls: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.api.documents.BATCH", 3)
    response = maya_calls.raw("GET", "/entities")
    assert response.streaming
    assert len(list(response)) == 5  # bracket, three batches, bracket


# by-refs, ancestry, facets


def test_by_refs_answers_in_order_with_null_for_what_is_missing(maya_calls: Caller) -> None:
    wanted = [
        "resource:ledger",
        "component:default/none",
        "API:default/Pay-API",
        "not a ref",
        "component:payments",
    ]
    body = maya_calls.post("/entities/by-refs", {"entityRefs": wanted, "fields": ["metadata.name"]})
    assert body == {
        "items": [
            {"metadata": {"name": "ledger"}},
            None,
            {"metadata": {"name": "pay-api"}},
            None,
            {"metadata": {"name": "payments"}},
        ]
    }


def test_by_refs_may_be_narrowed(maya_calls: Caller) -> None:
    wanted = {"entityRefs": ["component:payments", "component:refunds"], "fields": ["metadata.name"]}
    narrowed = maya_calls.post("/entities/by-refs", wanted, filter="spec.lifecycle=production")
    assert [bool(item) for item in narrowed["items"]] == [True, False]
    narrowed = maya_calls.post("/entities/by-refs", {**wanted, "query": {"spec.lifecycle": "experimental"}})
    assert [bool(item) for item in narrowed["items"]] == [False, True]


def test_a_body_without_a_needed_property_is_400(maya_calls: Caller) -> None:
    body = maya_calls.post("/entities/by-refs", {}, status=400)
    assert error(body) == ("InputError", "request/body must have required property 'entityRefs'")


def test_ancestry_leads_up_to_the_registered_location(maya_calls: Caller, shop: Place) -> None:
    body = maya_calls.get("/entities/by-name/api/default/pay-api/ancestry")
    assert body["rootEntityRef"] == "api:default/pay-api"
    assert [item["entity"]["metadata"]["name"] for item in body["items"]][:2] == ["pay-api", "index"]
    generated = body["items"][2]["entity"]
    assert body["items"][0]["parentEntityRefs"] == ["location:default/index"]
    assert body["items"][1]["parentEntityRefs"] == [f"location:default/{generated['metadata']['name']}"]
    assert body["items"][2]["parentEntityRefs"] == []
    assert generated["spec"] == {"type": "file", "target": shop.location.target}


def test_facets_keep_their_letters_and_come_sorted(maya_calls: Caller) -> None:
    body = maya_calls.get(
        "/entity-facets",
        facet=["kind", "spec.lifecycle", "metadata.tags", "relations.ownedBy", "nothing", "metadata.name"],
        filter=["kind=component", "kind=system"],
    )
    assert body["facets"] == {
        "kind": [{"value": "Component", "count": 3}, {"value": "System", "count": 1}],
        "spec.lifecycle": [
            {"value": "Deprecated", "count": 1},
            {"value": "experimental", "count": 1},
            {"value": "production", "count": 1},
        ],
        "metadata.tags": [{"value": "java", "count": 1}, {"value": "pci", "count": 1}],
        "relations.ownedBy": [
            {"value": "group:default/nobody", "count": 1},
            {"value": "group:default/payments", "count": 3},
        ],
        "nothing": [],
        "metadata.name": [
            {"value": name, "count": 1} for name in ("money", "payments", "refunds", "widgets")
        ],
    }


def test_facets_take_a_query_too(maya_calls: Caller) -> None:
    body = maya_calls.post("/entity-facets", {"facets": ["kind"], "query": {"$not": {"kind": "component"}}})
    assert {"value": "Component", "count": 3} not in body["facets"]["kind"]
    assert {"value": "API", "count": 1} in body["facets"]["kind"]


def test_facets_without_a_facet_are_400(maya_calls: Caller) -> None:
    body = maya_calls.get("/entity-facets", status=400)
    assert error(body) == ("InputError", "request/query must have required property 'facet'")


def test_facets_and_totals_are_counted_again_when_the_catalogue_changes(
    maya_calls: Caller, shop: Place
) -> None:
    before = maya_calls.get("/entity-facets", facet="spec.type", filter="kind=component")
    (shop.folder / "widgets.yaml").unlink()
    shop.read()
    after = maya_calls.get("/entity-facets", facet="spec.type", filter="kind=component")
    assert before != after
    assert after["facets"]["spec.type"] == [{"value": "service", "count": 2}]


# Who may ask


def test_nobody_is_answered_without_credentials(client: Client) -> None:
    response = client.get("/api/catalog/entities")
    assert response.status_code == 401
    assert response.json()["error"]["name"] == "AuthenticationError"
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer ptc_wrong", "Bearer ", "bearer x"])
def test_a_wrong_token_is_refused_even_beside_a_session(maya: User, client_for: Any, header: str) -> None:
    response = client_for(maya).get("/api/catalog/entities", headers={"Authorization": header})
    assert response.status_code == 401


def test_a_session_may_read_and_writes_only_with_its_csrf_token(maya: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(maya, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/catalog/entities").status_code == 200
    body = '{"entityRefs": []}'
    url = "/api/catalog/entities/by-refs"
    assert client.post(url, body, content_type="application/json").status_code == 403
    client.get("/profile/")
    token = client.cookies["csrftoken"].value
    answered = client.post(url, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert answered.json() == {"items": []}


def test_a_body_that_is_no_json_is_400(maya_calls: Caller) -> None:
    for content_type, body in (("text/plain", "{}"), ("application/json", "{"), ("application/json", "NaN")):
        response = maya_calls.client.post(
            "/api/catalog/entities/by-refs",
            body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {maya_calls.secret}"},
        )
        assert response.status_code == 400
        assert response.json()["error"]["name"] == "InputError"


@pytest.mark.parametrize(
    "path",
    [
        "/entities?limit=40",
        "/entities",
        "/entities/by-query?filter=kind=component",
        "/entities/by-name/component/default/payments",
        "/entity-facets?facet=kind&facet=spec.type",
        "/entities/by-name/api/default/pay-api/ancestry",
    ],
)
@pytest.mark.slow
def test_the_number_of_queries_does_not_grow_with_the_entities(maya_calls: Caller, path: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            maya_calls.get(path)
        return len(found)

    queries()
    before = queries()
    for number in range(30):
        factories.entity(f"component:default/more-{number}", type="service")
    queries()
    assert queries() == before
    assert before <= 6
