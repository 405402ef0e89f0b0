"""Fails when a test was skipped for a reason that is not on the list, or when no test ran at all."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(report: Path, allowed: Path) -> int:
    reasons = tuple(line for line in allowed.read_text().splitlines() if line and not line.startswith("#"))
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314  # our own report
    skipped = [(case, found) for case in cases if (found := case.find("skipped")) is not None]
    wrong = [(case, found) for case, found in skipped if not found.get("message", "").startswith(reasons)]
    for case, found in wrong:
        sys.stdout.write(f"Skipped: {case.get('classname')}::{case.get('name')}: {found.get('message')}\n")
    if len(cases) == len(skipped):
        sys.stdout.write("No test ran.\n")
    return 1 if wrong or len(cases) == len(skipped) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
