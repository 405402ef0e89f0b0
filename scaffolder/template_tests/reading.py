"""Reads TemplateTest documents: `given` of the document holds for all its `cases`; a case's own counts before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.policy_fields import FieldReader, Problem, full_ref
from control.policy_yaml import Document, Place, UnreadableYamlError, read_documents

KIND = "TemplateTest"
DEFAULT_TEMPLATE = "template.yaml"
_SUFFIXES = (".test.yaml", ".test.yml")
_GIVEN = ("answers", "user", "entities")
_USER = ("name", "entity")
_EXPECT = ("files", "exists", "absent", "skipped", "ran", "changes", "output", "errors", "fails")
_FILE = ("equals", "contains", "lacks")


@dataclass(frozen=True)
class Given:
    """`entities` are what the catalogue holds, by reference, for steps that fetch from it."""

    answers: Mapping[str, Any]
    user_ref: str
    user_entity: Mapping[str, Any]
    entities: Mapping[str, Any]


@dataclass(frozen=True)
class FileExpected:
    """None: not looked at."""

    path: str
    equals: str | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expect:
    files: tuple[FileExpected, ...] = ()
    exists: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()  # ids of steps
    ran: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()  # words of what would change outside
    output: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)  # words at a field that refuses its answer
    fails: str = ""  # words of the step that fails


@dataclass(frozen=True)
class Case:
    """`template` is the file that it is about; `path` and `line` are of the test."""

    test: str
    name: str
    path: str
    line: int
    template: Path
    given: Given
    expect: Expect
    lines: Mapping[Place, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.test}: {self.name}" if self.name else self.test

    def line_of(self, *where: str | int) -> int:
        """Of a part of `expect`."""
        place: Place = where
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, self.line)


def read_tests(paths: Sequence[Path]) -> tuple[list[Case], list[Problem]]:
    """The cases of these files, and of `*.test.yaml` below these folders; what is wrong comes with file and line.

    Raises `OSError` for a path that is not there.
    """
    cases: list[Case] = []
    problems: list[Problem] = []
    for file in (file for path in paths for file in _files_below(path)):
        try:
            documents = list(read_documents(file, file.as_posix()))
        except UnreadableYamlError as error:
            problems.append((file.as_posix(), error.line, error.message))
            continue
        for document in documents:
            reader = _Reader(document, file.parent)
            cases += reader.cases()
            problems += sorted(reader.problems)
    return cases, problems


def _files_below(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        path.stat()
        yield path
        return
    for found in sorted(path.rglob("*")):
        if found.name.endswith(_SUFFIXES) and found.is_file():
            yield found


class _Reader(FieldReader):
    def __init__(self, document: Document, folder: Path) -> None:
        super().__init__(document)
        self._folder = folder

    def cases(self) -> list[Case]:
        if self.head((KIND,)) is None:
            return []
        self.fields(self.data, (), ("apiVersion", "kind", "metadata", "template", "given", "expect", "cases"))
        template = self._folder / (self.text(self.data, "template", ()) or DEFAULT_TEMPLATE)
        if not template.is_file():
            self.problem(("template",), f"There is no template {template.as_posix()}. Name its file.")
        shared = self.mapping(self.data.get("given", {}), ("given",), _GIVEN)
        if "cases" not in self.data:
            return [self._case("", self.data, (), template, shared)]
        if "expect" in self.data:
            self.problem(("expect",), "expect stands in each case when there are cases.")
        found = []
        for where, item in self.items(self.data, "cases", (), required=True):
            one = self.mapping(item, where, ("name", "given", "expect"))
            own = self.mapping(one.get("given", {}), (*where, "given"), _GIVEN)
            name = self.text(one, "name", where, required=True)
            answers = {**(shared.get("answers") or {}), **(own.get("answers") or {})}
            found.append(self._case(name, one, where, template, {**shared, **own, "answers": answers}))
        return found

    def _case(
        self, name: str, holder: dict[str, Any], where: Place, template: Path, given: dict[str, Any]
    ) -> Case:
        place = (*where, "expect")
        depth = len(place)
        lines = {at[depth:]: line for at, line in self.document.lines.items() if at[:depth] == place}
        return Case(
            test=self.name,
            name=name,
            path=self.document.path,
            line=self.document.line_of((*where, "name") if name else where),
            template=template,
            given=self._given(given, (*where, "given")),
            expect=self._expect(holder.get("expect"), place),
            lines=lines,
        )

    def _given(self, given: dict[str, Any], where: Place) -> Given:
        user = self.mapping(given.get("user") or {}, (*where, "user"), _USER)
        ref = full_ref("user", self.text(user, "name", (*where, "user")) or "tester")
        entity = self._map(user, "entity", (*where, "user"))
        entities = {}
        for place, one in self.items(given, "entities", where):
            if known := self._reference(one, place):
                entities[known] = one
        return Given(self._map(given, "answers", where), ref, entity, entities)

    def _reference(self, entity: Any, where: Place) -> str:
        metadata = entity.get("metadata") if isinstance(entity, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str) or not isinstance(entity.get("kind"), str):
            self.problem(where, "an entity needs kind and metadata.name.")
            return ""
        namespace = metadata.get("namespace", "default") if isinstance(metadata, dict) else "default"
        return f"{entity['kind']}:{namespace}/{name}".lower()

    def _map(self, data: dict[str, Any], name: str, where: Place) -> dict[str, Any]:
        value = data.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem((*where, name), f"{name} must be a map of names and values.")
            return {}
        return value

    def _expect(self, value: Any, where: Place) -> Expect:
        expected = self.mapping(value, where, _EXPECT)
        if value == {}:
            self.problem(where, f"expect says nothing. Add one of {', '.join(_EXPECT)}.")
        lists = {
            name: tuple(self.words(expected, name, where))
            for name in ("exists", "absent", "skipped", "ran", "changes")
        }
        errors = self._map(expected, "errors", where)
        if errors and len(expected) > 1:
            self.problem((*where, "errors"), "answers that are refused make nothing: expect errors alone.")
        return Expect(
            files=tuple(self._files(expected, (*where, "files"))),
            output=self._map(expected, "output", where),
            errors={str(name): str(words or "") for name, words in errors.items()},
            fails=self.text(expected, "fails", where),
            **lists,
        )

    def _files(self, expected: dict[str, Any], where: Place) -> Iterator[FileExpected]:
        for path, value in self._map(expected, "files", where[:-1]).items():
            place = (*where, path)
            if isinstance(value, str):
                yield FileExpected(path, value)
                continue
            fields = self.mapping(value, place, _FILE)
            if not fields:
                self.problem(place, f"say what {path} holds: its text, or {', '.join(_FILE)}.")
            contains = tuple(self._texts(fields, "contains", place))
            yield FileExpected(
                path, self._exact(fields, place), contains, tuple(self._texts(fields, "lacks", place))
            )

    def _exact(self, fields: dict[str, Any], where: Place) -> str | None:
        value = fields.get("equals")
        if value is not None and not isinstance(value, str):
            self.problem((*where, "equals"), "equals must be text. Write it after `|`, or in quotes.")
            return None
        return value

    def _texts(self, fields: dict[str, Any], name: str, where: Place) -> list[str]:
        """One text or several."""
        value = fields.get(name, [])
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) and one for one in listed):
            self.problem((*where, name), f"{name} must be a text or a list of texts. Put numbers in quotes.")
        return [one for one in listed if isinstance(one, str) and one]
