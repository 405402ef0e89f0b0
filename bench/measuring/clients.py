"""Clients that ask over kept connections, with as little work of their own as a client can have."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 4.0  # for each number of clients; the first tenth is warming up


@dataclass(frozen=True)
class Question:
    """One kind of request: `paths` are asked in turn, so that no answer is always the same row."""

    paths: tuple[str, ...]
    method: str = "GET"
    body: bytes | None = None


@dataclass(frozen=True)
class Pace:
    requests: int
    seconds: float
    times: tuple[float, ...]  # of each request, ascending

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def at(self, share: float) -> float:
        """The time in seconds that `share` of the requests stayed below."""
        return self.times[min(len(self.times) - 1, int(len(self.times) * share))]


def ask(
    url: str, question: Question, headers: Mapping[str, str], clients: int, seconds: float = SECONDS
) -> Pace:
    """Ask for `seconds` with so many clients at once. Raises `AssertionError` for any answer but a good one."""
    counter = itertools.count()
    began = time.perf_counter()
    counted_from, until = began + seconds / 10, began + seconds
    times: list[float] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for started, taken in _asked(
                url, question, headers, counter, lambda: time.perf_counter() < until
            ):
                if started >= counted_from:
                    times.append(taken)
        except BaseException as fault:  # noqa: BLE001  told to whoever measures
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return Pace(len(times), time.perf_counter() - counted_from, tuple(sorted(times)))


def _asked(
    url: str,
    question: Question,
    headers: Mapping[str, str],
    counter: Iterator[int],
    goes_on: Callable[[], bool],
) -> Iterator[tuple[float, float]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
    while goes_on():
        path = question.paths[next(counter) % len(question.paths)]
        started = time.perf_counter()
        connection.request(question.method, path, question.body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
        taken = time.perf_counter() - started
        assert answer.status == 200, (path, answer.status, content[:300])
        yield started, taken
    connection.close()
