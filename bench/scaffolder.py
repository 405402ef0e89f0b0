"""How quick templates are: a run that renders and publishes many files, and the forms that ask for its answers.

    python bench/scaffolder.py [FILES]      200

The template is made up here. Where a corpus of real ones lies (PORTICO_CORPUS), every form of theirs is
drawn too. Prints a line for each question: what it takes at p50 and p95, in this process, over a PostgreSQL of its own.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

    from catalog.models import Entity

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

FILES = 200
RUNS = 10
DRAWN = 50  # times each form
AIMS = {"run": 2_000.0, "form": 100.0}  # milliseconds
FIELDS = 20  # on each of three pages of the made-up form


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    from measuring.alone import in_scratch

    with in_scratch() as scratch:
        measure(scratch, files)


def measure(scratch: Path, files: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    for command in (["migrate"], ["install_queue"], ["collectstatic", "--no-input"]):
        call_command(*command, verbosity=0)
    from measuring import many_files

    maya, entity = many_files.fill(scratch, files, FIELDS)
    numbers = iter(range(RUNS + 1))
    report(
        f"a run of {files} files: started, rendered, published as a repository",
        "run",
        lambda: many_files.run(entity, maya, next(numbers), files),
        RUNS,
    )
    from django.test import Client

    client = Client()
    client.force_login(maya, backend="django.contrib.auth.backends.ModelBackend")
    report(f"form of {3 * FIELDS} fields on three pages: the first page", "form", drawn(client, entity))
    corpus = Path(os.environ.get("PORTICO_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not (corpus / "templates" / "INDEX.csv").exists():
        print("No corpus of real templates: set PORTICO_CORPUS to one.", file=sys.stderr)
        return
    real = list(of_corpus(corpus))
    largest = max(real, key=many_files.fields_in)
    fields = many_files.fields_in(largest)
    report(f"largest form of {len(real)} real templates ({fields} fields)", "form", drawn(client, largest))
    slowest = max(real, key=lambda one: seconds(drawn(client, one)))
    report(f"slowest form of them ({many_files.fields_in(slowest)} fields)", "form", drawn(client, slowest))


def drawn(client: Client, entity: Entity) -> Callable[[], object]:
    def get() -> object:
        answer = client.get(f"/create/{entity.namespace}/{entity.name}/")
        assert answer.status_code == 200, answer.status_code
        return answer

    return get


def of_corpus(corpus: Path) -> Iterator[Entity]:
    from catalog import ingest as ingestion
    from catalog.models import Entity, Location

    with (corpus / "templates" / "INDEX.csv").open() as index:
        rows = list(csv.DictReader(index))
    for row in rows:
        target = str(corpus / "templates" / row["folder"] / row["entry"])
        location = Location.objects.create(type="file", target=target, is_outside_roots=True)
        ingestion.ingest(location.pk)
        yield from Entity.objects.filter(location=location, kind="template")


def seconds(ask: Callable[[], object]) -> float:
    ask()
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def report(what: str, aim: str, ask: Callable[[], object], rounds: int = DRAWN) -> None:
    ask()
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1_000)
    took.sort()
    p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
    met = "yes" if p95 <= AIMS[aim] else "no"
    print(f"| {what} | {p50:.0f} / {p95:.0f} | ≤ {AIMS[aim]:,.0f} | {met} |", flush=True)


if __name__ == "__main__":
    main()
