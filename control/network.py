"""Which machines Portico may reach: public addresses, and what a setting names (`host` or `host:port`).

Each use has a setting of its own, because a place that is told something is not one that everybody may look into.
A name is resolved once and the connection goes to the very address that was judged, so a name that answers
differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from control.errors import Unreachable

# Addresses in which another, perhaps private, one is wrapped: 6to4, Teredo, NAT64.
_WRAPPING = tuple(
    ipaddress.ip_network(net) for net in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")
)


class NotAllowed(Unreachable):
    """An address of a network that is closed."""


@dataclass(frozen=True)
class Openings:
    """What a setting opens within private networks: the name of the setting and its entries, `host` or `host:port`."""

    setting: str
    entries: Sequence[str] = ()

    def names(self, host: str, port: int) -> bool:
        """Is this host open, on this port or on all?"""
        return any(entry.lower() in (host.lower(), f"{host}:{port}".lower()) for entry in self.entries)


def checked_addresses(host: str, port: int, openings: Openings) -> list[str]:
    """The addresses of `host` that may be connected to, in the resolver's order. Raises `Unreachable`.

    One closed address among several refuses the name: which of them a client takes is not ours to hope for.
    """
    host = host.strip("[]").rstrip(".")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Unreachable(
            f"The host {host} is not known. Check the spelling, and the network of this server."
        ) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if openings.names(host, port):
        return addresses
    for address in addresses:
        if not is_public(address):
            raise NotAllowed(
                f"{host} is at {address}, inside a private network, which Portico may not reach. If that is meant, add "
                f"{host}:{port} to {openings.setting}."
            )
    return addresses


def is_public(address: str) -> bool:
    ip: IPv4Address | IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_multicast or any(ip in network for network in _WRAPPING):
        return False
    return ip.is_global
