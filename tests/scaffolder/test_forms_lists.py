"""Arrays and nested objects: rows without a script, ticked options, groups."""

from __future__ import annotations

import pytest

from tests.scaffolder.form_tools import answer, controls, drawn, page_with, post, steps_of

CHAPTERS = {
    "type": "array",
    "items": {"type": "string", "maxLength": 5},
    "minItems": 1,
    "maxItems": 3,
    "uniqueItems": True,
}
SERVICES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
    },
}


def test_ticked_options_come_in_the_order_of_the_template() -> None:
    schema = {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}, "uniqueItems": True}
    assert controls(page_with(x=schema))["x"].kind == "checkboxes"
    assert answer(page_with(x=schema), x=["", "c", "a"]) == ({"x": ["a", "c"]}, {})
    assert answer(page_with(x=schema), x=[""]) == ({}, {})
    assert "not one of the options" in answer(page_with(x=schema), x=["", "z"])[1]["x"]


def test_at_least_and_at_most_so_many() -> None:
    schema = {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 2, "maxItems": 2}
    assert "At least 2" in answer(page_with(x=schema), x=["", "a"])[1]["x"]
    assert "At most 2" in answer(page_with(x=schema), x=["", "a", "b", "c"])[1]["x"]


def test_rows_are_a_list_and_blank_rows_are_none() -> None:
    typed = {"x": "", "x__0": "one", "x__1": " ", "x__2": "two"}
    assert answer(page_with(x=CHAPTERS), **typed) == ({"x": ["one", "two"]}, {})


def test_a_problem_of_a_row_stands_at_the_row() -> None:
    problems = answer(page_with(x=CHAPTERS), x="", x__0="fine", x__1="too long")[1]
    assert list(problems) == ["x/1"]


def test_the_same_row_twice_is_refused() -> None:
    problems = answer(page_with(x=CHAPTERS), x="", x__0="one", x__1="one")[1]
    assert problems == {"x": "“one” is there twice. Remove one."}


def test_a_list_that_is_needed_and_empty() -> None:
    assert "Add at least one" in answer(page_with(["x"], x=CHAPTERS), x="")[1]["x"]


def test_add_draws_one_row_more_and_keeps_what_was_typed() -> None:
    steps = steps_of(page_with(x=CHAPTERS))
    shown = steps.take(post("add:v/x", x="", x__0="one"))
    fields = drawn(steps, shown)
    assert (fields["x/0"].text, fields["x/1"].text, shown.problems) == ("one", "", {})


def test_remove_takes_away_the_row_that_was_meant() -> None:
    steps = steps_of(page_with(x=CHAPTERS))
    shown = steps.take(post("remove:v/x/0", x="", x__0="one", x__1="two"))
    fields = drawn(steps, shown)
    assert fields["x/0"].text == "two"
    assert "x/1" not in fields


def test_no_more_rows_than_the_template_takes() -> None:
    steps = steps_of(page_with(x=CHAPTERS))
    shown = steps.take(post("refresh", x="", x__0="a", x__1="b", x__2="c"))
    assert not drawn(steps, shown)["x"].may_add


def test_defaults_of_a_list_are_its_first_rows() -> None:
    fields = controls(page_with(x={**CHAPTERS, "default": ["a", "b"]}))
    assert [fields["x/0"].text, fields["x/1"].text] == ["a", "b"]


def test_a_list_emptied_on_purpose_stays_empty() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "default": ["a"]}
    assert answer(page_with(x=schema), x="") == ({"x": []}, {})


def test_rows_of_objects() -> None:
    typed = {"x": "", "x__0__name": "api", "x__0__port": "80", "x__1__name": "web", "x__1__port": ""}
    assert answer(page_with(x=SERVICES), **typed) == (
        {"x": [{"name": "api", "port": 80}, {"name": "web"}]},
        {},
    )


def test_each_row_of_objects_is_checked() -> None:
    typed = {"x": "", "x__0__name": "", "x__0__port": "80"}
    assert list(answer(page_with(x=SERVICES), **typed)[1]) == ["x/0/name"]


def test_conditions_within_a_row_are_those_of_the_row() -> None:
    item = {
        "type": "object",
        "properties": {"db": {"type": "boolean"}},
        "dependencies": {
            "db": {"oneOf": [{"properties": {"db": {"const": True}, "size": {"type": "string"}}}]}
        },
    }
    steps = steps_of(page_with(x={"type": "array", "items": item}))
    shown = steps.take(post("refresh", x="", x__0__db=["", "on"], x__1__db=""))
    fields = drawn(steps, shown)
    assert "x/0/size" in fields
    assert "x/1/size" not in fields


def test_a_nested_object() -> None:
    schema = {
        "type": "object",
        "required": ["cpu"],
        "properties": {"cpu": {"type": "integer"}, "gpu": {"type": "string"}},
    }
    assert answer(page_with(["limits"], limits=schema), limits__cpu="2", limits__gpu="") == (
        {"limits": {"cpu": 2}},
        {},
    )
    assert list(answer(page_with(["limits"], limits=schema), limits__cpu="x", limits__gpu="")[1]) == [
        "limits",
        "limits/cpu",
    ]


def test_a_nested_object_that_nobody_filled_in_is_left_out() -> None:
    schema = {"type": "object", "required": ["cpu"], "properties": {"cpu": {"type": "integer"}}}
    assert answer(page_with(limits=schema), limits__cpu="") == ({}, {})


@pytest.mark.parametrize("do", ["next", "add:v/a", "refresh"])
def test_a_row_with_an_endless_number_is_no_row(do: str) -> None:
    page = page_with(a={"type": "array", "items": {"type": "string"}})
    query = post(do)
    query["v/a"] = ""
    query["v/a/" + "9" * 5_000] = "x"
    query["v/a/0"] = "y"
    shown = steps_of(page).take(query)
    assert shown.reading is None or shown.reading.values["a"][0] == "y"
