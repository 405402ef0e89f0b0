"""Reads RuleTest documents: what is given, and what the rules must say to it. They are run by `rule_test_run`.

`given` of the document holds for all its `cases`; what a case gives itself counts before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from control.capability import ACCESS, Ask
from control.models import Decision
from control.policy_fields import FieldReader, Problem, full_ref
from control.policy_yaml import Document, Place
from control.subjects import NoSubject, Subject, described

KIND = "RuleTest"
VERDICTS: tuple[str, ...] = tuple(Decision.Verdict.values)
_GIVEN = (
    *("subject", "people", "entity", "environment", "role", "capability", "duration"),
    *("breakGlass", "reason", "now"),
)
_EXPECT = ("verdict", "rule", "approvers", "approvals", "deciders", "message")


@dataclass(frozen=True)
class Person:
    """Somebody of a test; no account is needed."""

    ref: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Given:
    """`entity` as the test describes it, else `entity_ref` of the catalogue. Without `people`, whoever a rule names is
    there to decide."""

    subject: Person
    ask: Ask
    environment: str = ""
    entity: Subject | None = None
    entity_ref: str = ""
    people: tuple[Person, ...] | None = None
    now: datetime | None = None  # None: some working day at noon, UTC


@dataclass(frozen=True)
class Expect:
    """None, or an empty message: not looked at."""

    verdict: str
    rule: str | None = None
    approvers: frozenset[str] | None = None  # whom the rule names
    approvals: int | None = None
    deciders: frozenset[str] | None = None  # who of `people` can decide
    message: str = ""


@dataclass(frozen=True)
class Case:
    test: str
    name: str
    path: str
    line: int
    given: Given
    expect: Expect
    lines: Mapping[str, int] = field(default_factory=dict)  # of each field that is expected

    @property
    def title(self) -> str:
        return f"{self.test}: {self.name}" if self.name else self.test

    def line_of(self, name: str) -> int:
        return self.lines.get(name, self.line)


def is_test(document: Document) -> bool:
    return isinstance(document.data, dict) and document.data.get("kind") == KIND


def read_tests(documents: Sequence[Document]) -> tuple[list[Case], list[Problem]]:
    """The cases of these RuleTest documents, and what is wrong with them."""
    readers = [_Reader(document) for document in documents]
    cases = [case for reader in readers for case in reader.cases()]
    _refuse_repeated_names(readers)
    return cases, [problem for reader in readers for problem in sorted(reader.problems)]


def _refuse_repeated_names(readers: Iterable[_Reader]) -> None:
    seen: dict[str, _Reader] = {}
    for reader in readers:
        first = seen.setdefault(reader.name, reader)
        if reader.name and first is not reader:
            place = f"{first.document.path}, line {first.document.line}"
            reader.problem(
                ("metadata", "name"), f"{KIND} {reader.name} exists already in {place}. Rename one."
            )


class _Reader(FieldReader):
    """Reads one RuleTest. A field of a case may stand in the case itself or in the `given` of the document."""

    def cases(self) -> list[Case]:
        if self.head((KIND,)) is None:
            return []
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "given", "expect", "cases"))
        shared = self.mapping(self.data.get("given", {}), ("given",), _GIVEN)
        if "cases" not in self.data:
            return [self.case("", self.data, (), shared, {})]
        if "expect" in self.data:
            self.problem(("expect",), "expect stands in each case when there are cases.")
        found = []
        for where, item in self.items(self.data, "cases", (), required=True):
            one = self.mapping(item, where, ("name", "given", "expect"))
            own = self.mapping(one.get("given", {}), (*where, "given"), _GIVEN)
            name = self.text(one, "name", where, required=True)
            found.append(self.case(name, one, where, shared, own))
        return found

    def case(
        self, name: str, holder: dict[str, Any], where: Place, shared: dict[str, Any], own: dict[str, Any]
    ) -> Case:
        places = dict.fromkeys(shared, ("given",)) | dict.fromkeys(own, (*where, "given"))
        given = _merged(shared, own)
        expected = self.mapping(holder.get("expect"), (*where, "expect"), _EXPECT)
        lines = {key: self.document.line_of((*where, "expect", key)) for key in expected}
        return Case(
            test=self.name,
            name=name,
            path=self.document.path,
            line=self.document.line_of((*where, "name") if name else where),
            given=_GivenReader(self, given, places, where).read(),
            expect=self.expect(expected, (*where, "expect"), has_people=given.get("people") is not None),
            lines=lines,
        )

    def expect(self, expected: dict[str, Any], where: Place, *, has_people: bool) -> Expect:
        verdict = self.text(expected, "verdict", where, required=True)
        if verdict and verdict not in VERDICTS:
            self.problem((*where, "verdict"), f"verdict must be one of {', '.join(VERDICTS)}.")
        if "deciders" in expected and not has_people:
            words = "deciders are people of `given.people`. Add them, or expect approvers."
            self.problem((*where, "deciders"), words)
        count = expected.get("approvals")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
            self.problem((*where, "approvals"), "approvals must be a whole number.")
            count = None
        return Expect(
            verdict=verdict,
            rule=self.text(expected, "rule", where) if "rule" in expected else None,
            approvers=self.refs(expected, "approvers", where, "group"),
            approvals=count,
            deciders=self.refs(expected, "deciders", where, "user"),
            message=self.text(expected, "message", where),
        )

    def refs(self, data: dict[str, Any], name: str, where: Place, kind: str) -> frozenset[str] | None:
        if name not in data:
            return None
        return frozenset(full_ref(kind, word) for word in self.words(data, name, where))

    def person(self, item: Any, where: Place) -> Person:
        fields = self.mapping(item, where, ("kind", "name", "groups"))
        if fields.get("kind", "User") != "User":
            self.problem((*where, "kind"), "kind must be User: rules are asked for one person.")
        name = self.text(fields, "name", where, required=True)
        return Person(full_ref("user", name), self.refs(fields, "groups", where, "group") or frozenset())


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A case that asks for a role does not ask for the capability of all, nor the other way round."""
    replaced = {"role": "capability", "capability": "role"}
    left_out = {replaced[key] for key in own if key in replaced}
    return {key: value for key, value in shared.items() if key not in left_out} | own


