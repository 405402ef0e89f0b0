from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import Client

from control import tokens
from control.models import User
from tests.catalog.api import conftest as catalog_api

PREFIX = "/api/scaffolder/v2"


class Caller(catalog_api.Caller):
    """A script that signs in with a token and speaks to the scaffolder."""

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        prefix: str = PREFIX,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        return super().raw(method, path, body, prefix=PREFIX, query=query)


def caller(user: User) -> Caller:
    _, secret = tokens.issue(owner=user, by=user, name="test")
    return Caller(Client(enforce_csrf_checks=True), secret)


@pytest.fixture
def maya_calls(maya: User) -> Caller:
    return caller(maya)


@pytest.fixture
def call_as() -> Callable[[User], Caller]:
    return caller
