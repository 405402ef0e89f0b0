"""Which machines readers may reach: public addresses, and what PORTICO_READING_ALLOW names."""

from __future__ import annotations

from django.conf import settings

from catalog.errors import Unreadable
from control import network
from control.errors import Unreachable


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses of `host` that may be read from. Raises `Unreadable`."""
    openings = network.Openings("PORTICO_READING_ALLOW", settings.PORTICO_READING_ALLOW)
    try:
        return network.checked_addresses(host, port, openings)
    except Unreachable as refusal:
        raise Unreadable(str(refusal)) from refusal
