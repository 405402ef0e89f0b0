"""A portal with Backstage's catalogue API over a list of entities: by-query with cursors, and the older /entities."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.catalog.hosts.server import Endpoint, Question, Reply

PREFIX = "/api/catalog"
LONGEST_PAGE = 40  # shorter than what is asked for, so that there are several


class Portal:
    """`has_by_query` False is a server from before that endpoint."""

    def __init__(self, entities: list[dict[str, Any]], *, has_by_query: bool = True) -> None:
        self.entities, self.has_by_query = entities, has_by_query
        self.hidden = 0  # entities that totalItems counts and no page has

    @property
    def endpoint(self) -> Endpoint:
        return self._answer

    def _answer(self, question: Question) -> Reply:
        path = question.path.removeprefix(PREFIX)
        if path == "/entities/by-query" and self.has_by_query:
            return self._by_query(question)
        return self._entities(question) if path == "/entities" else Reply(404, b"")

    def _by_query(self, question: Question) -> Reply:
        start, found = 0, self._filtered(question.query.get("filter", ""))
        if cursor := question.query.get("cursor"):
            kept = json.loads(base64.b64decode(cursor))
            start, found = kept["offset"], self._filtered(kept["filter"])
        size = min(int(question.query.get("limit", 20)), LONGEST_PAGE)
        info = {}
        if start + size < len(found):
            filter = question.query.get("filter", "")
            info["nextCursor"] = _packed({"offset": start + size, "filter": filter})
        page = found[start : start + size]
        return Reply(body={"items": page, "totalItems": len(found) + self.hidden, "pageInfo": info})

    def _entities(self, question: Question) -> Reply:
        offset = 0
        if after := question.query.get("after"):
            offset = json.loads(base64.b64decode(after))["offset"]
        found = self._filtered(question.query.get("filter", ""))
        page, headers = found[offset : offset + LONGEST_PAGE], {}
        if offset + LONGEST_PAGE < len(found):
            after = _packed({"limit": LONGEST_PAGE, "offset": offset + LONGEST_PAGE})
            headers["link"] = f'</entities?limit={LONGEST_PAGE}&after={after}>; rel="next"'
        return Reply(body=page, headers=headers)

    def _filtered(self, filter: str) -> list[dict[str, Any]]:
        name, _, value = filter.partition("=")
        return [one for one in self.entities if name != "kind" or one["kind"].lower() == value.lower()]


def _packed(value: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def as_served(document: dict[str, Any]) -> dict[str, Any]:
    """As a server sends it: with everything that it adds itself."""
    metadata = document["metadata"]
    annotations = {
        **metadata.get("annotations", {}),
        "backstage.io/managed-by-location": "url:https://git.example/x/blob/main/catalog-info.yaml",
        "backstage.io/managed-by-origin-location": "bootstrap:bootstrap",
    }
    return {
        **document,
        "metadata": {
            "namespace": "default",
            **metadata,
            "annotations": annotations,
            "uid": "6cf4c8f5-0000-4000-8000-000000000000",
            "etag": "0" * 40,
        },
        "relations": [{"type": "ownedBy", "targetRef": "group:default/payments"}],
        "status": {"items": []},
    }
