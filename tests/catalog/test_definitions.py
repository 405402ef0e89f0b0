"""What the API tab reads out of a definition."""

from __future__ import annotations

from catalog.definitions import Definition, definition_of
from catalog.models import Entity

OPENAPI = """
openapi: 3.1.0
info: {title: Payments API, version: "2"}
paths:
  /payments:
    get: {tags: [Reading], summary: List payments}
    post: {tags: [Writing], description: "Authorise\\nmore words"}
  /refunds/{id}:
    delete: {operationId: dropRefund, deprecated: true}
    parameters: []
"""


def read(text: str, type: str = "openapi") -> Definition:
    entity = Entity(kind="api", type=type, document={"spec": {"definition": text}})
    definition = definition_of(entity)
    assert definition
    return definition


def test_the_operations_of_openapi_are_listed_by_tag() -> None:
    definition = read(OPENAPI)
    assert (definition.format, definition.title, definition.version) == ("OpenAPI 3.1.0", "Payments API", "2")
    assert [(g.title, [(o.method, o.path, o.summary) for o in g.operations]) for g in definition.groups] == [
        ("Reading", [("GET", "/payments", "List payments")]),
        ("Writing", [("POST", "/payments", "Authorise")]),
        ("", [("DELETE", "/refunds/{id}", "dropRefund")]),
    ]
    assert definition.groups[2].operations[0].deprecated


def test_openapi_in_json_is_read_too() -> None:
    assert read('{"openapi": "3.0.3", "paths": {"/a": {"get": {"summary": "A"}}}}').count == 1


def test_a_definition_that_does_not_parse_is_shown_as_text_with_the_reason() -> None:
    definition = read("openapi: [")
    assert definition.groups == []
    assert definition.trouble.startswith("It cannot be parsed")


def test_channels_of_asyncapi_two_and_operations_of_three_are_listed() -> None:
    two = read("asyncapi: 2.6.0\nchannels:\n  paid:\n    subscribe: {summary: Was paid}", "asyncapi")
    assert [(o.method, o.path, o.summary) for o in two.groups[0].operations] == [
        ("SUBSCRIBE", "paid", "Was paid")
    ]
    three = read(
        "asyncapi: 3.0.0\nchannels: {paid: {address: payments.paid}}\n"
        "operations:\n  onPaid: {action: receive, channel: {$ref: '#/channels/paid'}}",
        "asyncapi",
    )
    assert [(o.method, o.path) for o in three.groups[0].operations] == [("RECEIVE", "payments.paid")]


def test_odd_shapes_inside_a_definition_are_passed_over() -> None:
    assert read("openapi: 3.0.0\npaths: [1]\ninfo: text").count == 0
    assert read("openapi: 3.0.0\npaths: {/a: null, /b: {get: 7}}").count == 0


def test_graphql_is_shown_as_text_in_its_own_language() -> None:
    definition = read("type Query { book: Book }", "graphql")
    assert (definition.language, definition.groups, definition.trouble) == ("graphql", [], "")


def test_an_api_without_definition_has_none() -> None:
    assert definition_of(Entity(kind="api", type="mcp-server", document={"spec": {"remotes": []}})) is None
    assert definition_of(Entity(kind="component", document={"spec": {"definition": "x"}})) is None
