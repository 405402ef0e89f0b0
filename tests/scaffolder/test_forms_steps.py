"""The way through a form: pages, Back, the review, secrets, and what a browser may not change."""

from __future__ import annotations

import random

import pytest

from scaffolder.forms import review, secret_answers
from scaffolder.forms.carrying import LONGEST, AnswersLost, Carried, PageAnswers, pack, unpack
from scaffolder.forms.schema import FormUnreadable, pages_of
from scaffolder.forms.steps import Steps
from tests.scaffolder.form_tools import drawn, page_with, post, steps_of

ONE = page_with(["name"], name={"type": "string", "title": "Name"})
TWO = page_with(size={"type": "integer", "title": "Size"})
TOKEN = page_with(["token"], token={"type": "string", "title": "Token", "ui:field": "Secret", "minLength": 4})


def test_pages_come_one_after_the_other_and_end_in_the_review() -> None:
    steps = steps_of(ONE, TWO)
    second = steps.take(post("next", 0, name="x"))
    assert second.reading is not None
    assert second.reading.page.index == 1
    assert steps.take(post("next", 1, size="3")).reading is None
    assert steps.values() == {"name": "x", "size": 3}


def test_a_page_that_is_not_right_is_shown_again() -> None:
    shown = steps_of(ONE, TWO).take(post("next", 0, name=""))
    assert shown.reading is not None
    assert (shown.reading.page.index, list(shown.problems)) == (0, [("name",)])


def test_back_keeps_what_was_typed_even_if_it_is_no_value() -> None:
    steps = steps_of(ONE, TWO)
    steps.take(post("next", 0, name="x"))
    first = steps.take(post("back", 1, size="many"))
    assert drawn(steps, first)["name"].text == "x"
    assert drawn(steps, steps.take(post("next", 0, name="x")))["size"].text == "many"


def test_an_unreadable_answer_never_gets_past_the_review() -> None:
    steps = steps_of(ONE, TWO)
    steps.take(post("next", 0, name="x"))
    steps.take(post("back", 1, size="many"))
    shown = steps.review()
    assert shown.reading is not None
    assert "not a whole number" in shown.problems[("size",)]


def test_nobody_jumps_over_a_page() -> None:
    shown = steps_of(ONE, TWO).take(post("goto:2", 0, name="x"))
    assert shown.reading is not None
    assert shown.reading.page.index == 1


def test_the_review_checks_every_page_again() -> None:
    steps = steps_of(ONE, TWO)
    steps.carried.pages = {0: PageAnswers({"name": 5}), 1: PageAnswers({})}
    shown = steps.take(post("submit", 2))
    assert shown.reading is not None
    assert (shown.reading.page.index, shown.wants_submit) == (0, False)


def test_submit_on_the_review_is_what_starts_a_run() -> None:
    steps = steps_of(ONE)
    steps.take(post("next", 0, name="x"))
    assert steps.take(post("submit", 1)).wants_submit


def test_a_template_without_parameters_is_a_review_at_once() -> None:
    assert steps_of().first().reading is None


def test_an_object_of_parameters_is_one_page() -> None:
    assert len(pages_of({"spec": {"parameters": ONE}})) == 1


@pytest.mark.parametrize("parameters", ["text", [1], [{"$yaml": "./gone.yaml"}]])
def test_parameters_that_are_no_form_are_refused_with_the_place(parameters: object) -> None:
    with pytest.raises(FormUnreadable, match=r"spec\.parameters"):
        pages_of({"spec": {"parameters": parameters}})


def test_a_form_without_end_is_refused() -> None:
    deep: dict[str, object] = {"type": "string"}
    for _ in range(50):
        deep = {"properties": {"a": deep}}
    with pytest.raises(FormUnreadable, match="levels deep"):
        pages_of({"spec": {"parameters": deep}})
    wide: dict[str, object] = {"properties": {f"p{n}": {} for n in range(4_000)}}
    with pytest.raises(FormUnreadable, match="Split the template"):
        pages_of({"spec": {"parameters": wide}})


@pytest.mark.parametrize(
    "odd",
    [
        {"minLength": "3"},
        {"enum": "x"},
        {"pattern": 5},
        {"required": True},
        {"properties": [1]},
        {"items": 3},
        {"if": 1},
    ],
)
def test_keywords_of_a_wrong_shape_break_nothing(odd: dict[str, object]) -> None:
    steps = steps_of({"properties": {"a": {"type": "string", **odd}}, **odd})
    assert steps.first().reading is not None


def test_answers_travel_signed_and_come_back_the_same() -> None:
    carried = Carried({0: PageAnswers({"name": "x"}, {"c": 1}, [(("n",), "many", "no")])})
    back = unpack(pack(carried, person=1, template="t", digest="d"), person=1, template="t", digest="d")
    assert (back.pages, back.key, back.is_stale) == (carried.pages, carried.key, False)


