"""Plain questions: texts, numbers, yes and no, choices. Each with a good and a bad answer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from scaffolder.forms import validator
from scaffolder.forms.schema import FormUnreadable, pages_of
from tests.scaffolder.form_tools import answer, controls, page_with

NAME = {
    "type": "string",
    "title": "Name",
    "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "minLength": 3,
    "maxLength": 20,
}


def test_a_text_becomes_a_value_without_blanks_around_it() -> None:
    assert answer(page_with(name=NAME), name="  payout-reports ") == ({"name": "payout-reports"}, {})


def test_an_empty_optional_text_is_left_out() -> None:
    assert answer(page_with(name=NAME), name="") == ({}, {})


@pytest.mark.parametrize(
    "typed, words",
    [
        ("Payout Reports", "Try payout-reports."),
        ("ab", "at least 3"),
        ("a" * 25, "Too long by 5."),
        ("", "Name is missing."),
    ],
)
def test_a_text_that_breaks_a_rule_is_refused_with_what_to_type(typed: str, words: str) -> None:
    _, problems = answer(page_with(["name"], name=NAME), name=typed)
    assert words in problems["name"]


def test_a_pattern_is_told_in_the_words_of_the_template() -> None:
    for custom in (
        {"errorMessage": "Only digits."},
        {"ui:options": {"errorMessage": {"pattern": "Only digits."}}},
    ):
        _, problems = answer(page_with(a={"type": "string", "pattern": "^[0-9]+$", **custom}), a="x")
        assert problems == {"a": "Only digits."}


def test_a_pattern_cannot_be_passed_with_a_line_break_at_the_end() -> None:
    area = {"type": "string", "ui:widget": "textarea", "pattern": "^[a-z]+$"}
    _, problems = answer(page_with(a=area), a="abc\n")
    assert "does not fit" in problems["a"]


def test_a_pattern_that_never_ends_is_stopped() -> None:
    _, problems = answer(page_with(a={"type": "string", "pattern": "^(a|a)*$"}), a="a" * 60 + "!")
    assert "Tell the owner of the template" in problems["a"]


def test_a_pattern_that_nobody_can_read_refuses_and_says_so() -> None:
    _, problems = answer(page_with(a={"type": "string", "pattern": "(["}), a="x")
    assert "Tell the owner of the template" in problems["a"]


@pytest.mark.parametrize(
    "format, good, bad",
    [
        ("email", "maya@example.org", "maya at example"),
        ("uri", "https://example.org/x", "javascript:alert(1)"),
        ("date", "2026-03-31", "31.3.2026"),
    ],
)
def test_formats(format: str, good: str, bad: str) -> None:
    page = page_with(a={"type": "string", "format": format})
    assert answer(page, a=good) == ({"a": good}, {})
    assert "Write it like" in answer(page, a=bad)[1]["a"]


@pytest.mark.parametrize(
    "schema, typed, value",
    [
        ({"type": "integer"}, "8000", 8000),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "number"}, "5", 5),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "9", 9),
        ({"type": ["integer", "null"]}, "", None),
    ],
)
def test_a_number_keeps_its_type(schema: dict[str, Any], typed: str, value: Any) -> None:
    values, problems = answer(page_with(a=schema), a=typed)
    assert (values.get("a"), type(values.get("a")), problems) == (value, type(value), {})


@pytest.mark.parametrize(
    "schema, typed, words",
    [
        ({"type": "integer"}, "eight", "not a whole number"),
        ({"type": "integer"}, "8.5", "not a whole number"),
        ({"type": "number"}, "NaN", "not a number"),
        ({"type": "number"}, "1e999", "not a number"),
        ({"type": "integer", "minimum": 1024, "maximum": 65535}, "80", "from 1024 to 65535"),
        ({"type": "number", "exclusiveMinimum": 0}, "0", "more than 0"),
        ({"type": "integer", "multipleOf": 5}, "7", "multiple of 5"),
    ],
)
def test_a_number_that_does_not_fit_is_refused_and_stays_in_the_field(
    schema: dict[str, Any], typed: str, words: str
) -> None:
    _, problems = answer(page_with(a=schema), a=typed)
    assert words in problems["a"]


def test_a_ticked_box_is_true_and_an_unticked_one_false_or_left_out() -> None:
    page = page_with(
        ["must"],
        must={"type": "boolean"},
        said={"type": "boolean", "default": True},
        free={"type": "boolean"},
    )
    assert answer(page, must="", said="", free="")[0] == {"must": False, "said": False}
    assert answer(page, must=["", "on"], said=["", "on"], free=["", "on"])[0] == {
        "must": True,
        "said": True,
        "free": True,
    }


def test_a_box_that_must_be_ticked() -> None:
    page = page_with(["agree"], agree={"type": "boolean", "const": True})
    assert answer(page, agree="")[1] == {"agree": "Tick this to go on."}
    assert answer(page, agree=["", "on"]) == ({"agree": True}, {})


def test_yes_and_no_as_radio() -> None:
    page = page_with(a={"type": "boolean", "ui:widget": "radio"})
    assert controls(page)["a"].kind == "yesno"
    assert answer(page, a=["", "false"])[0] == {"a": False}
    assert answer(page, a="")[0] == {}


def test_options_keep_the_type_of_their_values_and_show_their_names() -> None:
    schema = {"type": "integer", "enum": [1, 2], "enumNames": ["One", "Two"]}
    assert [option.label for option in controls(page_with(a=schema))["a"].options] == ["One", "Two"]
    assert answer(page_with(a=schema), a="2") == ({"a": 2}, {})


def test_option_names_may_stand_in_ui_words() -> None:
    schema = {"type": "string", "enum": ["a"], "ui:enumNames": ["Letter A"]}
    assert controls(page_with(a=schema))["a"].options[0].label == "Letter A"


def test_constants_with_titles_are_options() -> None:
    schema = {
        "oneOf": [{"const": "s", "title": "Small", "description": "10 GB"}, {"const": "l", "title": "Large"}]
    }
    field = controls(page_with(a=schema))["a"]
    assert [(option.code, option.label, option.hint) for option in field.options] == [
        ("s", "Small", "10 GB"),
        ("l", "Large", ""),
    ]
    assert answer(page_with(a=schema), a="l") == ({"a": "l"}, {})


def test_what_is_not_an_option_is_refused() -> None:
    page = page_with(["a"], a={"type": "string", "enum": ["x", "y"]})
    assert "not one of the options" in answer(page, a="z")[1]["a"]
    assert "Choose one of the options" in answer(page, a="")[1]["a"]


def test_a_disabled_option_is_shown_and_refused() -> None:
    page = page_with(a={"type": "string", "enum": ["x", "y"], "ui:enumDisabled": ["x"], "ui:widget": "radio"})
    assert [option.disabled for option in controls(page)["a"].options] == [True, False]
    assert "not offered" in answer(page, a="x")[1]["a"]


def test_a_fixed_value_needs_no_answer_and_takes_none() -> None:
    assert answer(page_with(a={"const": "v1", "type": "string"}), a="v2") == ({"a": "v1"}, {})


def test_a_hidden_field_is_the_default_whatever_is_sent() -> None:
    page = page_with(a={"type": "string", "default": "github.com", "ui:widget": "hidden"})
    assert controls(page) == {}
    assert answer(page, a="evil.example") == ({"a": "github.com"}, {})


@pytest.mark.parametrize(
    "schema, shown",
    [
        ({"type": "string", "default": 8080}, "8080"),
        ({"type": "integer", "default": "443"}, "443"),
        ({"type": "string", "default": "x"}, "x"),
        ({"type": "string", "enum": ["a"], "default": "gone"}, ""),
    ],
)
def test_defaults_are_made_to_fit(schema: dict[str, Any], shown: str) -> None:
    assert controls(page_with(a=schema))["a"].text == shown


def test_words_of_a_field() -> None:
    schema = {
        "type": "string",
        "title": "Name",
        "description": "See [the guide](https://example.org) <b>now</b>",
        "ui:help": "Short *please*",
        "ui:placeholder": "gift-cards",
        "ui:autofocus": True,
        "ui:widget": "textarea",
        "ui:options": {"rows": 7},
    }
    field = controls(page_with(a=schema))["a"]
    assert (field.kind, field.label, field.placeholder, field.autofocus, field.lines) == (
        "textarea",
        "Name",
        "gift-cards",
        True,
        7,
    )
    assert '<a href="https://example.org"' in field.description
    assert "<b>" not in field.description
    assert field.help == "Short <em>please</em>"


def test_a_property_without_a_title_is_called_by_its_name() -> None:
    fields = controls(page_with(repoOwner={"type": "string"}, chart_ref={"type": "string"}))
    assert [field.label for field in fields.values()] == ["Repo owner", "Chart ref"]


def test_the_template_orders_its_questions() -> None:
    page = {**page_with(a={}, b={}, c={}), "ui:order": ["c", "*", "a"]}
    assert list(controls(page)) == ["c", "b", "a"]


def test_a_note_is_words_without_a_field() -> None:
    page = page_with(a={"type": "null", "description": "Mind the *gap*"})
    assert controls(page)["a"].kind == "note"
    assert answer(page) == ({}, {})


def test_an_unknown_field_is_a_text_with_a_hint() -> None:
    field = controls(page_with(a={"type": "string", "ui:field": "GSChartPicker"}))["a"]
    assert (field.kind, "GSChartPicker" in field.hint) == ("text", True)


def test_free_data_is_json() -> None:
    page = page_with(a={"type": "object"})
    assert answer(page, a='{"x": [1]}') == ({"a": {"x": [1]}}, {})
    assert "This is not JSON" in answer(page, a="{x}")[1]["a"]
    assert "This is not JSON" in answer(page, a='{"x": NaN}')[1]["a"]


def test_a_nul_character_never_becomes_a_value() -> None:
    assert answer(page_with(a={"type": "string"}), a="a\x00b")[0] == {"a": "ab"}


@pytest.mark.parametrize("word", ["readOnly", "ui:readonly", "ui:disabled"])
def test_what_is_read_only_is_shown_and_stays_the_default(word: str) -> None:
    page = page_with(["region"], region={"type": "string", "default": "eu-1", word: True})
    field = controls(page)["region"]
    assert (field.kind, field.text) == ("fixed", "eu-1")
    assert answer(page, region="us-1") == ({"region": "eu-1"}, {})


@pytest.mark.parametrize("value", [1, 2.5, True, None])
def test_a_disabled_option_of_any_type_is_refused(value: Any) -> None:
    page = page_with(a={"enum": [7, value], "ui:enumDisabled": [value]})
    _, problems = answer(page, a=json.dumps(value))
    assert "is not offered at the moment" in problems["a"]


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udfff": 1}', '{"a": "x\\u0000y"}'])
def test_data_that_cannot_be_stored_is_refused_at_the_field_and_stays_there(text: str) -> None:
    page = page_with(data={"type": "object"})
    values, problems = answer(page, data=text)
    assert values == {}
    assert "This is not JSON" in problems["data"]


def test_patterns_of_one_request_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validator, "ALL_SECONDS", 0.5)
    slow = {f"f{number}": {"type": "string", "pattern": f"^(a|a){{1,99}}b{number}$"} for number in range(40)}
    started = time.monotonic()
    with validator.patience():
        _, problems = answer(page_with(None, **slow), **dict.fromkeys(slow, "a" * 60))
    assert time.monotonic() - started < 4
    assert len(problems) == 40


def test_a_list_of_options_brought_again_and_again_is_refused() -> None:
    document = {
        "spec": {
            "parameters": {
                "definitions": {"many": {"enum": list(range(5_000))}},
                "properties": {f"f{number}": {"$ref": "#/definitions/many"} for number in range(2_000)},
            }
        }
    }
    started = time.process_time()
    with pytest.raises(FormUnreadable, match="Split the template"):
        pages_of(document)
    assert time.process_time() - started < 2


def test_a_few_long_lists_of_options_are_taken() -> None:
    several = {
        f"f{number}": {"type": "string", "enum": [f"o{n}" for n in range(400)]} for number in range(20)
    }
    assert len(controls(page_with(None, **several))) == 20
