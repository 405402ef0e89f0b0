"""Which of many rules hold: the answer of `matching`, without the words that only one of them will need.

Rules that offer the same are sorted once per set: the least demanding first, and those together that say the same in
some aspect, so that each saying is looked at once per question. Conditions are evaluated rule by rule, only until one
is found that will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import cast

from control import named_deciders
from control.capability import Ask
from control.conditions import UNANSWERABLE, Condition, Sheet
from control.matching import ASPECTS, REASON, Aspect, Question
from control.policy_documents import AccessRule, PolicySet, Who

Answers = tuple[bool | None, ...]  # of one aspect or condition: met, not met, not known yet
_NOT_ASKED = object()
_REASON = len(ASPECTS)  # the place of this aspect, after the others


def shortlist_of(found: PolicySet, ask: Ask) -> Shortlist:
    """The rules that offer what is asked; sorted once per set."""
    if ask.deciders:
        return Shortlist([named_deciders.rule_of(ask)])
    key = ("role" if ask.role else "", ask.role or ask.capability, ask.breaks_glass)
    kept = found.shortlists.get(key)
    if kept is None:
        rules = found.rules_for(ask.capability, ask.role)
        if ask.breaks_glass:
            rules = [emergency for rule in rules if (emergency := rule.in_emergency)]
        kept = Shortlist(rules)
        if rules:  # what no rule offers could be any text
            found.shortlists[key] = kept
    return kept


def demand(rule: AccessRule) -> tuple[int, float, str]:
    """Fewer approvals first, then the longer limit; the name makes it certain."""
    longest = rule.max_duration or timedelta(0)
    return rule.approval.count, -longest.total_seconds(), rule.name


@dataclass(frozen=True)
class Sayings:
    """What rules say in one aspect. Rules are numbered, and a set of them is the bits of a number."""

    aspect: Aspect
    said_by: tuple[int, ...]  # for each saying the rules, as bits
    examples: tuple[AccessRule, ...]  # for each saying one rule
    of_rule: tuple[int, ...]  # for each rule its saying


class Shortlist:
    """Rules in the order in which they would count."""

    def __init__(self, rules: Sequence[AccessRule]) -> None:
        """`rules` in the order of the documents."""
        order = sorted(range(len(rules)), key=lambda place: demand(rules[place]))
        self.rules = tuple(rules[place] for place in order)
        self.places = tuple(order)
        self.reaching = _reaching(self.rules)
        self.sayings = tuple(_sayings(aspect, self.rules) for aspect in (*ASPECTS, REASON))
        self.sayings_of = tuple(zip(*(one.of_rule for one in self.sayings), strict=True))
        numbers: dict[tuple[str, str], int] = {}
        self.conditions: list[Condition] = []
        self.reads: dict[str, int] = {}  # which rules read the document of whom
        self.when = tuple(self._numbered(number, numbers) for number in range(len(self.rules)))
        self.sheet = Sheet(self.conditions)

    def _numbered(self, rule: int, numbers: dict[tuple[str, str], int]) -> tuple[int, ...]:
        """Conditions of the rule; those that many rules share are one."""
        found = []
        for condition in self.rules[rule].when:
            key = (condition.program.expression, condition.zone.key)
            if key not in numbers:
                numbers[key] = len(self.conditions)
                self.conditions.append(condition)
            found.append(numbers[key])
            for whose in condition.documents:
                self.reads[whose] = self.reads.get(whose, 0) | 1 << rule
        return tuple(found)


def _reaching(rules: Sequence[AccessRule]) -> dict[Who, int]:
    """For each of those that rules speak of the rules, as bits."""
    found: dict[Who, int] = {}
    for place, rule in enumerate(rules):
        for who in rule.subjects:
            found[who] = found.get(who, 0) | 1 << place
    return found


def _sayings(aspect: Aspect, rules: Sequence[AccessRule]) -> Sayings:
    numbers: dict[object, int] = {}
    said_by: list[int] = []
    examples: list[AccessRule] = []
    of_rule: list[int] = []
    for place, rule in enumerate(rules):
        saying = numbers.setdefault(aspect.part(rule), len(said_by))
        if saying == len(said_by):
            said_by.append(0)
            examples.append(rule)
        said_by[saying] |= 1 << place
        of_rule.append(saying)
    return Sayings(aspect, tuple(said_by), tuple(examples), tuple(of_rule))


class Look:
    """One question put to a shortlist. What was found out is not asked again."""

    def __init__(self, shortlist: Shortlist, question: Question) -> None:
        self._shortlist, self._question = shortlist, question
        self._met: list[object] = [_NOT_ASKED] * len(shortlist.conditions)
        self._said: dict[tuple[int, ...], list[bool | None]] = {}
        self._answers: list[list[Answers | None]] = [
            [None] * len(sayings.examples) for sayings in shortlist.sayings
        ]
        self.holding = self._holding()  # goes on where it was left

    def _holding(self) -> Iterator[AccessRule]:
        """Rules that hold, the least demanding first. What hangs on a reason not given yet may still come to hold."""
        able = self._applying & ~self._failing(_REASON, self._applying)
        when, known = self._shortlist.when, self._met
        evaluate: Callable[[int], bool | None] | None = (
            None  # made when the first is asked: it reads the clock
        )
        for number in _numbers_in(able):
            for condition in when[
                number
            ]:  # the innermost loop of a decision, so without calls that can be spared
                met = known[condition]
                if met is _NOT_ASKED:
                    evaluate = evaluate or self._evaluate
                    met = known[condition] = evaluate(condition)
                if met is False:
                    break
            else:
                yield self._shortlist.rules[number]

    def nearest(self) -> AccessRule | None:
        """Of rules of which none holds, that with the most conditions met; of equals the one that fails later, then
        the one that is written first."""
        numbers = range(len(self._shortlist.rules))
        return self._shortlist.rules[max(numbers, key=self._nearness)] if numbers else None

    def _nearness(self, number: int) -> tuple[int, int, int]:
        answers = self._answers_of(number)
        met = answers.count(True)
        failing = next((place for place, ok in enumerate(answers) if ok is not True), len(answers))
        return met, failing, -self._shortlist.places[number]

    def _answers_of(self, number: int) -> list[bool | None]:
        """As the checks of the rule would say it."""
        sayings = self._shortlist.sayings_of[number]
        said = self._said.get(sayings)
        if said is None:
            answers = (self._answer(aspect, saying) for aspect, saying in enumerate(sayings))
            said = self._said[sayings] = list(chain.from_iterable(answers))
        asked = self._shortlist.when[number] if self._applying >> number & 1 else ()
        return [bool(self._reached >> number & 1), *said, *map(self._ask, asked)]

    @cached_property
    def _applying(self) -> int:
        """Rules whose conditions are looked at, as bits. Documents that these speak of are read here: where that fails,
        it fails for all of them, not only for those that are reached."""
        able = self._reached
        for aspect in range(_REASON):
            able &= ~self._failing(aspect, able)
        for whose, readers in self._shortlist.reads.items():
            if readers & able:
                with suppress(*UNANSWERABLE):  # counts as not met where it is looked at
                    self._question.circumstances.document_of(whose)
        return able

    @cached_property
    def _reached(self) -> int:
        """Rules that speak of the requester, as bits: the answer of `matching.among` for all of them."""
        requester, reaching = self._question.requester, self._shortlist.reaching
        found = reaching.get(Who("everyone"), 0)
        for group in requester.groups:
            found |= reaching.get(Who("group", group), 0)
        return found | reaching.get(Who("user", requester.ref), 0) if requester.ref else found

    def _failing(self, aspect: int, among: int) -> int:
        """Those of `among`, and perhaps others, that fail in one aspect."""
        failing = 0
        for saying, rules in enumerate(self._shortlist.sayings[aspect].said_by):
            if rules & among and False in self._answer(aspect, saying):
                failing |= rules
        return failing

    def _answer(self, aspect: int, saying: int) -> Answers:
        known = self._answers[aspect][saying]
        if known is None:
            sayings = self._shortlist.sayings[aspect]
            known = sayings.aspect.answers(sayings.examples[saying], self._question)
            self._answers[aspect][saying] = known
        return known

    def _ask(self, condition: int) -> bool | None:
        if self._met[condition] is _NOT_ASKED:
            self._met[condition] = self._evaluate(condition)
        return cast("bool | None", self._met[condition])

    @cached_property
    def _evaluate(self) -> Callable[[int], bool | None]:
        return self._shortlist.sheet.of(self._question.circumstances)


def _numbers_in(bits: int) -> Iterator[int]:
    """Places of the bits that are set, the lowest first. By way of text: shifting a long number costs its length."""
    written = f"{bits:b}"[::-1]
    place = written.find("1")
    while place >= 0:
        yield place
        place = written.find("1", place + 1)
