"""Opening an organisation or group of a host for one read of a location."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from catalog import selection
from catalog.hosts import integrations
from catalog.hosts.client import Client
from catalog.hosts.github import GitHub
from catalog.hosts.gitlab import GitLab
from catalog.hosts.kept import Kept
from catalog.hosts.listing import Host
from catalog.models import Location


@contextmanager
def asked(location: Location, type: str, url: str) -> Iterator[Host]:
    """The organisation or group at `url`; what it answers is kept for the next time, also when the read breaks off."""
    with Client(integrations.for_address(url, type)) as client:
        kept, owner = Kept(location, client), selection.owner_of(url)
        is_complete = False
        try:
            yield GitHub(kept, owner) if type == integrations.GITHUB else GitLab(kept, owner)
            is_complete = True
        finally:
            kept.save(is_complete=is_complete)
