"""`manage.py rules`: check a rule set, run its tests, put it in force."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from control import junit, policy, policy_change, policy_sources, replay, rule_reference, rule_schema
from control.errors import ControlError, PolicyInvalid
from control.models import PolicyRevision, State, User
from control.policy_documents import PolicySet
from control.rule_test_run import Result, run, untested


class Command(BaseCommand):
    help = "Check rule files, run their tests, or put them in force as one set. A set with any problem changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="read and check, change nothing")
        check.add_argument("paths", nargs="+", type=Path, help="files, or folders with .yaml files")
        load = actions.add_parser("load", help="check, then put in force")
        load.add_argument(
            "paths",
            nargs="*",
            type=Path,
            help="default: PORTICO_POLICY_PATHS, else the rules that Portico ships",
        )
        load.add_argument(
            "--break-glass",
            metavar="WHY",
            default="",
            help="without the second person that a change needs; recorded, shown on the rules, told to administrators",
        )
        propose = actions.add_parser("propose", help="ask a second person to put rules in force")
        propose.add_argument("paths", nargs="+", type=Path, help="files or folders with the whole set")
        propose.add_argument(
            "--as", dest="username", required=True, metavar="USERNAME", help="who proposes it"
        )
        propose.add_argument("--reason", required=True, help="why, for whoever must agree")
        test = actions.add_parser("test", help="run RuleTests, change nothing")
        test.add_argument(
            "paths",
            nargs="*",
            type=Path,
            help="rules with their tests, or tests alone, against the rules in force; default: PORTICO_POLICY_PATHS",
        )
        test.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML too")
        test.add_argument("--quiet", action="store_true", help="name failures and the total only")

        again = actions.add_parser("replay", help="try rules on requests that were sent, change nothing")
        again.add_argument("paths", nargs="+", type=Path, help="files or folders with the rules to try")
        again.add_argument(
            "--days", type=_days, default=replay.DAYS, help="how far back; by default %(default)s"
        )

        actions.add_parser("schema", help="print the JSON Schema of rule documents, for editors")
        actions.add_parser("reference", help="print docs/rules-reference.md")

    def handle(self, *args: Any, action: str, paths: Sequence[Path] = (), **options: Any) -> None:
        try:
            if action == "check":
                self.stdout.write(f"This set can be put in force: {_counted(policy.load(paths))}.")
            elif action == "test":
                self._test(paths or _files_of_settings(), options["junit"], quiet=options["quiet"])
            elif action == "replay":
                self._replay(paths, options["days"])
            elif action == "schema":
                self.stdout.write(json.dumps(rule_schema.schema(), indent=2, ensure_ascii=False))
            elif action == "reference":
                self.stdout.write(rule_reference.reference(), ending="")
            elif action == "propose":
                self._propose(paths, options["username"], options["reason"])
            else:
                self._load(paths, options["break_glass"].strip())
        except PolicyInvalid as refusal:
            count = len(refusal.problems)
            raise CommandError(
                f"{refusal}\n{count} {'problem' if count == 1 else 'problems'}. The rules in force have not changed."
            ) from None

    def _load(self, paths: Sequence[Path], why: str) -> None:
        before = policy.in_force()
        revision = self._loaded(paths, why)
        counted = _counted(policy.parsed(revision))
        if before and before.pk == revision.pk:
            self.stdout.write(f"Rules {revision.short} were in force already: {counted}.")
        else:
            self.stdout.write(f"Rules {revision.short} are in force: {counted}.")

    def _loaded(self, paths: Sequence[Path], why: str) -> PolicyRevision:
        loaded = policy.load_whole(paths) if paths else policy_sources.configured()
        if why:
            return policy_change.break_glass(loaded, why)
        if policy_change.needs_second_person(loaded, is_reviewed=not paths):
            raise CommandError(
                "Rules of yours are in force, so a second person must agree to others:\n"
                "  manage.py rules propose PATHS --as USERNAME --reason WHY\n"
                "In an emergency: manage.py rules load PATHS --break-glass WHY. It is recorded, shown on the rules and "
                "told to all administrators."
            )
        return policy.put_in_force(loaded, by=None) if paths else policy_sources.publish_at_start()

    def _propose(self, paths: Sequence[Path], username: str, reason: str) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"Nobody here is called {username}.")
        try:
            proposal = policy_change.keep(policy.load_whole(paths), by=user)
            intent = policy_change.send(proposal, by=user, reason=reason)
        except ControlError as refusal:
            if isinstance(refusal, PolicyInvalid):
                raise
            raise CommandError(str(refusal)) from None
        message = intent.decisions.latest("id").explanation["message"]
        if intent.state == State.DENIED:
            raise CommandError(f"Refused. {message}")
        self.stdout.write(f"Proposed as {intent.short}. {message}")
        self.stdout.write(f"{intent.plan['summary']}")

    def _test(self, paths: Sequence[Path], report: Path | None, *, quiet: bool) -> None:
        if not paths:
            raise CommandError("Name files or folders with rule tests, or set PORTICO_POLICY_PATHS.")
        found, cases = policy.read(paths)
        if not cases:
            raise CommandError("There is no RuleTest in these files. docs/access.md shows how one looks.")
        if not found.documents:
            found = self._in_force()
        results = run(cases, found)
        self._tell(results, quiet=quiet)
        if report:
            report.write_bytes(junit.report(results))
        failed = sum(not result.passed for result in results)
        if failed:
            raise CommandError(f"{failed} of {_cases(len(results))} failed.")
        self.stdout.write(f"{_cases(len(results))} passed.")
        if missing := untested(results, found):
            self.stdout.write(f"No test comes out by {', '.join(missing)}.")

    def _replay(self, paths: Sequence[Path], days: int) -> None:
        outcome = replay.replay(policy.load(paths), days=days)
        for difference in outcome.differences:
            intent = difference.intent
            where = f" in {intent.environment}" if intent.environment else ""
            at = difference.decision.decided_at.strftime("%Y-%m-%d %H:%M")
            self.stdout.write(f"{at}  {intent.title}{where}, for {intent.requested_by.label}")
            self.stdout.write(f"    now   {replay.words_of(difference.before)}")
            self.stdout.write(f"    then  {replay.words_of(difference.after)}: “{difference.after.message}”")
            if difference.what:
                self.stdout.write(f"    differs in {', '.join(difference.what)}")
        if more := outcome.changed - len(outcome.differences):
            self.stdout.write(f"and {more:,} more.")
        self.stdout.write(outcome.words)
        if outcome.left_out:
            self.stdout.write(f"{outcome.left_out:,} could not be tried: what they were about is gone.")

    def _in_force(self) -> PolicySet:
        revision = policy.in_force()
        if revision is None:
            raise CommandError(
                "No rules are in force to test against. Name the rules along with their tests."
            )
        self.stdout.write(f"Against the rules in force, {revision.short}.")
        return policy.parsed(revision)

    def _tell(self, results: list[Result], *, quiet: bool) -> None:
        path = ""
        for result in results:
            if quiet and result.passed:
                continue
            if result.case.path != path:
                path = result.case.path
                self.stdout.write(path)
            mark = self.style.SUCCESS("ok  ") if result.passed else self.style.ERROR("FAIL")
            self.stdout.write(f"  {mark} {result.case.title}")
            for failure in result.failures:
                self.stdout.write(f"       {path}, line {failure.line}: {failure.words}")
            if result.failures and result.verdict:
                for check in result.verdict.checks:
                    met = {True: "met", False: "not met", None: "not looked at"}[check.ok]
                    self.stdout.write(f"       {met}: {check.others}")


def _files_of_settings() -> list[Path]:
    return [place for place in settings.PORTICO_POLICY_PATHS if isinstance(place, Path)]


def _days(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= replay.LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {replay.LONGEST_DAYS}, not {text}")
    return int(text)


def _cases(number: int) -> str:
    return f"{number} rule test{'' if number == 1 else 's'}"


def _counted(found: PolicySet) -> str:
    counts = {
        "role": len(found.roles),
        "binding": len(found.bindings),
        "access rule": len(found.rules),
        "deny rule": len(found.denials),
        "rota": len(found.rotas),
    }
    return ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for noun, number in counts.items())
