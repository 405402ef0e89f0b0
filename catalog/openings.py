"""Opening any location to read it whole: files as `sources.py` does, people and portals as documents made for it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from catalog.errors import Unreadable
from catalog.models import Location
from catalog.org_data import org_source
from catalog.portal_import import portal_source
from catalog.sources import Source, open_source
from catalog.targets import DISCOVERIES, ORG_SOURCES


def opened(location: Location) -> AbstractContextManager[Source]:
    """Raises `Unreadable` or `Postponed` here or on entering."""
    if location.type in DISCOVERIES:
        raise Unreadable(
            "What a discovery finds is known once it is registered: its page lists each file then."
        )
    if location.type in ORG_SOURCES:
        if not location.is_org_source:
            raise Unreadable(
                "People and teams are read from here only once an administrator has registered it."
            )
        return org_source(location)
    return portal_source(location) if location.type == Location.Type.BACKSTAGE else open_source(location)
