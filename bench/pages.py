"""How fast a whole Portico answers, as `script/server` runs it with the demo: start, pages, and the way of a job.

    python bench/pages.py [REQUESTS]

Starts one on a fresh data folder, signs in as an owner, asks each page REQUESTS (200) times with one client and with
eight, and sends jobs one by one. Prints one line for each. Nothing else should run on the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.portal.running import Portico  # noqa: E402  # found through the line above

PERSON, PASSWORD = "tomas.lind", "portico-demo"
PAGES = (
    "/",
    "/catalog/",
    "/catalog/?filter=kind%3Dcomponent",
    "/catalog/component/default/payments/",
    "/palette/?q=pay",
    "/access/",
    "/create/",
    "/inbox/",
)
CLIENTS = 8
JOBS = 50


def main(count: int) -> None:
    home = Path(tempfile.mkdtemp(prefix="portico-bench-"))
    home.chmod(0o755)
    portico = Portico(home / "home", PORTICO_DEMO="1")
    try:
        line("first start, packages installed", f"{seconds(portico.start_and_wait):.1f} s")
        measure(portico, count)
        line("stop", f"{seconds(portico.interrupt):.1f} s")
        line("second start", f"{seconds(portico.start_and_wait):.1f} s")
    finally:
        portico.kill_everything()
        shutil.rmtree(home)


def measure(portico: Portico, count: int) -> None:
    for path in PAGES:
        one = times(portico, path, count, clients=1)
        many = times(portico, path, count, clients=CLIENTS)
        line(path, f"{summary(one)}   {summary(many)}")
    line(
        "a job, from sending to taking",
        summary(job_times((portico.home / "run" / "database-url").read_text())),
    )


def signed_in(portico: Portico) -> requests.Session:
    session = requests.Session()
    address = f"http://127.0.0.1:{portico.port}/signin/"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(address, timeout=30).text)
    assert token
    form = {"username": PERSON, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    answer = session.post(address, form, headers={"Referer": address}, timeout=30)
    assert "/signin/" not in answer.url, f"{PERSON} could not sign in: {answer.status_code}"
    return session


def times(portico: Portico, path: str, count: int, *, clients: int) -> list[float]:
    def ask(_: int) -> list[float]:
        session = signed_in(portico)
        return [seconds(lambda: fetch(session, portico, path)) for _ in range(count // clients)]

    with ThreadPoolExecutor(clients) as pool:
        return [each for found in pool.map(ask, range(clients)) for each in found]


def fetch(session: requests.Session, portico: Portico, path: str) -> None:
    answer = session.get(f"http://127.0.0.1:{portico.port}{path}", timeout=30)
    assert answer.status_code == 200, (path, answer.status_code)


def job_times(url: str) -> list[float]:
    """One job at a time, sent as the web sends it; taken when the worker has read its message."""
    os.environ.update(DATABASE_URL=url, PORTICO_EMBEDDED="1", PORTICO_HOME=tempfile.gettempdir())
    from portal.celery import QUEUE, app

    waiting = f"select count(*) from pgmq.q_{QUEUE} where read_ct = 0".encode()
    with psycopg.connect(url, autocommit=True) as watcher, app.producer_pool.acquire() as producer:
        found = []
        for _ in range(JOBS):
            began = time.perf_counter()
            app.send_task("control.seal", producer=producer)
            while watcher.execute(waiting).fetchone() != (0,):
                time.sleep(0.001)
            found.append(time.perf_counter() - began)
            time.sleep(0.05)
        return found


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def summary(found: list[float]) -> str:
    ordered = sorted(found)
    p95 = ordered[int(len(ordered) * 0.95)]
    return f"median {statistics.median(ordered) * 1000:6.1f} ms, 95 % {p95 * 1000:6.1f} ms"


def line(what: str, result: str) -> None:
    print(f"{what:<44} {result}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
