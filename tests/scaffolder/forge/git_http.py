"""git over http, by git's own `http-backend`, for whoever knows the token as a password."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit


def serving(root: Path, token: str, logins: list[str]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers for the repositories below `root`; who signed in is noted in `logins`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = _body(handler)
        user, _, password = _login(handler).partition(":")
        if password != token:
            _send(handler, b"Status: 401 Unauthorized\r\nWWW-Authenticate: Basic realm=git\r\n\r\n")
            return
        logins.append(user)
        done = subprocess.run(
            ["git", "http-backend"],
            env=_environment(handler, root, body, user),
            input=body,
            capture_output=True,
        )
        _send(handler, done.stdout)

    return answer


def _login(handler: BaseHTTPRequestHandler) -> str:
    encoded = handler.headers.get("Authorization", "").removeprefix("Basic ")
    return base64.b64decode(encoded).decode()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(handler.rfile.readline().strip(), 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def _environment(handler: BaseHTTPRequestHandler, root: Path, body: bytes, user: str) -> dict[str, str]:
    parts = urlsplit(handler.path)
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": user,
        "REMOTE_ADDR": "127.0.0.1",
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
    }


def _send(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    handler.send_response(status)
    for name, value in headers:
        if name != "Status":
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
