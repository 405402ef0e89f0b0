"""Answers of earlier pages, carried by the page itself in one signed field; nothing is stored before a run.

Signed for one person, one template as it was read, and a day. Secrets are never among the answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.core import signing

from scaffolder.forms.schema import Path, Values
from scaffolder.forms.settle import Choices

KEPT_SECONDS = 24 * 3600
LONGEST_ANSWERS = 200_000  # characters as JSON; a form with more answers belongs into a file
LONGEST = 800_000  # packed: more than such answers and what was typed beside them can come to
LONGEST_UNREAD = 10_000  # characters of a text that is no value
_SALT = "scaffolder.answers"


class AnswersLost(ValueError):
    """The carried field was altered, is too old or belongs elsewhere; the message says which and what to do."""


@dataclass
class PageAnswers:
    """`unread`: path, text and problem of what was typed but is no value, kept while somebody leaves the page."""

    values: Values
    choices: Choices = field(default_factory=dict)
    unread: list[tuple[Path, str, str]] = field(default_factory=list)


@dataclass
class Carried:
    """`key` becomes the intent's id, so that sending a form twice makes one run."""

    pages: dict[int, PageAnswers] = field(default_factory=dict)
    key: UUID = field(default_factory=uuid4)
    is_stale: bool = False  # the template changed since the first page was answered


def pack(carried: Carried, *, person: int, template: str, digest: str) -> str:
    """Raises `AnswersLost` when there is more than the page can carry."""
    pages = {
        str(index): [page.values, dict(page.choices), page.unread] for index, page in carried.pages.items()
    }
    content = {
        "person": person,
        "template": template,
        "digest": digest,
        "key": carried.key.hex,
        "pages": pages,
    }
    text = signing.dumps(content, salt=_SALT, compress=True)
    if len(text) > LONGEST:
        raise AnswersLost("These answers are too long to be kept. Shorten the longest one.")
    return text


def unpack(text: str, *, person: int, template: str, digest: str) -> Carried:
    """Raises `AnswersLost`."""
    content = _content(text)
    if (content["person"], content["template"]) != (person, template):
        raise AnswersLost("These answers belong to another form or another person. Begin again.")
    pages = {int(index): _page(*kept) for index, kept in content["pages"].items()}
    return Carried(pages, UUID(content["key"]), is_stale=content["digest"] != digest)


def _page(values: Values, choices: Choices, unread: list[Any]) -> PageAnswers:
    return PageAnswers(values, choices, [(tuple(path), text, problem) for path, text, problem in unread])


def _content(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise AnswersLost("These answers are too long to be kept. Begin again with shorter ones.")
    try:
        content: dict[str, Any] = signing.loads(text, salt=_SALT, max_age=KEPT_SECONDS)
    except signing.SignatureExpired as problem:
        raise AnswersLost("This form was opened more than a day ago. Begin again.") from problem
    except signing.BadSignature as problem:
        raise AnswersLost(
            "The answers of the earlier pages were altered on the way, so none is used. Begin again."
        ) from problem
    return content
