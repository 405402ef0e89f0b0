"""The demo's templates: every skeleton comes out sound for small and large answers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.validate import faults_of
from portal.demo_repositories import DEMO
from scaffolder import templating
from scaffolder.forms.schema import pages_of

TEMPLATES = DEMO / "templates"
SERVICE = {
    "name": "gift-cards",
    "package": "gift_cards",
    "description": 'Sells and redeems "gift cards": the paper ones too',
    "owner": "group:default/payments",
    "system": "system:default/card-payments",
    "framework": "flask",
    "exposure": "internal",
    "port": 8000,
    "tags": ["internal"],
    "needsDatabase": False,
    "destination": {"host": "git.localhost", "owner": "halfmoon", "repo": "gift-cards"},
}
LARGE_SERVICE = {
    **SERVICE,
    "framework": "fastapi",
    "exposure": "public",
    "tags": ["customer-facing", "events"],
    "needsDatabase": True,
    "size": "large",
    "personalData": True,
}
WEBSITE = {
    "name": "summer-reading",
    "title": 'Summer "reading" & more',
    "owner": "group:default/storefront",
    "audience": "customers",
}
CHAPTERS = {
    "name": "price-rounding",
    "package": "price_rounding",
    "python": "3.12",
    "form": "library",
    "owner": "group:default/payments",
    "chapters": ["Getting started", "How it works"],
    "title": "How it works",
    "file": "how-it-works",
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("python-service/skeleton", SERVICE),
    ("python-service/skeleton", LARGE_SERVICE),
    ("python-service/database", LARGE_SERVICE),
    ("static-website/skeleton", WEBSITE),
    ("library-or-docs/library", CHAPTERS),
    ("library-or-docs/documentation", CHAPTERS),
    ("library-or-docs/documentation", {**CHAPTERS, "form": "documentation"}),
    ("library-or-docs/chapter", CHAPTERS),
]


def rendered(folder: str, values: dict[str, Any]) -> dict[str, str]:
    base = TEMPLATES / folder
    context = {"values": values}
    return {
        templating.render(str(path.relative_to(base)), context): templating.render(path.read_text(), context)
        for path in base.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(("folder", "values"), CASES)
def test_a_skeleton_leaves_no_mark_and_nothing_that_cannot_be_read(
    folder: str, values: dict[str, Any]
) -> None:
    for name, text in rendered(folder, values).items():
        assert "${{" not in name + text, name
        assert "{%" not in text, name
        if name.endswith((".yaml", ".yml")):
            assert next(yaml.safe_load_all(text)), name
        if name.endswith(".toml"):
            assert tomllib.loads(text)["project"]["name"] == values["name"]
        if name.endswith(".py"):
            compile(text, name, "exec")


@pytest.mark.parametrize(
    ("folder", "values", "refs"),
    [
        ("python-service/skeleton", SERVICE, ["Component gift-cards"]),
        ("python-service/skeleton", LARGE_SERVICE, ["Component gift-cards", "Resource gift-cards-db"]),
        ("static-website/skeleton", WEBSITE, ["Component summer-reading"]),
    ],
)
def test_a_new_repository_describes_itself_to_the_catalogue(
    folder: str, values: dict[str, Any], refs: list[str]
) -> None:
    documents = list(yaml.safe_load_all(rendered(folder, values)["catalog-info.yaml"]))
    assert [fault for document in documents for fault in faults_of(document)] == []
    assert [f"{document['kind']} {document['metadata']['name']}" for document in documents] == refs
    assert {document["spec"]["owner"] for document in documents} == {values["owner"]}


def test_the_chapters_that_the_navigation_names_are_the_pages_that_are_written() -> None:
    navigation = yaml.safe_load(rendered("library-or-docs/documentation", CHAPTERS)["mkdocs.yml"])["nav"]
    pages = [page for entry in navigation for page in entry.values()]
    expression = _document("library-or-docs")["spec"]["steps"][2]["input"]["values"]["file"]
    written = [templating.render(expression, {"each": {"value": title}}) for title in CHAPTERS["chapters"]]
    assert pages == ["index.md", *[f"{name}.md" for name in written]]


@pytest.mark.parametrize("name", ["python-service", "static-website", "library-or-docs"])
def test_a_template_is_valid_and_every_expression_and_folder_of_it_can_be_read(name: str) -> None:
    document = _document(name)
    assert faults_of(document) == []
    assert templating.check(document["spec"]["steps"]) == []
    assert templating.check(document["spec"]["output"]) == []
    urls = [step["input"]["url"] for step in document["spec"]["steps"] if "url" in step["input"]]
    assert [url for url in urls if not (TEMPLATES / name / url).is_dir()] == []


def test_the_python_service_asks_on_three_pages() -> None:
    pages = pages_of(_document("python-service"))
    assert [page.title for page in pages] == ["What it is", "What it needs", "Where it lives"]


def _document(name: str) -> dict[str, Any]:
    path: Path = TEMPLATES / name / "template.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document
