"""Results of tests of rules and templates as JUnit XML, which every CI system shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol
from xml.etree import ElementTree as Xml

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Case(Protocol):
    @property
    def test(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int: ...


class _Failure(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def words(self) -> str: ...


class Result(Protocol):
    """Of a case of any kind of test."""

    @property
    def case(self) -> _Case: ...
    @property
    def failures(self) -> Sequence[_Failure]: ...
    @property
    def passed(self) -> bool: ...
    @property
    def seconds(self) -> float: ...


def report(results: Sequence[Result], type: str = "RuleTest") -> bytes:
    """One suite for each RuleTest, one case for each of its cases; `file` and `line` say where it stands."""
    root = Xml.Element("testsuites", _totals(results))
    for name, group in groupby(results, key=lambda result: result.case.test):
        _add_suite(root, name, list(group), type)
    Xml.indent(root)
    text: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _add_suite(root: Xml.Element, name: str, results: Sequence[Result], type: str) -> None:
    suite = Xml.SubElement(root, "testsuite", {"name": name, **_totals(results)})
    for result in results:
        case = result.case
        place = {"file": case.path, "line": str(case.line)}
        attributes = {"classname": name, "name": case.name or name, "time": f"{result.seconds:.6f}"}
        element = Xml.SubElement(suite, "testcase", {**attributes, **place})
        for failure in result.failures:
            words = _NOT_XML.sub("\ufffd", failure.words)
            found = Xml.SubElement(element, "failure", {"message": words, "type": type})
            found.text = f"{case.path}, line {failure.line}: {words}"


def _totals(results: Sequence[Result]) -> dict[str, str]:
    failed = sum(not result.passed for result in results)
    seconds = sum(result.seconds for result in results)
    return {"tests": str(len(results)), "failures": str(failed), "errors": "0", "time": f"{seconds:.6f}"}
