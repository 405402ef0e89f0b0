"""Each word of a template's form that people use: drawn, answered, and refused at the field; none is passed over."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from control.models import User
from scaffolder.forms import secret_answers
from scaffolder.forms.kinds import KNOWN_FIELDS
from scaffolder.forms.schema import pages_of
from tests import factories
from tests.scaffolder.form_tools import answer, controls, page_with, post, steps_of

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Case:
    """`shows` stands in the page; `good` becomes `value`; `bad` is refused at the field with `words`."""

    schema: dict[str, Any]
    shows: str
    good: Any = "abc"
    value: Any = "abc"
    bad: Any = None
    words: str = ""
    required: bool = True
    others: dict[str, Any] = field(default_factory=dict)


TEXT = {"type": "string"}
TEAM = "group:default/payments"
REPOSITORY = {"a__host": "git.localhost", "a__owner": "halfmoon", "a__repo": "x"}

CASES: dict[str, Case] = {
    "properties": Case(
        {"type": "object", "properties": {"b": TEXT}}, "<fieldset", good={"a__b": "x"}, value={"b": "x"}
    ),
    "title": Case({**TEXT, "title": "Name of it"}, "Name of it"),
    "type": Case({"type": "integer"}, 'inputmode="numeric"', "3", 3, "many", "not a whole number"),
    "required": Case(TEXT, "<input", bad="", words="missing"),
    "description": Case({**TEXT, "description": "As *short* as it can be"}, "As <em>short</em>"),
    "default": Case({**TEXT, "default": "blue"}, 'value="blue"'),
    "enum": Case({**TEXT, "enum": ["s", "m"]}, "<select", "m", "m", "xl", "not one of the options"),
    "enumNames": Case({**TEXT, "enum": ["s"], "enumNames": ["Small, 10 GB"]}, "Small, 10 GB", "s", "s"),
    "const": Case({**TEXT, "const": "fixed"}, "fixed", "forged", "fixed"),
    "pattern": Case({**TEXT, "pattern": "^[a-z]+$"}, "<input", "abc", "abc", "A1", "^[a-z]+$"),
    "maxLength": Case({**TEXT, "maxLength": 3}, "<input", bad="abcd", words="3"),
    "minLength": Case({**TEXT, "minLength": 3}, "<input", bad="ab", words="3"),
    "minimum": Case({"type": "number", "minimum": 2}, 'inputmode="decimal"', "2.5", 2.5, "1", "2"),
    "maximum": Case({"type": "number", "maximum": 2}, 'inputmode="decimal"', "1", 1, "3", "2"),
    "items": Case({"type": "array", "items": TEXT}, "Add", {"a__0": "x"}, ["x"]),
    "minItems": Case(
        {"type": "array", "items": TEXT, "minItems": 2},
        "Add",
        {"a__0": "x", "a__1": "y"},
        ["x", "y"],
        {"a__0": "x"},
        "2",
    ),
    "maxItems": Case(
        {"type": "array", "items": TEXT, "maxItems": 1},
        "<input",
        {"a__0": "x"},
        ["x"],
        {"a__0": "x", "a__1": "y"},
        "1",
    ),
    "uniqueItems": Case(
        {"type": "array", "items": TEXT, "uniqueItems": True},
        "Add",
        {"a__0": "x", "a__1": "y"},
        ["x", "y"],
        {"a__0": "x", "a__1": "x"},
        "twice",
    ),
    "ui:field": Case({**TEXT, "ui:field": "EntityNamePicker"}, "<input", bad="two words", words="letters"),
    "ui:options": Case({**TEXT, "ui:widget": "textarea", "ui:options": {"rows": 7}}, 'rows="7"'),
    "ui:autofocus": Case({**TEXT, "ui:autofocus": True}, "autofocus"),
    "ui:widget": Case({**TEXT, "ui:widget": "textarea"}, "<textarea"),
    "ui:help": Case({**TEXT, "ui:help": "Ask in the channel"}, "Ask in the channel"),
    "ui:placeholder": Case({**TEXT, "ui:placeholder": "gift-cards"}, 'placeholder="gift-cards"'),
    "ui:enumNames": Case({**TEXT, "enum": ["s"], "ui:enumNames": ["Small"]}, ">Small<", "s", "s"),
    "ui:enumDisabled": Case(
        {**TEXT, "enum": ["s", "m"], "ui:enumDisabled": ["m"]}, "disabled", "s", "s", "m", "not offered"
    ),
    "radio": Case({**TEXT, "enum": ["s", "m"], "ui:widget": "radio"}, 'type="radio"', "m", "m"),
    "textarea": Case({**TEXT, "ui:widget": "textarea"}, "<textarea", "a\nb", "a\nb"),
    "hidden": Case({**TEXT, "default": "kept", "ui:widget": "hidden"}, "", "forged", "kept"),
    "select": Case({"type": "boolean", "ui:widget": "select"}, 'type="radio"', "true", True),
    "checkboxes": Case(
        {"type": "array", "items": {**TEXT, "enum": ["x", "y"]}, "ui:widget": "checkboxes"},
        'type="checkbox"',
        ["x", "y"],
        ["x", "y"],
        ["z"],
        "not one of the options",
    ),
    "OwnerPicker": Case({**TEXT, "ui:field": "OwnerPicker"}, TEAM, TEAM, TEAM),
    "MultiOwnerPicker": Case(
        {"type": "array", "items": TEXT, "ui:field": "MultiOwnerPicker"}, TEAM, [TEAM], [TEAM]
    ),
    "EntityPicker": Case({**TEXT, "ui:field": "EntityPicker"}, TEAM, TEAM, TEAM),
    "EntityNamePicker": Case({**TEXT, "ui:field": "EntityNamePicker"}, "<input"),
    "RepoUrlPicker": Case(
        {**TEXT, "ui:field": "RepoUrlPicker"},
        "Name of the repository",
        REPOSITORY,
        "git.localhost?owner=halfmoon&repo=x",
        {**REPOSITORY, "a__repo": ""},
        "is missing",
    ),
    "allowedHosts": Case(
        {**TEXT, "ui:field": "RepoUrlPicker", "ui:options": {"allowedHosts": ["git.localhost"]}},
        "git.localhost",
        REPOSITORY,
        "git.localhost?owner=halfmoon&repo=x",
        {**REPOSITORY, "a__host": "evil.example"},
        "git.localhost",
    ),
    "allowedOwners": Case(
        {**TEXT, "ui:field": "RepoUrlPicker", "ui:options": {"allowedOwners": ["halfmoon"]}},
        "halfmoon",
        REPOSITORY,
        "git.localhost?owner=halfmoon&repo=x",
        {**REPOSITORY, "a__owner": "other"},
        "halfmoon",
    ),
    "allowedOrganizations": Case(
        {
            **TEXT,
            "ui:field": "RepoUrlPicker",
            "ui:options": {"allowedHosts": ["dev.azure.com"], "allowedOrganizations": ["acme"]},
        },
        "acme",
        {"a__host": "dev.azure.com", "a__organization": "acme", "a__project": "p", "a__repo": "x"},
        "dev.azure.com?organization=acme&project=p&repo=x",
        {"a__host": "dev.azure.com", "a__organization": "other", "a__project": "p", "a__repo": "x"},
        "acme",
    ),
    "rows": Case({**TEXT, "ui:widget": "textarea", "ui:options": {"rows": 9}}, 'rows="9"'),
    "catalogFilter": Case(
        {**TEXT, "ui:field": "EntityPicker", "ui:options": {"catalogFilter": {"kind": "Group"}}},
        TEAM,
        TEAM,
        TEAM,
    ),
    "allowedKinds": Case(
        {**TEXT, "ui:field": "OwnerPicker", "ui:options": {"allowedKinds": ["Group"]}}, TEAM, TEAM, TEAM
    ),
    "defaultKind": Case(
        {
            **TEXT,
            "ui:field": "EntityPicker",
            "ui:options": {"defaultKind": "Group", "allowArbitraryValues": True},
        },
        "<input",
        "strangers",
        "group:default/strangers",
    ),
    "allowArbitraryValues": Case(
        {**TEXT, "ui:field": "EntityPicker", "ui:options": {"allowArbitraryValues": False}},
        TEAM,
        TEAM,
        TEAM,
        "group:default/nobody",
        "catalogue",
    ),
    "widget": Case({**TEXT, "ui:options": {"widget": "textarea"}}, "<textarea"),
    "orderable": Case(
        {"type": "array", "items": TEXT, "ui:options": {"orderable": False}}, "Add", {"a__0": "x"}, ["x"]
    ),
}

# What cannot be said about one field: a test of its own below, or in the file named.
ELSEWHERE = {
    **dict.fromkeys(
        ("dependencies", "oneOf", "anyOf", "allOf", "if", "then", "else"), "test_forms_conditions.py"
    ),
    "ui:order": "test_forms_values.py",
    "$yaml": "test_forms_corpus.py",
    "requestUserCredentials": "below",
    "additionalProperties": "below",
    "ui:autocomplete": "below",
    "ui:ObjectFieldTemplate": "below",
}
# Options of company fields, which are texts here (see `test_an_unknown_field_is_a_text_with_a_hint`).
OF_COMPANY_FIELDS = {
    *("autoSelectFirstValue", "chartRefField", "chartTagField", "configurationDocs", "configureWithAi"),
    *("entityRefField", "formWidth", "initialNamePrefixTemplate", "initialValue", "installationNameField"),
    *("maxHeight", "secretValuesKeys", "secretsKey", "valuesFields"),
}
COMPANY_FIELD = re.compile(r"^(GS\w+|OrganizationPicker|QuarkusExtensionList)$")


@pytest.fixture
def payments_team() -> None:
    factories.entity(TEAM, type="team")


def typed(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {"a": given}


def page_of(case: Case) -> dict[str, Any]:
    return page_with(["a"] if case.required else [], a=case.schema)


def html_of(page: dict[str, Any], person: User) -> str:
    request = RequestFactory().get("/create/default/x/")
    drawn = [one for one in controls(page, person).values() if len(one.path) == 1]
    return "".join(render_to_string("scaffolder/form/_field.html", {"field": one}, request) for one in drawn)


@pytest.mark.parametrize("word", CASES)
def test_the_page_shows_it(word: str, maya: User, payments_team: None) -> None:
    html = html_of(page_of(CASES[word]), maya)
    if word == "hidden":
        assert html == ""
    else:
        assert CASES[word].shows in html


@pytest.mark.parametrize("word", CASES)
def test_a_good_answer_becomes_the_value(word: str, maya: User, payments_team: None) -> None:
    case = CASES[word]
    assert answer(page_of(case), maya, **typed(case.good)) == ({"a": case.value}, {})


@pytest.mark.parametrize("word", [word for word, case in CASES.items() if case.bad is not None])
def test_a_bad_answer_is_told_at_the_field(word: str, maya: User, payments_team: None) -> None:
    case = CASES[word]
    _, problems = answer(page_of(case), maya, **typed(case.bad))
    assert [name.partition("/")[0] for name in problems] == ["a"]
    assert case.words in next(iter(problems.values()))


def test_data_that_the_schema_leaves_open_is_json() -> None:
    page = page_with(a={"type": "object", "additionalProperties": {"type": "string"}})
    assert answer(page, None, a='{"b": "c"}') == ({"a": {"b": "c"}}, {})


@pytest.mark.parametrize("word", ["ui:autocomplete", "ui:ObjectFieldTemplate", "ui:group"])
def test_words_about_looks_change_nothing(word: str) -> None:
    assert answer(page_with(a={**TEXT, word: "x"}), None, a="abc") == ({"a": "abc"}, {})


def test_a_person_may_bring_their_own_token_for_the_repository(maya: User) -> None:
    wish = {"secretsKey": "USER_OAUTH_TOKEN", "additionalScopes": {"github": ["workflow"]}}
    picker = {**TEXT, "ui:field": "RepoUrlPicker", "ui:options": {"requestUserCredentials": wish}}
    steps = steps_of(page_with(a=picker), page_with(b=picker), person=maya)
    steps.take(post("next", 0, **REPOSITORY))
    (asked,) = steps.secrets()
    assert (asked.name, asked.required) == ("USER_OAUTH_TOKEN", False)
    (drawn,) = secret_answers.fields_of([asked], {})
    assert (drawn.input_type, "in your name" in drawn.description) == ("password", True)
    assert secret_answers.problems_of([asked], {}, steps.catalogue) == {}


@pytest.mark.parametrize("wish", [True, {"secretsKey": 5}, {"secretsKey": ""}, "x"])
def test_a_wish_for_a_token_that_cannot_be_read_asks_nothing(wish: Any, maya: User) -> None:
    picker = {**TEXT, "ui:field": "RepoUrlPicker", "ui:options": {"requestUserCredentials": wish}}
    assert steps_of(page_with(a=picker), person=maya).secrets() == []


class TestFeatureFlags:
    """Pages and questions that wait for a flag of the portal."""

    FLAG = {"backstage:featureFlag": "experiments"}

    def test_a_question_is_asked_only_under_its_flag(self, settings: Any) -> None:
        page = page_with(["a", "b"], a=TEXT, b={**TEXT, **self.FLAG})
        assert answer(page, None, a="x") == ({"a": "x"}, {})
        settings.PORTICO_FEATURE_FLAGS = frozenset({"experiments"})
        assert list(answer(page, None, a="x", b="")[1]) == ["b"]

    def test_a_page_is_shown_only_under_its_flag(self, settings: Any) -> None:
        document = {"spec": {"parameters": [page_with(a=TEXT), {**page_with(b=TEXT), **self.FLAG}]}}
        assert [page.index for page in pages_of(document)] == [0]
        settings.PORTICO_FEATURE_FLAGS = frozenset({"experiments"})
        assert [page.index for page in pages_of(document)] == [0, 1]

    def test_an_answer_that_is_not_asked_is_not_taken(self) -> None:
        page = page_with(a=TEXT, b={**TEXT, **self.FLAG})
        assert answer(page, None, a="x", b="forged") == ({"a": "x"}, {})


def words_of(column: str) -> Callable[[Path], set[str]]:
    def read(corpus: Path) -> set[str]:
        with (corpus / "templates" / "INDEX.csv").open() as index:
            rows = list(csv.DictReader(index))
        return {word for row in rows for word in row[column].replace(";", " ").split()}

    return read


@pytest.mark.parametrize("column", ["schema_keywords", "ui", "ui_options", "ui_field_and_widget"])
def test_every_word_of_the_corpus_has_a_test(column: str, corpus: Path) -> None:
    used = {re.split(r"[.\[]", word)[0] for word in words_of(column)(corpus)}
    tested = CASES.keys() | ELSEWHERE.keys() | OF_COMPANY_FIELDS
    assert sorted(word for word in used - tested if not COMPANY_FIELD.match(word)) == []


def test_every_field_of_backstage_is_tested_somewhere() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_forms_*.py"))
    assert [name for name in sorted(KNOWN_FIELDS) if f'"{name}"' not in tests] == []
