"""All answers in words, page by page: what the last page shows, and what a run's page keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scaffolder.forms import repo_url
from scaffolder.forms.kinds import choices, kind_of, label_of, ordered, text_option, value_words
from scaffolder.forms.schema import Page, Path, Schema

NOT_SHOWN = "secret, not shown"


@dataclass(frozen=True)
class Answer:
    label: str
    words: str
    is_code: bool = False  # a reference, an address: drawn in mono
    is_quiet: bool = False  # says that there is no answer or that it is not shown


@dataclass(frozen=True)
class Section:
    page: Page
    answers: tuple[Answer, ...]


def section(page: Page, settled: Schema, values: Mapping[str, Any]) -> Section:
    return Section(page, tuple(_answers(settled, values, (), "")))


def _answers(schema: Schema, values: Mapping[str, Any], path: Path, before: str) -> Iterator[Answer]:
    for name, part in ordered(schema):
        kind = kind_of(part)
        if kind in ("note", "hidden") or _setting(part).get("show") is False:
            continue
        label = before + label_of(part, (*path, name))
        value = values.get(name)
        if kind == "secret":
            yield Answer(label, "Asked below", is_quiet=True)
        elif kind == "group":
            yield from _answers(part, value if isinstance(value, dict) else {}, (*path, name), f"{label}, ")
        elif mask := _setting(part).get("mask"):
            yield Answer(label, str(mask), is_quiet=True)
        else:
            yield _answer(label, part, kind, name in values, value)


def _setting(schema: Schema) -> Mapping[str, Any]:
    """Backstage's `ui:backstage: {review: {show, mask}}`."""
    found = schema.get("ui:backstage")
    review = found.get("review") if isinstance(found, dict) else None
    return review if isinstance(review, dict) else {}


def _answer(label: str, schema: Schema, kind: str, is_given: bool, value: Any) -> Answer:
    if not is_given or value in ([], {}):
        return Answer(label, "No" if kind == "checkbox" else "Not answered", is_quiet=True)
    if kind == "repo":
        return Answer(label, repository_words(str(value)), is_code=True)
    if kind in ("select", "radio", "yesno"):
        known = {one.code: one.label for one in choices(schema) if one.value == value}
        return Answer(label, next(iter(known.values()), value_words(value)))
    if kind == "checkboxes":
        words = {one.code: one.label for one in choices(schema["items"])}
        return Answer(label, ", ".join(words.get(value_words(one), value_words(one)) for one in value))
    return Answer(
        label, words_of(value), is_code=kind in ("entity", "entities") or text_option(schema, "field") != ""
    )


def words_of(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(words_of(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {words_of(part)}" for key, part in value.items())
    return value_words(value)


def repository_words(text: str) -> str:
    """`host/owner/repository`; a text that is no address as it is."""
    host, parts = repo_url.split(text)
    return "/".join([host, *parts.values()]) if host and parts else text
