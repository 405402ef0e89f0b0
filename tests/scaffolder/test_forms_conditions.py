"""Questions that depend on answers: the server decides, with and without a script."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scaffolder.form_tools import answer, controls, drawn, page_with, post, steps_of

DATABASE: dict[str, Any] = {
    "properties": {"needs": {"type": "boolean", "default": False}},
    "dependencies": {
        "needs": {
            "oneOf": [
                {"properties": {"needs": {"const": False}}},
                {
                    "properties": {
                        "needs": {"const": True},
                        "size": {"type": "string", "default": "small", "enum": ["small", "large"]},
                    },
                    "required": ["size"],
                },
            ]
        }
    },
}
PUBLISH: dict[str, Any] = {
    "properties": {"how": {"type": "string", "enum": ["pull", "new"], "default": "new"}},
    "allOf": [
        {
            "if": {"properties": {"how": {"const": "pull"}}},
            "then": {"properties": {"branch": {"type": "string"}}, "required": ["branch"]},
            "else": {"properties": {"org": {"type": "string"}}},
        }
    ],
}


def test_a_dependent_question_appears_with_its_default() -> None:
    steps = steps_of(DATABASE)
    assert list(drawn(steps, steps.first())) == ["needs"]
    opened = drawn(steps, steps.take(post("refresh", needs=["", "on"])))
    assert [opened["size"].text, opened["size"].required] == ["small", True]


def test_only_deciding_questions_draw_the_page_again() -> None:
    page = {**DATABASE, "properties": {**DATABASE["properties"], "name": {"type": "string"}}}
    assert {name: field.decides for name, field in controls(page).items()} == {"needs": True, "name": False}


def test_next_shows_new_questions_before_it_goes_on() -> None:
    steps = steps_of(DATABASE)
    shown = steps.take(post(needs=["", "on"]))
    assert shown.reading is not None
    assert (shown.opened, shown.problems) == (1, {})
    assert steps.take(post(needs=["", "on"], size="large")).reading is None
    assert steps.values() == {"needs": True, "size": "large"}


def test_answers_to_questions_that_closed_again_are_dropped() -> None:
    assert answer(DATABASE, needs="", size="large") == ({"needs": False}, {})


@pytest.mark.parametrize("how, asked", [("pull", "branch"), ("new", "org")])
def test_if_then_else(how: str, asked: str) -> None:
    steps = steps_of(PUBLISH)
    assert list(drawn(steps, steps.take(post("refresh", how=how)))) == ["how", asked]


def test_what_then_requires_is_required() -> None:
    assert "missing" in answer(PUBLISH, how="pull", branch="")[1]["branch"]
    assert answer(PUBLISH, how="new", org="") == ({"how": "new"}, {})


def test_a_dependency_on_being_answered_at_all() -> None:
    page = {
        **page_with(card={"type": "string"}, address={"type": "string"}),
        "dependencies": {"card": ["address"]},
    }
    assert answer(page, card="", address="") == ({}, {})
    assert "missing" in answer(page, card="4", address="")[1]["address"]


def test_a_dependency_that_is_a_schema() -> None:
    page = {
        **page_with(card={"type": "string"}),
        "dependencies": {"card": {"properties": {"address": {"type": "string"}}, "required": ["address"]}},
    }
    steps = steps_of(page)
    assert list(drawn(steps, steps.take(post("refresh", card="4")))) == ["card", "address"]


def test_conditions_within_conditions() -> None:
    inner = {
        "oneOf": [
            {"properties": {"ci": {"const": "azure"}, "project": {"type": "string"}}, "required": ["project"]}
        ]
    }
    host = {
        "oneOf": [
            {
                "properties": {
                    "host": {"const": "GitHub"},
                    "ci": {"type": "string", "enum": ["tekton", "azure"]},
                },
                "dependencies": {"ci": inner},
            }
        ]
    }
    page = {
        "properties": {"host": {"type": "string", "enum": ["GitHub"], "default": "GitHub"}},
        "dependencies": {"host": host},
    }
    steps = steps_of(page)
    assert list(drawn(steps, steps.take(post("refresh", host="GitHub", ci="azure")))) == [
        "host",
        "ci",
        "project",
    ]
    assert list(drawn(steps, steps.take(post("refresh", host="GitHub", ci="tekton")))) == ["host", "ci"]


def test_alternatives_without_a_mark_are_a_choice_of_its_own() -> None:
    page = {
        "oneOf": [
            {"title": "Lorem", "properties": {"lorem": {"type": "string"}}, "required": ["lorem"]},
            {"title": "Ipsum", "properties": {"ipsum": {"type": "string"}}, "required": ["ipsum"]},
        ]
    }
    steps = steps_of(page)
    fields = list(drawn(steps, steps.first()).values())
    assert [option.label for option in fields[0].options] == ["Lorem", "Ipsum"]
    chosen = post(ipsum="x")
    chosen[fields[0].name] = "1"
    assert steps.take(chosen).reading is None
    assert steps.values() == {"ipsum": "x"}


def test_alternatives_told_apart_by_a_question_follow_its_answer() -> None:
    page = {
        "properties": {"kind": {"type": "string", "enum": ["a", "b"]}},
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "x": {"type": "string"}}},
            {"properties": {"kind": {"const": "b"}, "y": {"type": "string"}}},
        ],
    }
    steps = steps_of(page)
    assert list(drawn(steps, steps.take(post("refresh", kind="b")))) == ["kind", "y"]


def test_alternatives_that_only_constrain_are_checked() -> None:
    page = {
        **page_with(a={"type": "string"}, b={"type": "string"}),
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    assert answer(page, a="", b="")[1] == {"": "Answer one of these: a, or b."}
    assert answer(page, a="x", b="")[1] == {}


def test_alternatives_of_one_value() -> None:
    page = page_with(
        a={"anyOf": [{"title": "Number", "type": "integer"}, {"title": "Text", "type": "string"}]}
    )
    steps = steps_of(page)
    first = drawn(steps, steps.first())
    assert first["a"].kind == "number"


def test_a_condition_may_ask_for_an_answer_of_another_page() -> None:
    second = {
        "if": {"properties": {"cloud": {"const": "aws"}}},
        "then": {"properties": {"account": {"type": "string"}}},
    }
    steps = steps_of(page_with(cloud={"type": "string"}), second)
    assert list(drawn(steps, steps.take(post(cloud="aws")))) == ["account"]
    assert list(drawn(steps, steps.take(post(cloud="gcp")))) == []


def test_local_references_are_put_in_place_and_circles_end() -> None:
    page = {
        "definitions": {
            "name": {"type": "string", "minLength": 3},
            "tree": {"properties": {"sub": {"$ref": "#/definitions/tree"}}},
        },
        "properties": {
            "a": {"$ref": "#/definitions/name", "title": "A"},
            "t": {"$ref": "#/definitions/tree"},
        },
    }
    assert "at least 3" in answer(page, a="x")[1]["a"]
