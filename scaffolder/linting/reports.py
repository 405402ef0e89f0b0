"""Findings as text for people, JSON for programs, and GitHub's notes at lines of a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from scaffolder.linting.findings import Finding, Severity

_NOTES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}


def as_text(findings: Sequence[Finding]) -> str:
    return "".join(
        f"{one.file}:{one.line}:{one.column}: {one.severity} [{one.rule}] {one.message}\n" for one in findings
    )


def as_json(findings: Sequence[Finding]) -> str:
    return json.dumps([one.as_data() for one in findings], ensure_ascii=False, indent=2) + "\n"


def as_github(findings: Sequence[Finding]) -> str:
    """https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
    return "".join(
        f"::{_NOTES[one.severity]} file={_property(one.file)},line={one.line},col={one.column},"
        f"title={_property(one.rule)}::{_message(one.message)}\n"
        for one in findings
    )


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: Mapping[str, Callable[[Sequence[Finding]], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
}
