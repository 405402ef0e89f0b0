"""Kinds that the catalogue describes itself: defined by organisation sources, checked by schema, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.kind_definitions import faults_of_definition
from catalog.kind_schema import Checker, SchemaUnusable, TooCostly
from catalog.models import Entity, Location
from control.models import User
from tests.catalog.pages import links
from tests.catalog.places import Place, component, entity, relations

ROBOT: dict[str, Any] = {
    "group": "factory.example",
    "versions": ["v1", "v2"],
    "names": {"kind": "Robot", "plural": "Robots of the floor"},
    "schema": {
        "type": "object",
        "required": ["model", "owner"],
        "additionalProperties": False,
        "properties": {
            "model": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"},
            "owner": {"type": "string"},
            "arms": {"type": "integer", "minimum": 1},
            "mode": {"enum": ["weld", "paint"]},
            "controller": {"type": "string"},
            "lines": {"type": "array", "items": {"type": "string"}},
        },
    },
    "relations": {
        "controller": {"type": "dependsOn", "targetKind": "component"},
        "lines": {"type": "partOf", "targetKind": "system"},
    },
    "icon": "bot",
    "columns": [{"title": "Model", "field": "model"}, {"title": "Lines", "field": "lines"}],
}


def definition(name: str = "robot", **spec: Any) -> str:
    document = {
        "apiVersion": "portico.dev/v1",
        "kind": "KindDefinition",
        "metadata": {"name": name},
        "spec": {**ROBOT, **spec},
    }
    return yaml.safe_dump(document, sort_keys=False)


def robot(
    name: str = "arm-7", api_version: str = "factory.example/v1", kind: str = "Robot", **spec: Any
) -> str:
    document = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "title": "The seventh arm"},
        "spec": {"model": "K-7", "owner": "payments", **spec},
    }
    return yaml.safe_dump(document, sort_keys=False)


@pytest.fixture
def org(db: None, tmp_path: Path) -> Place:
    place = Place(tmp_path / "org", is_org_source=True)
    place.write("robot.yaml", definition())
    place.read()
    assert not place.problems
    return place


def errors(place: Place) -> list[tuple[int | None, str]]:
    return [(p.line, p.message) for p in place.problems if p.severity == "error"]


def test_a_valid_document_is_taken_with_its_relations_both_ways(org: Place, place: Place) -> None:
    place.write("a.yaml", robot(controller="brain", lines=["east"]) + "---\n" + component("brain"))
    place.read()
    assert not errors(place)
    assert relations("robot:default/arm-7") == [
        ("dependsOn", "component:default/brain"),
        ("ownedBy", "group:default/payments"),
        ("partOf", "system:default/east"),
    ]
    assert ("dependencyOf", "robot:default/arm-7") in relations("component:default/brain")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (robot(model="seven"), 7, "spec.model is “seven”, which its rule pattern"),
        (robot(arms="two"), 9, "spec.arms is “two”. Its type must be integer"),
        (robot(arms=0), 9, "spec.arms is “0”, which its rule minimum"),
        (robot(mode="sing"), 9, "spec.mode is “sing”. Write one of weld, paint"),
        (robot(colour="red"), 9, "spec.colour is no field of this kind"),
        (robot().replace("  model: K-7\n", ""), 6, "spec lacks model"),
        (robot(kind="ROBOT"), 2, "is spelled Robot"),
        (robot(api_version="factory.example/v3"), 1, "is not one of Robot. Write factory.example/v1"),
        (robot(lines=["a", 7]), 11, "spec.lines.1 is “7”. Its type must be string"),
    ],
)
def test_a_document_that_its_definition_does_not_take_is_told_with_the_line(
    org: Place, place: Place, text: str, line: int, words: str
) -> None:
    place.write("a.yaml", text + "---\n" + component("neighbour"))
    place.read()
    [(found, message)] = errors(place)
    assert words in message
    assert message.endswith(".")
    assert found == line
    assert place.refs == {"component:default/neighbour"}


def test_a_second_version_is_taken_and_a_kind_that_nobody_defined_too(org: Place, place: Place) -> None:
    place.write("a.yaml", robot(api_version="factory.example/v2") + "---\n" + robot(kind="Drone", model=7))
    place.read()
    assert place.refs == {"robot:default/arm-7", "drone:default/arm-7"}


def test_only_organisation_sources_define_kinds(place: Place) -> None:
    place.write("a.yaml", definition())
    place.read()
    [(_, message)] = errors(place)
    assert message.startswith("A KindDefinition cannot come from this location")
    assert "Ask an administrator" in message
    assert not place.refs


def test_a_changed_definition_judges_unchanged_files_again_at_the_next_read(org: Place, place: Place) -> None:
    place.write("a.yaml", robot(arms=2))
    place.write("b.yaml", component("bystander"))
    place.read()
    Location.objects.update(next_read_at=None)
    schema = {**ROBOT["schema"], "properties": {**ROBOT["schema"]["properties"], "arms": {"minimum": 3}}}
    org.write("robot.yaml", definition(schema=schema))
    org.read()
    place.location.refresh_from_db()
    assert place.location.next_read_at is not None
    place.read()
    [(_, message)] = errors(place)
    assert "spec.arms is “2”" in message
    assert entity("robot:default/arm-7").orphaned_at is not None  # the last good version stays
    org.write("robot.yaml", definition())
    org.read()
    place.read()
    assert not errors(place)
    assert entity("robot:default/arm-7").orphaned_at is None


def test_a_definition_that_comes_later_judges_what_was_there(place: Place, tmp_path: Path) -> None:
    place.write("a.yaml", robot(colour="red"))
    place.read()
    assert place.refs
    org = Place(tmp_path / "org", is_org_source=True)
    org.write("robot.yaml", definition())
    org.read()
    place.read()
    assert len(errors(place)) == 1


def test_a_definition_that_goes_lets_its_documents_be(org: Place, place: Place) -> None:
    place.write("a.yaml", robot(colour="red"))
    place.read()
    assert errors(place)
    (org.folder / "robot.yaml").unlink()
    org.write("none.yaml", "# nothing here\n")
    org.read()
    place.read()
    assert not errors(place)
    assert place.refs == {"robot:default/arm-7"}


def test_changed_relation_fields_change_the_relations_of_unchanged_documents(
    org: Place, place: Place
) -> None:
    place.write("a.yaml", robot(controller="brain"))
    place.read()
    org.write(
        "robot.yaml", definition(relations={"controller": {"type": "partOf", "targetKind": "component"}})
    )
    org.read()
    place.read()
    assert ("partOf", "component:default/brain") in relations("robot:default/arm-7")
    assert ("dependsOn", "component:default/brain") not in relations("robot:default/arm-7")


def test_a_change_that_concerns_words_alone_writes_no_entity(org: Place, place: Place) -> None:
    place.write("a.yaml", robot())
    place.read()
    before = entity("robot:default/arm-7").changed_at
    org.write("robot.yaml", definition(icon="box"))
    org.read()
    assert place.read().changed == 0
    assert entity("robot:default/arm-7").changed_at == before


def test_files_of_other_kinds_are_not_parsed_again(org: Place, place: Place) -> None:
    place.write("a.yaml", component("bystander"))
    place.read()
    org.write("robot.yaml", definition(icon="box"))
    org.read()
    with CaptureQueriesContext(connection) as captured:
        place.read()
    assert not any("entity_stage" in query["sql"] for query in captured.captured_queries)


def test_definitions_cost_no_query_for_each_document(org: Place, place: Place) -> None:
    def queries(count: int) -> int:
        place.write("a.yaml", "---\n".join(robot(f"arm-{number}") for number in range(count)))
        with CaptureQueriesContext(connection) as captured:
            place.read()
        return len([q for q in captured.captured_queries if "progress" not in q["sql"]])

    queries(25)
    assert abs(queries(60) - queries(120)) <= 2  # each brings more than are recorded one by one


def test_pages_call_it_by_its_words_and_show_its_columns(
    org: Place, place: Place, maya: User, client_for: Callable[[User], Client]
) -> None:
    place.write("a.yaml", robot(lines=["east", "west"]) + "---\n" + robot("arm-8", model="K-8"))
    place.read()
    client = client_for(maya)
    listed = client.get("/catalog/?kind=robot").content.decode()
    assert "The seventh arm" in listed
    assert '<th scope="col" class="from-tablet">Model</th>' in listed
    assert ">K-8</td>" in listed
    assert "Model</th>" not in client.get("/catalog/").content.decode()
    page = client.get("/catalog/robot/default/arm-7/").content.decode()
    assert "Robots of the floor" in page
    assert "K-7" in page
    assert "/catalog/?kind=robot" in links(page)
    assert 'href="#icon-bot"' in listed


@pytest.mark.parametrize(
    ("spec", "line", "words"),
    [
        ({"names": {"kind": "Component", "plural": "x"}}, 11, "The kind Component is built in"),
        ({"names": {"kind": "robot x", "plural": "x"}}, 11, "is no name of a kind"),
        ({"names": {"kind": "Robot"}}, 10, "spec.names.plural is missing"),
        ({"names": {"kind": "Drone", "plural": "Drones"}}, 4, "metadata.name must be drone"),
        ({"group": "Factory Floor"}, 6, "spec.group is no group"),
        ({"versions": []}, 7, "spec.versions must be a list"),
        ({"schema": "x"}, None, "spec.schema is missing"),
        ({"schema": {"type": "objekt"}}, None, "is no JSON Schema"),
        ({"schema": {"$ref": "https://evil.example/x"}}, None, "nothing is fetched"),
        (
            {"schema": {"$schema": "http://json-schema.org/draft-04/schema#"}},
            None,
            "draft 2020-12 and draft-07",
        ),
        ({"schema": {"properties": {"a": {"pattern": "(?=x)y"}}}}, None, "Leave out look-around"),
        ({"schema": {"patternProperties": {"(a)\\1": {}}}}, None, "Leave out look-around"),
        ({"schema": {"unevaluatedProperties": False}}, None, "Write additionalProperties instead"),
        ({"schema": {"$defs": {"a": {"$id": "https://x.example"}}}}, None, "below the top"),
        (
            {"schema": {"const": {"$schema": "http://json-schema.org/draft-07/schema#"}}},
            None,
            "below the top",
        ),
        ({"relations": {"controller": {"type": "likes"}}}, None, "needs a type: one of ownedBy"),
        ({"relations": {"controller": {"type": "dependsOn", "x": 1}}}, None, "type and targetKind"),
        ({"icon": "no-such-icon"}, None, "There is no icon no-such-icon"),
        ({"columns": [{"title": "A"}]}, None, "A column needs a title and the field"),
        ({"columns": [{"title": "A", "field": "a"}] * 5}, None, "at most 4 columns"),
        ({"plural": "x"}, None, "spec.plural is no field"),
    ],
)
def test_a_definition_with_a_mistake_is_not_taken_and_says_what_to_write(
    org: Place, spec: dict[str, Any], line: int | None, words: str
) -> None:
    org.write("robot.yaml", definition(**spec))
    org.read()
    found = [(at, message) for at, message in errors(org) if words in message]
    assert found, errors(org)
    assert line is None or found[0][0] == line
    assert Entity.objects.filter(ref="kinddefinition:default/robot", orphaned_at__isnull=False).exists()


def test_an_older_draft_and_a_fragment_are_taken() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://factory.example/robot",
        "definitions": {"text": {"type": "string"}},
        "properties": {"a": {"$ref": "#/definitions/text"}},
    }
    assert not Checker(schema).broken({"a": "x"})
    assert Checker(schema).broken({"a": 1})


def nested(levels: int) -> dict[str, Any]:
    """Each level asks for the one below it twice: two to the power of `levels` checks."""
    defs: dict[str, Any] = {"d0": {"type": "string"}}
    for number in range(1, levels):
        defs[f"d{number}"] = {"allOf": [{"$ref": f"#/$defs/d{number - 1}"}] * 2}
    return {"$defs": defs, "$ref": f"#/$defs/d{levels - 1}"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "(a+)+$"}, "a" * 5_000 + "!"),
        ({"pattern": "(x+x+)+y"}, "x" * 20_000),
        ({"patternProperties": {"^(a|a)*$": {"type": "string"}}}, {"a" * 3_000 + "!": 1}),
        (
            {"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": {"type": "string"}},
            {"a" * 3_000 + "!": "x"},
        ),
        (nested(40), "x"),
        ({"$ref": "#"}, {}),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, {}),
        ({"uniqueItems": True}, [[number] for number in range(50_000)]),
        ({"items": {"enum": [["x"] * 50] * 500}}, [["x"] * 49 + ["y"]] * 20_000),
        ({"$ref": "#/examples/0", "examples": [{"pattern": "(a+)+$"}]}, "a" * 5_000 + "!"),
    ],
)
def test_no_schema_and_no_document_make_checking_run_on(schema: dict[str, Any], value: Any) -> None:
    started = time.monotonic()
    with suppress(TooCostly, SchemaUnusable):
        Checker(schema).broken(value)
    assert time.monotonic() - started < 4


def test_a_pattern_hidden_from_view_still_runs_on_re2() -> None:
    hidden = {"$ref": "#/examples/0", "examples": [{"pattern": "(?=x)"}]}
    with pytest.raises(SchemaUnusable):
        Checker(hidden).broken("x")


def test_a_schema_nested_for_ever_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"not": deep}
    with pytest.raises(SchemaUnusable):
        Checker(deep)


def test_what_takes_too_long_is_said_at_the_document_and_the_rest_is_read(org: Place, place: Place) -> None:
    schema = nested(40)
    schema["$defs"]["d0"] = {"type": "object"}
    org.write("robot.yaml", definition(schema=schema))
    org.read()
    assert not errors(org)
    place.write("a.yaml", robot() + "---\n" + component("neighbour"))
    place.read()
    [(_, message)] = errors(place)
    assert "takes too long" in message
    assert place.refs == {"component:default/neighbour"}


def test_every_complaint_about_a_definition_is_a_sentence() -> None:
    document = {
        "apiVersion": "portico.dev/v1",
        "kind": "KindDefinition",
        "metadata": {"name": "x"},
        "spec": {"a": 1},
    }
    faults = faults_of_definition(document)
    assert len(faults) >= 4
    assert all(fault.message.endswith(".") for fault in faults)
