"""Templates that other people wrote: each form is drawn, filled in with made-up answers, and taken."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import regex
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory

from catalog import yaml12
from control.models import User
from scaffolder.forms.carrying import Carried
from scaffolder.forms.fields import Field, every, fields_of
from scaffolder.forms.pickers import Catalogue
from scaffolder.forms.schema import FormUnreadable, pages_of
from scaffolder.forms.steps import Shown, Steps
from tests import factories

pytestmark = pytest.mark.django_db
MOST_STEPS = 60  # presses of Next until a form must be through


def templates(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with (corpus / "templates" / "INDEX.csv").open() as index:
        for row in csv.DictReader(index):
            path = corpus / "templates" / row["folder"] / row["entry"]
            for document in yaml12.documents(path.read_text()):
                if isinstance(document.value, dict) and document.value.get("kind") == "Template":
                    yield row["folder"], with_files(document.value, path)


def with_files(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """`$yaml` of files that lie beside the template, as the catalogue puts them in place."""
    parameters = document["spec"].get("parameters", [])
    read = [whole(page, path) for page in parameters] if isinstance(parameters, list) else parameters
    return {**document, "spec": {**document["spec"], "parameters": read}}


def whole(page: Any, path: Path) -> Any:
    if not isinstance(page, dict) or "$yaml" not in page:
        return page
    name = str(page["$yaml"])
    near = path.parent / (Path(name).name if "://" in name else name)
    found = near if near.exists() else path.parent / "parameters" / near.name
    return yaml12.load(found.read_text()) if found.exists() else page


def filled(fields: list[Field]) -> Iterator[tuple[str, str]]:
    """What an eager visitor answers: the first option, the default, or a word that fits."""
    for field in every(fields):
        if field.kind in ("note", "fixed", "secret", "group", "repo"):
            continue
        if field.kind in ("rows", "checkboxes", "checkbox"):
            yield field.name, ""
        if field.kind in ("select", "radio", "yesno", "entity_select"):
            open_options = [option.code for option in field.options if not option.disabled and option.code]
            yield field.name, field.text or next(iter(open_options), "")
        elif field.kind == "checkboxes":
            yield field.name, field.options[0].code
        elif field.kind == "json":
            yield field.name, field.text or "{}"
        elif field.kind not in ("rows", "checkbox"):
            yield field.name, field.text or word_for(field)


def word_for(field: Field) -> str:
    if field.kind == "number":
        return "8"
    if field.kind in ("entity", "entities"):
        return "group:default/payments"
    return "abc"


WORDS = (
    "abc",
    "123456789012",
    "abc-def",
    "arn:aws:iam::123456789012:role/x",
    "https://example.org/x",
    "1.2.3",
    "10.0.0.0/16",
)


def fitting(text: str, schema: dict[str, Any]) -> str:
    pattern = schema.get("pattern", "")
    return next((word for word in (text, *WORDS) if regex.search(pattern, word)), text)


def walk(steps: Steps) -> Shown:
    """Press Next with good answers until the review, or until nothing gets better."""
    shown = steps.first()
    for _ in range(MOST_STEPS):
        if shown.reading is None:
            return shown
        fields = fields_of(shown.reading, steps.catalogue, shown.problems)
        draw(fields)
        post = QueryDict(mutable=True)
        for name, text in filled(fields):
            post.appendlist(name, fitting(text, schema_at(shown.reading.schema, name)))
        post["page"], post["do"] = str(shown.reading.page.index), "next"
        shown = steps.take(post)
    return shown


def schema_at(schema: dict[str, Any], name: str) -> dict[str, Any]:
    for part in name.removeprefix("v/").split("/"):
        schema = schema.get("properties", {}).get(part, {})
    return schema


def draw(fields: list[Field]) -> None:
    request = RequestFactory().get("/create/default/x/")
    for field in fields:
        html = render_to_string("scaffolder/form/_field.html", {"field": field}, request)
        assert field.kind == "note" or field.id in html


def test_every_form_of_the_corpus_is_drawn_and_takes_good_answers(corpus: Path, maya: User) -> None:
    for ref in (
        "group:default/payments",
        "system:default/money",
        "component:default/api",
        "resource:default/db",
    ):
        factories.entity(ref, type="team" if ref.startswith("group") else "service")
    found, stuck = 0, {}
    for folder, document in templates(corpus):
        found += 1
        try:
            pages = pages_of(document)
        except FormUnreadable as problem:
            stuck[folder] = str(problem)
            continue
        shown = walk(Steps(pages, Catalogue(maya), Carried()))
        if shown.reading is not None:
            stuck[folder] = str(shown.problems or shown.reading.page.title)
    assert (found >= 35, stuck) == (True, {})
