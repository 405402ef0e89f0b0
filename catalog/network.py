"""Which machines a reader may reach: public addresses, and what PORTICO_READING_ALLOW names (`host` or `host:port`).

A name is resolved once and the connection goes to the very address that was judged, so a name that answers differently
the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings

from catalog.errors import Unreadable

# Addresses in which another, perhaps private, one is wrapped: 6to4, Teredo, NAT64.
_WRAPPING = tuple(
    ipaddress.ip_network(net) for net in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")
)


class NotAllowed(Unreadable):
    """An address of a network that is closed to readers."""


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses of `host` that may be connected to, in the resolver's order. Raises `Unreadable`.

    One closed address among several refuses the name: which of them a client takes is not ours to hope for.
    """
    host = host.strip("[]").rstrip(".")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Unreadable(
            f"The host {host} is not known. Check the spelling, and the network of this server."
        ) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if is_named(host, port):
        return addresses
    for address in addresses:
        if not is_public(address):
            raise NotAllowed(
                f"{host} is at {address}, inside a private network, which readers may not reach. If that is meant, add "
                f"{host}:{port} to PORTICO_READING_ALLOW."
            )
    return addresses


def is_named(host: str, port: int) -> bool:
    """Does the setting open this host, on this port or on all?"""
    return any(
        entry.lower() in (host.lower(), f"{host}:{port}".lower()) for entry in settings.PORTICO_READING_ALLOW
    )


def is_public(address: str) -> bool:
    ip: IPv4Address | IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_multicast or any(ip in network for network in _WRAPPING):
        return False
    return ip.is_global
