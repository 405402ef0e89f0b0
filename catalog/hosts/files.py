"""Reading single files: through the API of their host, with its token, where an integration names the host; else as
anybody reads them from the web."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self
from urllib.parse import quote

from catalog import web
from catalog.hosts import integrations
from catalog.hosts.addresses import FileAddress, parse
from catalog.hosts.client import Client, checked
from catalog.hosts.integrations import GITHUB, Integration
from catalog.web import Content, Validators

_RAW = "application/vnd.github.raw+json"


class Files:
    """Reads addresses for the length of one read of a location; close it, best by `with`."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._clients: dict[str, Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def read_if_changed(self, url: str, unless: Validators | None = None) -> Content | None:
        """None when it is as `unless` was made from. Raises `Missing`, `Unreadable` or `Postponed`."""
        address = parse(url)
        integration = integrations.of_host(address.host, address.host_type) if address else None
        if address is None or integration is None:
            return web.read_if_changed(url, unless)
        client = self._client(integration)
        answer = client.get(_address(client, address), unless=unless, accept=_accept(integration))
        if answer.status == 304 and unless:
            return None
        checked(answer, f"file {address.path} at {address.ref} in {address.repository}", integration)
        return Content(answer.body, answer.validators)

    def _client(self, integration: Integration) -> Client:
        if integration.host not in self._clients:
            self._clients[integration.host] = self._stack.enter_context(Client(integration))
        return self._clients[integration.host]


def _address(client: Client, address: FileAddress) -> str:
    if address.host_type == GITHUB:
        return client.address(
            f"/repos/{quote(address.repository)}/contents/{quote(address.path)}", {"ref": address.ref}
        )
    project, path = quote(address.repository, safe=""), quote(address.path, safe="")
    return client.address(f"/projects/{project}/repository/files/{path}/raw", {"ref": address.ref})


def _accept(integration: Integration) -> str:
    return _RAW if integration.type == GITHUB else "*/*"
