"""A receiver over real HTTP, which checks signatures as Standard Webhooks says and takes no message twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300


class Receiver:
    def __init__(self, keys: list[bytes] | None = None) -> None:
        self.keys = keys
        self.calls: list[dict[str, Any]] = []  # taken: path, headers, body
        self.refused: list[str] = []
        self.status = 204  # the answer to what is taken
        self.location = ""
        self.url = ""

    def judge(self, headers: dict[str, str], body: bytes) -> str:
        """Why this call is not taken; empty when it is. Written from the specification, not with our own code."""
        number, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not moment.isdigit() or abs(time.time() - int(moment)) > TOLERANCE_SECONDS:
            return "too old"
        signed = b".".join([number.encode(), moment.encode(), body])
        given = [
            part.removeprefix("v1,")
            for part in headers.get("webhook-signature", "").split()
            if part[:3] == "v1,"
        ]
        wanted = [
            base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            for key in self.keys or []
        ]
        if not any(hmac.compare_digest(one, other) for one in given for other in wanted):
            return "wrong signature"
        if any(call["headers"]["webhook-id"] == number for call in self.calls):
            return "seen before"
        return ""


@contextmanager
def listening(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            why = receiver.judge(headers, body) if receiver.keys else ""
            if receiver.status >= 300:
                why = str(receiver.status)
            if why:
                receiver.refused.append(why)
            else:
                receiver.calls.append(
                    {"path": self.path, "headers": headers, "body": json.loads(body), "raw": body}
                )
            self.send_response(receiver.status if receiver.status >= 300 or not why else 401)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/T0-hunter2"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
