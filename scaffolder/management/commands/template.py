"""`manage.py template`: look for mistakes in templates. Needs no database and no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scaffolder.linting import Severity, lint_paths, reports


class Command(BaseCommand):
    help = "Look for mistakes in templates. Nothing is run or changed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        lint = actions.add_parser("lint", help="find mistakes, with file, line and what to do")
        lint.add_argument("paths", nargs="+", type=Path, help="templates, or folders with templates in them")
        lint.add_argument(
            "--format",
            choices=reports.FORMATS,
            default="text",
            help="text for people, json for programs, github for notes at the lines of a pull request",
        )
        lint.add_argument("--strict", action="store_true", help="warnings count as errors")

    def handle(self, *args: Any, action: str, paths: Sequence[Path], **options: Any) -> None:
        self._lint(paths, options["format"], is_strict=options["strict"])

    def _lint(self, paths: Sequence[Path], format: str, *, is_strict: bool) -> None:
        try:
            files, findings = lint_paths(paths)
        except OSError as problem:
            raise CommandError(f"{problem.filename}: {problem.strerror}.") from None
        if not files:
            raise CommandError("There is no template below these paths: no file has kind: Template.")
        self.stdout.write(reports.FORMATS[format](findings), ending="")
        counts = Counter(finding.severity for finding in findings)
        if format == "text":
            told = ", ".join(_counted(counts[one], one) for one in Severity if counts[one]) or "nothing found"
            self.stdout.write(f"{_counted(len(files), 'template')}: {told}.")
        if counts[Severity.ERROR] or (is_strict and counts[Severity.WARNING]):
            raise SystemExit(1)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
