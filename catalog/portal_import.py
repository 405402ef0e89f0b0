"""All entities of another Backstage or Portico, through its catalogue API, as that portal describes them.

What its server made is left out (uid, etag, relations, status, where it read them); where an entity came from there is
kept as an annotation. Pages by cursor, or by `after` on servers that have no by-query.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from requests.utils import parse_header_links

from catalog.errors import Unreadable
from catalog.hosts import integrations
from catalog.hosts.client import Client, as_json, checked
from catalog.hosts.integrations import BACKSTAGE, Integration, Secret
from catalog.made import MadeSource, made_source
from catalog.models import Location
from catalog.reading import ORG_KINDS
from catalog.web import Answer

PAGE_SIZE = 500
MOST_PAGES = 2_000
ORIGIN = "portico.dev/imported-from"
_MANAGED_BY = "backstage.io/managed-by-location"
# Addresses of the source and its page stay: they are as true here as there.
_SERVER_MADE = frozenset({_MANAGED_BY, "backstage.io/managed-by-origin-location", "backstage.io/orphan"})
_NAMES_OF_SERVER = ("uid", "etag", "generation")


@contextmanager
def portal_source(location: Location, *, token: str = "") -> Iterator[MadeSource]:
    """Raises `Unreadable` or `Postponed` unless every entity was sent. `token` goes before the integration's."""
    url, _, filters = location.target.partition("#")
    nothing = (
        f"{url} sent no entity. Without a token, or with one that may see nothing, portals answer so. Nothing is taken "
        "away."
    )
    with Client(_integration(url, token)) as client:
        portal = _Portal(client, filters.split(";") if filters else [])
        documents = (
            cleaned(entity)
            for entity in portal.entities()
            if location.is_org_source or str(entity.get("kind", "")).lower() not in ORG_KINDS
        )
        with made_source(documents, nothing=nothing) as source:
            yield source


def _integration(url: str, token: str) -> Integration:
    host = urlsplit(url).netloc.lower()
    found = integrations.of_host(host, BACKSTAGE)
    if found and not token:
        return found
    api = found.api if found else f"{url}/api/catalog"
    return Integration(BACKSTAGE, host, api, Secret("token", token), Secret("webhook_secret"))


class _Portal:
    def __init__(self, client: Client, filters: list[str]) -> None:
        self._client = client
        self._filters = [("filter", one) for one in filters]

    def entities(self) -> Iterator[dict[str, Any]]:
        first = self._client.get(
            self._address("/entities/by-query", [*self._filters, ("limit", str(PAGE_SIZE))])
        )
        pages = self._by_after() if first.status == 404 else self._by_cursor(first)
        for page in pages:
            for entity in page:
                if not isinstance(entity, dict):
                    raise self._odd()
                yield entity

    def _by_cursor(self, answer: Answer) -> Iterator[list[Any]]:
        received = 0
        for _ in range(MOST_PAGES):
            page = self._page(answer)
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise self._odd()
            received += len(page["items"])
            yield page["items"]
            cursor = (page.get("pageInfo") or {}).get("nextCursor")
            if not cursor:
                return self._complete(received, page.get("totalItems"))
            query = [("cursor", cursor), ("limit", str(PAGE_SIZE))]
            answer = self._client.get(self._address("/entities/by-query", query))
        raise self._too_many()

    def _complete(self, received: int, total: Any) -> None:
        """Entities that came or went while it was paged are no reason; a page that was cut short is."""
        if isinstance(total, int) and received < total:
            raise Unreadable(
                f"Only {received:,} of {total:,} entities were sent, perhaps because some changed meanwhile. Nothing "
                "is concluded from it; it is read again."
            )

    def _by_after(self) -> Iterator[list[Any]]:
        """Older servers: pages by the Link header."""
        url = self._address("/entities", [*self._filters, ("limit", str(PAGE_SIZE))])
        for _ in range(MOST_PAGES):
            answer = self._client.get(url)
            page = self._page(answer)
            if not isinstance(page, list):
                raise self._odd()
            yield page
            following = _next_of(answer)
            if not following:
                return
            # Relative to the plugin's router, whatever path that has: only its query is of use.
            url = urljoin(self._client.address("/entities"), f"?{urlsplit(following).query}")
        raise self._too_many()

    def _page(self, answer: Answer) -> Any:
        what = "catalogue API"
        return as_json(checked(answer, what, self._client.integration), what)

    def _address(self, path: str, query: list[tuple[str, str]]) -> str:
        return f"{self._client.address(path)}?{urlencode(query)}"

    def _odd(self) -> Unreadable:
        return Unreadable(
            f"{self._client.integration.api} does not answer as a catalogue API does. Check the address of the portal."
        )

    def _too_many(self) -> Unreadable:
        return Unreadable(
            f"The portal has more than {MOST_PAGES * PAGE_SIZE:,} entities. Import parts, with filters behind #."
        )


def _next_of(answer: Answer) -> str:
    links = parse_header_links(answer.headers.get("Link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), "")


def cleaned(entity: dict[str, Any]) -> dict[str, Any]:
    """The document as its author wrote it, as far as that can be told, with a note of where it came from."""
    document = {key: value for key, value in entity.items() if key not in ("relations", "status")}
    if not isinstance(document.get("metadata"), dict):
        return document
    metadata = {key: value for key, value in document["metadata"].items() if key not in _NAMES_OF_SERVER}
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        metadata["annotations"] = _own(annotations)
    return {**document, "metadata": metadata}


def _own(annotations: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in annotations.items() if key not in _SERVER_MADE}
    origin = annotations.get(_MANAGED_BY)
    return {**own, ORIGIN: origin} if isinstance(origin, str) else own
