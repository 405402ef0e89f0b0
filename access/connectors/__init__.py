"""Connectors by target: settings.PORTICO_CONNECTORS says which outside systems there are and how each is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from access.connectors.base import Connector
from access.connectors.postgresql import PostgresqlConnector
from access.errors import ConnectorError

_TYPES: Mapping[str, Callable[[str, Mapping[str, Any]], Connector]] = {"postgresql": PostgresqlConnector}


def connector_for(type_name: str, target: str) -> Connector:
    """The connector of a configured target. Raises `ConnectorError` in words when there is none."""
    configured = settings.PORTICO_CONNECTORS.get(target)
    if configured is None:
        raise ConnectorError(f"There is no target {target}. Name it in PORTICO_CONNECTORS.")
    if configured.get("type") != type_name or type_name not in _TYPES:
        known = ", ".join(sorted(_TYPES))
        raise ConnectorError(f"The target {target} is not of type {type_name}. Known types: {known}.")
    return _TYPES[type_name](target, configured)