@pytest.mark.parametrize("change", ["altered", "person", "template", "long"])
def test_answers_that_were_altered_or_are_somebody_else_s_are_refused(change: str) -> None:
    text = pack(Carried(), person=1, template="t", digest="d")
    text = {"altered": "x" + text, "long": text + "x" * LONGEST}.get(change, text)
    person, template = (2 if change == "person" else 1), ("other" if change == "template" else "t")
    with pytest.raises(AnswersLost):
        unpack(text, person=person, template=template, digest="d")


def test_answers_to_a_template_that_changed_are_kept_and_said_to_be_stale() -> None:
    assert unpack(
        pack(Carried(), person=1, template="t", digest="d"), person=1, template="t", digest="e"
    ).is_stale


def test_answers_without_end_are_refused() -> None:
    noise = " ".join(str(number * 7919) for number in range(400_000))
    with pytest.raises(AnswersLost, match="too long"):
        pack(Carried({0: PageAnswers({"a": noise})}), person=1, template="t", digest="d")


@pytest.mark.parametrize("marked", [{"ui:field": "Secret"}, {"ui:widget": "password"}])
def test_a_secret_is_asked_last_and_never_a_value(marked: dict[str, str]) -> None:
    page = page_with(["token"], token={"type": "string", "title": "Token", **marked})
    steps = steps_of(page)
    assert drawn(steps, steps.first())["token"].kind == "secret"
    assert steps.take(post(token="hunter2")).reading is None
    assert steps.values() == {}
    assert [question.name for question in steps.secrets()] == ["token"]
    assert "hunter2" not in pack(steps.carried, person=1, template="t", digest="d")


def test_a_secret_that_is_missing_or_does_not_fit_is_refused_without_repeating_it() -> None:
    steps = steps_of(TOKEN)
    asked = steps.secrets()
    assert "Token is missing" in secret_answers.problems_of(asked, {}, steps.catalogue)["token"]
    problem = secret_answers.problems_of(asked, {"token": "abc"}, steps.catalogue)["token"]
    assert ("abc" in problem, "at least 4" in problem) == (False, True)
    assert secret_answers.problems_of(asked, {"token": "abcd"}, steps.catalogue) == {}


def test_the_review_says_answers_in_words() -> None:
    page = page_with(
        size={"type": "string", "enum": ["s"], "enumNames": ["Small, 10 GB"]},
        on={"type": "boolean"},
        repo={"type": "string", "ui:field": "RepoUrlPicker"},
        rows={"type": "array", "items": {"type": "string"}},
        key={"type": "string", "ui:field": "Secret"},
        quiet={"type": "string", "ui:backstage": {"review": {"show": False}}},
        masked={"type": "string", "ui:backstage": {"review": {"mask": "***"}}},
        empty={"type": "string"},
    )
    steps = steps_of(page)
    reading = steps.first().reading
    assert reading is not None
    values = {
        "size": "s",
        "on": True,
        "repo": "h?owner=o&repo=r",
        "rows": ["a", "b"],
        "quiet": "q",
        "masked": "m",
    }
    found = {
        answer.label: answer.words for answer in review.section(reading.page, reading.schema, values).answers
    }
    assert found == {
        "Size": "Small, 10 GB",
        "On": "Yes",
        "Repo": "h/o/r",
        "Rows": "a, b",
        "Key": "Asked below",
        "Masked": "***",
        "Empty": "Not answered",
    }


@pytest.mark.parametrize("do", ["next", "back", "goto:0"])
def test_an_answer_that_is_too_long_is_told_at_the_field_and_nothing_is_lost(do: str) -> None:
    area = {"type": "string", "ui:widget": "textarea"}
    steps = steps_of(page_with(first={"type": "string"}), page_with(short={"type": "string"}, long=area))
    steps.take(post("next", 0, first="kept"))
    shown = steps.take(post(do, 1, short="a", long="x" * 200_100))
    assert shown.reading is not None
    assert shown.reading.values["long"] == "x" * 200_100
    assert "Too long by" in shown.problems[("long",)]
    assert steps.values() == {"first": "kept"}


def test_the_longest_answers_that_are_taken_can_be_carried() -> None:
    noise = "".join(
        random.Random(1).choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01", k=199_000)
    )
    steps = steps_of(page_with(long={"type": "string", "ui:widget": "textarea"}))
    assert steps.take(post("next", 0, long=noise)).reading is None
    packed = pack(steps.carried, person=1, template="template:default/x", digest="d")
    assert unpack(packed, person=1, template="template:default/x", digest="d").pages[0].values == {
        "long": noise
    }


def test_answers_of_pages_that_the_template_has_no_more_are_dropped() -> None:
    steps = steps_of(page_with(first={"type": "string"}), page_with(gone={"type": "string"}))
    steps.take(post("next", 0, first="a"))
    steps.take(post("next", 1, gone="b"))
    fewer = Steps(steps.pages[:1], steps.catalogue, steps.carried)
    assert fewer.values() == {"first": "a"}
    assert fewer.review().reading is None
