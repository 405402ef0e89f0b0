"""`manage.py template`: look for mistakes in templates, and run their tests. Needs no database and no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from control import junit
from scaffolder.linting import Severity, lint_paths, reports
from scaffolder.template_tests.reading import KIND, read_tests
from scaffolder.template_tests.running import run


class Command(BaseCommand):
    help = "Look for mistakes in templates, or run their tests. Nothing outside changes."
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

        test = actions.add_parser(
            "test", help="run TemplateTests: answers, and the files that must come of them"
        )
        test.add_argument("paths", nargs="+", type=Path, help="tests, or folders with *.test.yaml in them")
        test.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML too")
        test.add_argument("--quiet", action="store_true", help="name failures and the total only")

    def handle(self, *args: Any, action: str, paths: Sequence[Path], **options: Any) -> None:
        try:
            if action == "lint":
                self._lint(paths, options["format"], is_strict=options["strict"])
            else:
                self._test(paths, options["junit"], quiet=options["quiet"])
        except OSError as problem:
            raise CommandError(f"{problem.filename}: {problem.strerror}.") from None

    def _lint(self, paths: Sequence[Path], format: str, *, is_strict: bool) -> None:
        files, findings = lint_paths(paths)
        if not files:
            raise CommandError("There is no template below these paths: no file has kind: Template.")
        self.stdout.write(reports.FORMATS[format](findings), ending="")
        counts = Counter(finding.severity for finding in findings)
        if format == "text":
            told = ", ".join(_counted(counts[one], one) for one in Severity if counts[one]) or "nothing found"
            self.stdout.write(f"{_counted(len(files), 'template')}: {told}.")
        if counts[Severity.ERROR] or (is_strict and counts[Severity.WARNING]):
            raise SystemExit(1)

    def _test(self, paths: Sequence[Path], report: Path | None, *, quiet: bool) -> None:
        cases, problems = read_tests(paths)
        if problems:
            for path, line, words in problems:
                self.stderr.write(f"{path}, line {line}: {words}")
            raise CommandError(f"{_counted(len(problems), 'problem')} in these tests. None was run.")
        if not cases:
            raise CommandError(
                "There is no TemplateTest below these paths. docs/templates.md shows how one looks."
            )
        results = run(cases)
        for result in results:
            if result.failures or not quiet:
                self.stdout.write(f"{'passed' if result.passed else 'FAILED'}  {result.case.title}")
            for failure in result.failures:
                self.stdout.write(f"        {result.case.path}, line {failure.line}: {failure.words}")
        if report:
            report.write_bytes(junit.report(results, KIND))
        if failed := sum(not result.passed for result in results):
            raise CommandError(f"{failed} of {_counted(len(results), 'case')} failed.")
        self.stdout.write(f"{_counted(len(results), 'case')} passed.")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