class _GivenReader:
    def __init__(
        self, reader: _Reader, given: dict[str, Any], places: Mapping[str, Place], where: Place
    ) -> None:
        self.reader, self.given, self.places, self.where = reader, given, places, where

    def read(self) -> Given:
        entity, ref = self.entity()
        return Given(
            subject=self.subject(),
            ask=self.ask(),
            environment=self.reader.text(self.given, "environment", self.place("environment")),
            entity=entity,
            entity_ref=ref,
            people=self.people(),
            now=self.now(),
        )

    def now(self) -> datetime | None:
        text, place = self.reader.text(self.given, "now", self.place("now")), (*self.place("now"), "now")
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.reader.problem(
                place, "now must be a moment with its offset, like 2026-11-25T14:20:00+01:00."
            )
            return None
        return moment

    def place(self, name: str) -> Place:
        return self.places.get(name, self.where)

    def missing(self, message: str) -> None:
        self.reader.problem(self.where, message)

    def subject(self) -> Person:
        if "subject" not in self.given:
            self.missing(
                "given.subject is missing. Say who asks, like {kind: User, name: maya, groups: [support]}."
            )
            return Person("")
        return self.reader.person(self.given["subject"], (*self.place("subject"), "subject"))

    def people(self) -> tuple[Person, ...] | None:
        if "people" not in self.given:
            return None
        listed = self.reader.items(self.given, "people", self.place("people"))
        return tuple(self.reader.person(item, place) for place, item in listed)

    def ask(self) -> Ask:
        role = self.reader.text(self.given, "role", self.place("role"))
        capability = self.reader.text(self.given, "capability", self.place("capability"))
        duration = self.reader.duration(self.given, "duration", self.place("duration"))
        if bool(role) == bool(capability):
            self.missing("given names either a role or a capability, one of them.")
        if capability and duration:
            self.reader.problem((*self.place("duration"), "duration"), "duration is for roles.")
        breaks_glass = self.reader.truth(self.given, "breakGlass", self.place("breakGlass"), default=False)
        if capability and breaks_glass:
            self.reader.problem((*self.place("breakGlass"), "breakGlass"), "breakGlass is for roles.")
        reason = self.reader.text(self.given, "reason", self.place("reason")) or None
        return Ask(
            capability or ACCESS,
            role,
            duration if role else None,
            reason,
            breaks_glass=breaks_glass and bool(role),
        )

    def entity(self) -> tuple[Subject | None, str]:
        """Described here, or named."""
        written, place = self.given.get("entity"), (*self.place("entity"), "entity")
        if isinstance(written, str) and ":" in written:
            return None, full_ref("", written)
        if not isinstance(written, dict):
            words = "given.entity must be a reference like component:default/payments, or kind, metadata and spec."
            self.reader.problem(place, words)
            return None, ""
        try:
            return described(written), ""
        except NoSubject as error:
            self.reader.problem(place, f"given.entity: {error}")
            return None, ""
