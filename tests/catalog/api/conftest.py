from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from control import tokens
from control.models import User
from tests.catalog.places import Place, component, team

PREFIX = "/api/catalog"


@dataclass
class Caller:
    """A script that signs in with a token; its answers are JSON."""

    client: Client
    secret: str

    def get(self, path: str, *, status: int = 200, prefix: str = PREFIX, **query: Any) -> Any:
        return self._checked(self.raw("GET", path, prefix=prefix, query=query), status)

    def post(self, path: str, body: Any, *, status: int = 200, **query: Any) -> Any:
        return self._checked(self.raw("POST", path, body, query=query), status)

    def put(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self._checked(self.raw("PUT", path, body), status)

    def delete(self, path: str, *, status: int = 204) -> Any:
        return self._checked(self.raw("DELETE", path), status)

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        prefix: str = PREFIX,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        return self.client.generic(
            method,
            prefix + path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            query_params=query,
            headers={"Authorization": f"Bearer {self.secret}"},
        )

    @staticmethod
    def _checked(response: Any, status: int) -> Any:
        content = b"".join(response) if response.streaming else response.content
        assert response.status_code == status, content
        return json.loads(content) if content else None


def caller(user: User) -> Caller:
    _, secret = tokens.issue(owner=user, by=user, name="test")
    return Caller(Client(enforce_csrf_checks=True), secret)


@pytest.fixture
def maya_calls(maya: User) -> Caller:
    return caller(maya)


@pytest.fixture
def admin_calls(root_admin: User) -> Caller:
    return caller(root_admin)


@pytest.fixture
def call_as() -> Callable[[User], Caller]:
    return caller


@pytest.fixture
def shop(place: Place, tmp_path: Any) -> Place:
    """A small company: seven entities in one folder, one of which refers to something unknown."""
    people = Place(tmp_path / "people", is_org_source=True)
    people.write("org.yaml", team("payments"))
    people.read()
    place.write("payments.yaml", component("payments", system="money", dependsOn="[resource:ledger]"))
    place.write("refunds.yaml", component("refunds", lifecycle="experimental", owner="nobody"))
    place.write("widgets.yaml", component("widgets", type="library", lifecycle="Deprecated"))
    place.write(
        "money.yaml",
        """
        apiVersion: backstage.io/v1alpha1
        kind: System
        metadata:
          name: money
          title: All about Money
          tags: [java, pci]
          annotations:
            example.org/cost-center: "42"
        spec:
          owner: payments
        ---
        apiVersion: backstage.io/v1alpha1
        kind: Resource
        metadata:
          name: ledger
        spec:
          type: database
          owner: payments
        """,
    )
    place.write(
        "index.yaml",
        """
        apiVersion: backstage.io/v1alpha1
        kind: Location
        metadata:
          name: index
        spec:
          targets: [./below/api.yml]
        """,
    )
    place.write(
        "below/api.yml",
        """
        apiVersion: backstage.io/v1alpha1
        kind: API
        metadata:
          name: pay-api
        spec:
          type: openapi
          lifecycle: production
          owner: payments
          definition: "openapi: 3.1.0"
        """,
    )
    place.read()
    return place
