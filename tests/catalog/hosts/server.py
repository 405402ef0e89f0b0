"""The HTTP side of a host: threads, a log, ETags, pages with Link headers, limits of requests, failures on demand."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "secret-token-of-the-test"


@dataclass(frozen=True)
class Asked:
    """One request of the log."""

    path: str
    query: Mapping[str, str]
    is_conditional: bool
    status: int
    has_token: bool
    method: str = "GET"
    data: Any = None  # what was sent, as JSON


@dataclass
class Reply:
    status: int = 200
    body: Any = None  # bytes go out as they are, all else as JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What an endpoint is told."""

    path: str  # as sent, with its quoting
    query: Mapping[str, str]
    headers: Mapping[str, str]
    server: Host
    method: str = "GET"
    data: Any = None

    def page(self, items: list[Any], *, link: bool = True) -> Reply:
        """The asked page of `items`, with the headers of both hosts that name the next one."""
        size, number = int(self.query.get("per_page", 30)), int(self.query.get("page", 1))
        found = items[(number - 1) * size : number * size]
        headers = {}
        if number * size < len(items):
            query = urlencode({**self.query, "page": number + 1})
            headers = {"X-Next-Page": str(number + 1)}
            if link:
                headers["Link"] = f'<{self.server.url}{self.path}?{query}>; rel="next"'
        return Reply(body=found, headers=headers)


Endpoint = Callable[[Question], Reply]


class Host:
    """Answers with `endpoint` at `url`. `limit` requests are left until `reset_at`; None is without limit."""

    def __init__(self, endpoint: Endpoint, *, token: str = TOKEN) -> None:
        self.endpoint, self.token = endpoint, token
        self.git: Callable[[BaseHTTPRequestHandler], None] | None = (
            None  # answers for addresses of repositories
        )
        self.url = ""
        self.namespace = ""  # that a test's GitLab was last asked for
        self.log: list[Asked] = []
        self.failures: list[Reply] = []  # the next answers
        self.limit: int | None = None
        self.reset_at = 0
        self._lock = Lock()

    @property
    def netloc(self) -> str:
        return self.url.partition("://")[2]

    def forget(self) -> None:
        self.log.clear()

    def reply(self, question: Question) -> Reply:
        with self._lock:
            if self.failures:
                return self.failures.pop(0)
            if not self._may(question.headers):
                return Reply(401, {"message": "Bad credentials", "documentation_url": "", "status": "401"})
            if self.limit is not None and self.limit <= 0:
                return Reply(403, {"message": "API rate limit exceeded"}, self._limits())
            found = self.endpoint(question)
            return self._conditional(question, found)

    def _may(self, headers: Mapping[str, str]) -> bool:
        return not self.token or self.token in (
            headers.get("PRIVATE-TOKEN", ""),
            headers.get("Authorization", "").removeprefix("Bearer "),
        )

    def _conditional(self, question: Question, found: Reply) -> Reply:
        if found.status == 200:
            body = found.body if isinstance(found.body, bytes) else json.dumps(found.body).encode()
            tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
            if question.headers.get("If-None-Match") == tag:
                return Reply(304, headers={"ETag": tag, **self._limits()})  # GitHub does not count these
            found = Reply(200, body, {**found.headers, "ETag": tag})
        if self.limit is not None:
            self.limit -= 1
        return Reply(found.status, found.body, {**found.headers, **self._limits()})

    def _limits(self) -> dict[str, str]:
        if self.limit is None:
            return {}
        return {"X-RateLimit-Remaining": str(max(self.limit, 0)), "X-RateLimit-Reset": str(self.reset_at)}

    def use_up(self, *, left: int = 0, seconds: int = 600) -> None:
        self.limit, self.reset_at = left, int(time.time()) + seconds


@contextmanager
def running(host: Host) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if host.git and ".git/" in self.path:
                host.git(self)
                return
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = json.loads(sent) if sent else None
            question = Question(parts.path, query, self.headers, host, self.command, data)  # type: ignore[arg-type]
            reply = host.reply(question)
            conditional = "If-None-Match" in self.headers or "If-Modified-Since" in self.headers
            has_token = "PRIVATE-TOKEN" in self.headers or "Authorization" in self.headers
            host.log.append(
                Asked(parts.path, query, conditional, reply.status, has_token, self.command, data)
            )
            self._send(reply)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  as http.server calls them

        def _send(self, reply: Reply) -> None:
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            body = b"" if reply.status in (204, 304) else body
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
