"""How large a catalogue may grow: reading it in, and asking it, at any size; of Portico and of servers like it.

    python bench/catalog.py [SIZE …]                      Portico, each size (1000 10000 100000) on data of its own
    python bench/catalog.py --generate FOLDER SIZE        the same descriptors as files, for another server to read
    python bench/catalog.py --against URL SIZE [--token T]  any server with Backstage's catalogue API that holds them

Prints a table for each size, in Markdown. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from measuring import processes  # noqa: E402  # found through the line above
from measuring.clients import Pace, Question, ask  # noqa: E402
from measuring.descriptors import generate  # noqa: E402
from measuring.questions import of_the_api, of_the_pages  # noqa: E402
from measuring.tables import Row, print_table  # noqa: E402

SIZES = (1_000, 10_000, 100_000)
CLIENTS = (1, 8)
PORT = 8899
MEGABYTE = 1_048_576


def main() -> None:
    options = _options()
    if options.generate:
        generate(Path(options.generate), options.sizes[0])
    elif options.against:
        token = {"Authorization": f"Bearer {options.token}"} if options.token else {}
        size = options.sizes[0]
        print_table(size, list(_asked(options.against, of_the_api(size), token, [], [])))
    else:
        for size in options.sizes:
            print_table(size, _portico(size))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--generate", metavar="FOLDER")
    parser.add_argument("--against", metavar="URL")
    parser.add_argument("--token", help="sent as Authorization: Bearer …")
    options = parser.parse_args()
    if (options.generate or options.against) and len(options.sizes) != 1:
        parser.error("name one size")
    return options


def _portico(size: int) -> list[Row]:
    scratch = Path(tempfile.mkdtemp(prefix="portico-bench-"))
    scratch.chmod(0o755)
    os.environ.update(
        PORTICO_HOME=str(scratch), DJANGO_SETTINGS_MODULE="portal.settings", PORTICO_LOG_LEVEL="ERROR"
    )
    os.environ.update(PORTICO_DEMO="0", PORT=str(PORT))
    from portal.embedded import Server

    server = Server(scratch / "data", scratch / "sockets", scratch / "log")
    os.environ.update(DATABASE_URL=server.start("portico_bench"), PORTICO_EMBEDDED="1")
    try:
        return _measured_in_a_process_of_its_own(scratch / "files", size)
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)


def _measured_in_a_process_of_its_own(folder: Path, size: int) -> list[Row]:
    """Django can be set up once in a process, for one database."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure_portico, folder, size).result()


def measure_portico(folder: Path, size: int) -> list[Row]:
    import django

    django.setup()
    from django.core.management import call_command
    from measuring import portico

    for command in (["migrate"], ["install_queue"], ["collectstatic", "--no-input"]):
        call_command(*command, verbosity=0)
    postgres = portico.server_process()
    generate(folder, size)
    rows = list(portico.ingest(folder, size, postgres))
    session, token = portico.sign_ins()
    with _web() as web:
        address = f"http://127.0.0.1:{PORT}"
        rows += _asked(address, of_the_api(size), token, [web], [postgres])
        rows += _asked(address, of_the_pages(size), session, [web], [postgres])
        largest = max(processes.memory_bytes(web))
        rows.append(
            Row("memory of a web process", f"{largest / MEGABYTE:,.0f} MB", number=largest / MEGABYTE)
        )
    return rows


@contextmanager
def _web() -> Iterator[int]:
    """The web server as script/server runs it; the number of its process."""
    from portal.supervisor import commands

    process = subprocess.Popen([sys.executable, *commands("127.0.0.1", PORT)["web"].split()], cwd=ROOT)
    try:
        _wait_for(f"http://127.0.0.1:{PORT}/healthz")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _asked(
    url: str,
    questions: Mapping[str, Question],
    headers: Mapping[str, str],
    web: Sequence[int],
    postgres: Sequence[int],
) -> Iterator[Row]:
    for name, question in questions.items():
        sent = {**headers, "Content-Type": "application/json"} if question.body else headers
        before = processes.cpu_seconds(web), processes.cpu_seconds(postgres)
        paces = [ask(url, question, sent, clients) for clients in CLIENTS]
        after = processes.cpu_seconds(web), processes.cpu_seconds(postgres)
        yield _row(name, paces, [(b - a) for a, b in zip(before, after, strict=True)] if web else [])


def _row(name: str, paces: Sequence[Pace], cpu: Sequence[float]) -> Row:
    count = sum(pace.requests for pace in paces)
    times = [" / ".join(f"{pace.at(share) * 1000:.1f}" for share in (0.5, 0.95, 0.99)) for pace in paces]
    return Row(
        name,
        " / ".join(f"{pace.rate:,.0f}" for pace in paces) + " req/s",
        detail=[*times, *(f"{seconds / count * 1000:.2f}" for seconds in cpu)],
        number=paces[0].rate,
        second=paces[1].rate,
        p95_ms=paces[0].at(0.95) * 1000,
    )


if __name__ == "__main__":
    main()
