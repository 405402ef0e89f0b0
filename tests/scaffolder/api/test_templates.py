"""What Backstage's clients learn about templates before they ask for a run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from scaffolder import actions
from scaffolder.templating import backstage, render_value
from scaffolder.templating.extensions import EXTENSIONS
from tests import factories
from tests.scaffolder.api.conftest import Caller
from tests.scaffolder.templates import document, log_step, template

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folders")]
SCHEMA_OF_SERVICE = "/templates/default/template/service/parameter-schema"
PAGES = [
    {
        "title": "About it",
        "description": "Who and what.",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "ui:autofocus": True},
            "alpha": {"type": "string", "x-own": {"kept": True}},
        },
    },
    {"properties": {"token": {"type": "string", "ui:field": "Secret"}}},
]


def test_the_pages_of_the_form_are_as_they_were_written(maya_calls: Caller) -> None:
    template(document([log_step("x")], parameters=PAGES))
    found = maya_calls.get(SCHEMA_OF_SERVICE)
    assert found["title"] == "A service"
    assert [step["title"] for step in found["steps"]] == [
        "About it",
        "Please enter the following information",
    ]
    assert [step["schema"] for step in found["steps"]] == PAGES
    assert found["steps"][0]["description"] == "Who and what."


def test_questions_keep_the_order_of_the_file(maya_calls: Caller) -> None:
    written = document([log_step("x")], parameters=PAGES)
    entity = template(written)
    entity.source_text = "spec: {parameters: [{properties: {name: {}, alpha: {}}}, {}]}"
    entity.save(update_fields=["source_text"])
    found = maya_calls.get(SCHEMA_OF_SERVICE)
    assert list(found["steps"][0]["schema"]["properties"]) == ["name", "alpha"]


def test_one_page_that_is_no_list_is_one_step(maya_calls: Caller) -> None:
    template(document([log_step("x")], parameters=PAGES[0]))
    assert len(maya_calls.get(SCHEMA_OF_SERVICE)["steps"]) == 1


def test_a_template_without_questions_has_no_steps(maya_calls: Caller) -> None:
    template(document([log_step("x")]))
    found = maya_calls.get("/templates/Default/Template/Service/parameter-schema")
    assert found == {"title": "A service", "steps": []}


@pytest.mark.parametrize(
    "path",
    [
        "/templates/default/template/none/parameter-schema",
        "/templates/default/component/payments/parameter-schema",
    ],
)
def test_what_is_no_template_is_not_found(maya_calls: Caller, path: str) -> None:
    factories.entity("component:default/payments")
    assert maya_calls.get(path, status=404)["error"]["name"] == "NotFoundError"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"apiVersion": "backstage.io/v1beta2"}, "Unsupported apiVersion"),
        ({"spec": {"parameters": ["x"], "steps": []}}, "page 1 is not an object"),
    ],
)
def test_a_template_that_cannot_be_shown_says_why(
    maya_calls: Caller, changed: dict[str, Any], words: str
) -> None:
    entity = template(document([log_step("x")]))
    entity.document |= changed
    entity.save(update_fields=["document"])
    assert words in maya_calls.get(SCHEMA_OF_SERVICE, status=400)["error"]["message"]


def test_every_action_is_listed_with_its_schemas_and_an_example(maya_calls: Caller) -> None:
    found = maya_calls.get("/actions")
    assert [action["id"] for action in found] == actions.names()
    for action in found:
        Draft7Validator.check_schema(action["schema"]["input"])
        Draft7Validator.check_schema(action["schema"]["output"])
        assert action["description"]
        assert action["id"] in action["examples"][0]["example"]


def test_filters_of_backstage_are_described_and_the_examples_are_true(maya_calls: Caller) -> None:
    found = maya_calls.get("/templating-extensions")
    assert set(found["filters"]) == set(backstage.FILTERS)
    assert found["globals"] == {"functions": {}, "values": {}}
    for told in EXTENSIONS.values():
        for example in told.examples:
            output = render_value(example.expression, {})
            assert example.output == (output if isinstance(output, str) else json.dumps(output))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"token": "t", "context": {}}, "Unsupported provider: github"),
        ({"token": "", "context": {}}, "Missing token"),
        ({"context": {}}, "required property 'token'"),
    ],
)
def test_completing_what_is_typed_is_refused(maya_calls: Caller, body: dict[str, Any], words: str) -> None:
    error = maya_calls.post("/autocomplete/github/repositories", body, status=400)["error"]
    assert error["name"] == "InputError"
    assert words in error["message"]
