"""Reading one file over http(s): to allowed networks only, at every redirect, within limits of time and size."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from catalog.errors import Missing, Unreadable
from catalog.network import checked_addresses
from catalog.targets import TargetRefused, checked_url
from catalog.yaml12 import FILE_LIMIT_BYTES

CONNECT_SECONDS = 5
SILENCE_SECONDS = 10  # between two pieces of an answer
WHOLE_SECONDS = 60  # for all of it, redirects included: a slow drip ends too
REDIRECT_LIMIT = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A page of a repository browser, whose raw file is meant: github.com, gitlab.com and servers like them.
_BROWSED = re.compile(r"(?P<repository>https://[^/]+/.+?)/(?P<dash>-/)?(?:blob|tree)/(?P<rest>.+)")


def raw_address(url: str) -> str:
    """Where the file itself lies that a repository page (`…/blob/main/x.yaml`) shows; other addresses as they are."""
    browsed = _BROWSED.fullmatch(url)
    return f"{browsed['repository']}/{browsed['dash'] or ''}raw/{browsed['rest']}" if browsed else url


def read(url: str) -> bytes:
    """The bytes at `url`. Raises `Missing` when the server says that there is nothing, `Unreadable` for all else."""
    deadline = time.monotonic() + WHOLE_SECONDS
    address = raw_address(url)
    with _session() as session:
        for _ in range(REDIRECT_LIMIT + 1):
            with _answer(session, address) as answer:
                if answer.status_code not in _REDIRECTS:
                    return _content(answer, url, deadline)
                address = _checked(urljoin(address, answer.headers.get("location", "")))
    raise Unreadable(f"{url} redirects more than {REDIRECT_LIMIT} times. Name the address it ends at.")


def _checked(url: str) -> str:
    try:
        return checked_url(url)
    except TargetRefused as error:
        raise Unreadable(str(error)) from error


def _answer(session: requests.Session, url: str) -> requests.Response:
    _checked(url)
    try:
        return session.get(
            url, timeout=(CONNECT_SECONDS, SILENCE_SECONDS), allow_redirects=False, stream=True
        )
    except Unreadable:
        raise
    except requests.RequestException as error:
        raise Unreadable(_could_not(url, error)) from error


def _could_not(url: str, error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return f"{url} did not answer in time. Try again later."
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"{url} has no certificate that is trusted here. Set REQUESTS_CA_BUNDLE to your authority's file."
        )
    return f"{url} could not be reached. Check the address, and the network of this server."


def _content(answer: requests.Response, url: str, deadline: float) -> bytes:
    if answer.status_code in (404, 410):
        raise Missing(
            f"There is nothing at {url} (the server answered {answer.status_code}). Check the address."
        )
    if answer.status_code in (401, 403):
        raise Unreadable(
            f"{url} is not public (the server answered {answer.status_code}). Read it as a git repository."
        )
    if answer.status_code != 200:
        raise Unreadable(f"{url} answered {answer.status_code} instead of the file. Try again later.")
    pieces, size = [], 0
    try:
        for piece in answer.iter_content(64 * 1024):
            pieces.append(piece)
            size += len(piece)
            if size > FILE_LIMIT_BYTES:
                raise Unreadable(
                    f"{url} is larger than {FILE_LIMIT_BYTES:,} bytes, which is the most that is read."
                )
            if time.monotonic() > deadline:
                raise Unreadable(f"{url} took longer than {WHOLE_SECONDS} seconds. Try again later.")
    except requests.RequestException as error:
        raise Unreadable(f"{url} broke off while it was read. Try again later.") from error
    return b"".join(pieces)


def _session() -> requests.Session:
    """Proxies and .netrc of the environment stay out: they would connect, or sign in, past the checks."""
    session = requests.Session()
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.headers.update({"User-Agent": "Portico", "Accept": "application/yaml, text/plain, */*;q=0.8"})
    for scheme in ("https://", "http://"):
        session.mount(scheme, _PinnedAdapter())
    return session


def _connect(connection: HTTPConnection) -> socket.socket:
    """A socket to an address that was judged; the host name stays for the Host header and the certificate."""
    last: OSError | None = None
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else CONNECT_SECONDS
    for address in checked_addresses(connection.host, connection.port):
        try:
            return socket.create_connection((address, connection.port), timeout)
        except OSError as error:
            last = error
    raise NewConnectionError(connection, f"no address of {connection.host} answered: {last}") from last


class _PinnedHttp(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PinnedHttps(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _PinnedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PinnedHttps


class _PinnedAdapter(HTTPAdapter):
    def init_poolmanager(self, *_: Any, **__: Any) -> None:
        self.poolmanager = PoolManager(num_pools=1, maxsize=1)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
