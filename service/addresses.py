"""Where a request comes from: the client's address, through the proxies that are trusted.

``X-Forwarded-For`` is what a client wants it to be, but for what our own proxies appended. So it
is read from the right, one step for each trusted network, and not at all from anyone else.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

from starlette.types import Scope

Network = IPv4Network | IPv6Network

_FORWARDED: Final = b"x-forwarded-for"
_V6_SITE_BITS: Final = 64


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens there."""
    address = _parse(host)
    return host == "localhost" if address is None else address.is_loopback


def client_of(scope: Scope, trusted: Iterable[Network]) -> str:
    """Return who asks: an IPv4 address, or the /64 network that an IPv6 client has to itself.

    The word ``unknown`` where the server knows none, as on a Unix socket.
    """
    networks = tuple(trusted)
    text: str = (scope.get("client") or ("",))[0]
    if not networks and _is_plain(text):
        return text
    peer = _parse(text)
    if networks and peer is not None and _within(peer, networks):
        hops = b",".join(value for name, value in scope["headers"] if name == _FORWARDED)
        for hop in reversed(hops.decode("latin-1").split(",")):
            nearer = _parse(hop.strip())
            if nearer is None:
                break
            peer = nearer
            if not _within(peer, networks):
                break
    return _site(peer)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_plain(text: str) -> bool:
    """Return whether it is an IPv4 address, which is written in one way only."""
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):  # the latter for what C can hold no text of
        return False
    return True


def _within(address: IPv4Address | IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _site(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _V6_SITE_BITS), strict=False))
    return str(address) if address else "unknown"
