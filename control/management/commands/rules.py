"""`manage.py rules check PATHS…` says whether a rule set would be taken; `rules load [PATHS…]` puts it in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from control import policy
from control.errors import PolicyInvalid
from control.policy_documents import PolicySet


class Command(BaseCommand):
    help = "Check rule files, or put them in force as one set. A set with any problem changes nothing."

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

    def handle(self, *args: Any, action: str, paths: list[Path], **options: Any) -> None:
        try:
            if action == "check":
                self.stdout.write(f"This set can be put in force: {_counted(policy.load(paths))}.")
            else:
                self._load(paths)
        except PolicyInvalid as refusal:
            count = len(refusal.problems)
            raise CommandError(
                f"{refusal}\n{count} {'problem' if count == 1 else 'problems'}. The rules in force have not changed."
            ) from None

    def _load(self, paths: list[Path]) -> None:
        before = policy.in_force()
        revision = policy.publish(paths, by=None) if paths else policy.publish_at_start()
        if before and before.pk == revision.pk:
            self.stdout.write(
                f"Rules {revision.short} were in force already: {_counted(policy.parsed(revision))}."
            )
        else:
            self.stdout.write(f"Rules {revision.short} are in force: {_counted(policy.parsed(revision))}.")


def _counted(found: PolicySet) -> str:
    counts = {
        "role": len(found.roles),
        "binding": len(found.bindings),
        "access rule": len(found.rules),
        "deny rule": len(found.denials),
    }
    return ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for noun, number in counts.items())
