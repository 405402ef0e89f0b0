"""Refusals of the catalogue, in words for people: what happened, where, what to do."""

from __future__ import annotations

from datetime import datetime

from control.errors import ControlError


class CatalogError(ControlError):
    """Base of all refusals of this app."""


class Unreadable(CatalogError):
    """A file, address or repository could not be read this time; nothing is concluded from it."""

    status = 422


class Missing(Unreadable):
    """The place answered, and there is nothing at that path."""


class AlreadyRegistered(CatalogError):
    """A location of this type and target stands already."""


class Postponed(CatalogError):
    """A host asks to wait until a time: no failure, and nothing else is read of the location before then."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until
