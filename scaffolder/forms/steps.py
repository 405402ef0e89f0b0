"""The way through a form: which page comes next, what is kept, and when all of it is right.

    page 1 → … → page n → review → run

Each button of a page is one `do`: next, back, refresh, add:<name>, remove:<name>, goto:<page>, submit. Nothing is
believed because an earlier page said so: the review reads and checks every page again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from django.http import QueryDict

from scaffolder.forms import checking, pickers, secret_answers, sent
from scaffolder.forms.carrying import LONGEST_ANSWERS, LONGEST_UNREAD, Carried, PageAnswers
from scaffolder.forms.reading import Reading, read_page
from scaffolder.forms.schema import Page, Values
from scaffolder.forms.sent import NOTHING, Sent


@dataclass
class Shown:
    """What to draw: a page with its problems, or the review (`reading` is None)."""

    reading: Reading | None
    problems: checking.Problems = field(default_factory=dict)
    opened: int = 0  # questions that the last answers opened
    wants_submit: bool = False


@dataclass
class Steps:
    pages: tuple[Page, ...]
    catalogue: pickers.Catalogue
    carried: Carried

    def __post_init__(self) -> None:
        """A template may have lost pages since they were answered."""
        kept = self.carried.pages.items()
        self.carried.pages = {index: answers for index, answers in kept if index < len(self.pages)}

    def first(self) -> Shown:
        return self.show(0)

    def show(self, index: int) -> Shown:
        """A page as it was left, or new. Beyond the last page: the review, if everything before it is right."""
        if not 0 <= index < len(self.pages):
            return self.review()
        return Shown(self._read(index))

    def take(self, post: QueryDict) -> Shown:
        """Do what the pressed button says."""
        do, _, what = str(post.get("do", "next")).partition(":")
        index = _number(str(post.get("page", "")), len(self.pages))
        if index >= len(self.pages):
            return self._leave_review(do, what)
        tree = self._tree(post, do, what)
        reading = self._read(index, tree, sent.read_choices(post))
        if do in ("refresh", "add", "remove"):
            return Shown(reading)
        if do in ("back", "goto"):
            if too_long := self._too_long(reading):
                return Shown(reading, too_long)
            self._keep(reading)
            target = index - 1 if do == "back" else _number(what, index)
            return self.show(min(target, self._furthest()))
        return self._next(reading)

    def _leave_review(self, do: str, what: str) -> Shown:
        if do in ("back", "goto") and self.pages:
            return self.show(len(self.pages) - 1 if do == "back" else _number(what, 0))
        shown = self.review()
        shown.wants_submit = do == "submit" and shown.reading is None
        return shown

    def _tree(self, post: QueryDict, do: str, what: str) -> Sent:
        tree = sent.read(post)
        if do == "add":
            sent.add_row(tree, what)
        elif do == "remove":
            sent.remove_row(tree, what)
        elif do != "refresh":
            sent.drop_blank_rows(tree)
        return tree

    def _next(self, reading: Reading) -> Shown:
        problems = self.problems_of(reading)
        if problems or reading.new:
            old = {path: message for path, message in problems.items() if path not in reading.new}
            return Shown(reading, old, len(reading.new))
        self._keep(reading)
        return self.show(reading.page.index + 1)

    def review(self) -> Shown:
        """The review, or the first page that is not right."""
        for reading in self.readings():
            problems = self.problems_of(reading)
            if problems or reading.page.index not in self.carried.pages:
                return Shown(reading, problems if reading.page.index in self.carried.pages else {})
            self._keep(reading)
        return Shown(None)

    def readings(self) -> list[Reading]:
        return [self._read(page.index) for page in self.pages]

    def values(self) -> Values:
        """All answers, as the template's `parameters`."""
        return {
            name: value for index in sorted(self.carried.pages) for name, value in self._kept(index).items()
        }

    def secrets(self) -> list[secret_answers.SecretQuestion]:
        asked = (
            question for reading in self.readings() for question in secret_answers.questions(reading.schema)
        )
        return list({question.name: question for question in asked}.values())

    def problems_of(self, reading: Reading) -> checking.Problems:
        found = checking.problems_of(
            reading.schema, {**self._others(reading.page.index), **reading.values}, self.catalogue
        )
        return {**found, **reading.problems, **self._too_long(reading)}

    def _too_long(self, reading: Reading) -> checking.Problems:
        """More than can be carried: told at the longest answer, before anything is lost."""
        sizes = {name: len(json.dumps(value)) for name, value in reading.values.items()}
        over = len(json.dumps(self._others(reading.page.index))) + sum(sizes.values()) - LONGEST_ANSWERS
        if over <= 0 or not sizes:
            return {}
        words = f"Too long by {over:,}. All answers together may have {LONGEST_ANSWERS:,} characters."
        return {(max(sizes, key=sizes.__getitem__),): words}

    def _furthest(self) -> int:
        """The first page that nobody has answered."""
        return next(
            (page.index for page in self.pages if page.index not in self.carried.pages), len(self.pages)
        )

    def _read(self, index: int, tree: Sent = NOTHING, choices: dict[str, int] | None = None) -> Reading:
        kept = self.carried.pages.get(index)
        reading = read_page(
            self.pages[index],
            self.catalogue,
            sent=tree,
            earlier=kept.values if kept else None,
            others=self._others(index),
            choices={**(kept.choices if kept else {}), **(choices or {})},
        )
        for path, text, problem in kept.unread if kept and tree is NOTHING else ():
            reading.typed[path] = text
            if problem:
                reading.problems[path] = problem
        return reading

    def _keep(self, reading: Reading) -> None:
        unread = [
            (path, text[:LONGEST_UNREAD], reading.problems.get(path, ""))
            for path, text in reading.typed.items()
            if text
        ]
        self.carried.pages[reading.page.index] = PageAnswers(reading.values, reading.choices, unread)

    def _kept(self, index: int) -> Values:
        return self.carried.pages[index].values

    def _others(self, index: int) -> Values:
        """Answers of the other pages: conditions may ask for them, as in Backstage."""
        kept = (self._kept(other) for other in sorted(self.carried.pages) if other != index)
        return {name: value for values in kept for name, value in values.items()}


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else default
