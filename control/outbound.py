"""Connections over http(s) that go only where they may: to the very address that was judged.

`session` is a requests session whose connections ask `addresses` first; what an answer means is for its callers to say.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.util import Retry

CONNECT_SECONDS = 5
# Host and port to the addresses that may be connected to; raises for a host that must not be reached.
Addresses = Callable[[str, int], list[str]]


def session(addresses: Addresses, retries: Retry) -> requests.Session:
    """Proxies and .netrc of the environment stay out: they would connect, or sign in, past the checks."""
    made = requests.Session()
    made.trust_env = False
    made.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    made.headers["User-Agent"] = "Portico"
    for scheme in ("https://", "http://"):
        made.mount(scheme, _PinnedAdapter(addresses, retries))
    return made


def _connect(connection: HTTPConnection, addresses: Addresses) -> socket.socket:
    """A socket to an address that was judged; the host name stays for the Host header and the certificate."""
    last: OSError | None = None
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else CONNECT_SECONDS
    for address in addresses(connection.host, connection.port):
        try:
            return socket.create_connection((address, connection.port), timeout)
        except OSError as error:
            last = error
    raise NewConnectionError(connection, f"no address of {connection.host} answered: {last}") from last


def _pools(addresses: Addresses) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3 makes connections by class, so the judge is bound into classes of its own."""

    class PinnedHttp(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, addresses)

    class PinnedHttps(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, addresses)

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = PinnedHttp

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = PinnedHttps

    return {"http": HttpPool, "https": HttpsPool}


class _PinnedAdapter(HTTPAdapter):
    def __init__(self, addresses: Addresses, retries: Retry) -> None:
        self._pools = _pools(addresses)
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *_: Any, **__: Any) -> None:
        self.poolmanager = PoolManager(num_pools=4, maxsize=1)
        self.poolmanager.pool_classes_by_scheme = self._pools
