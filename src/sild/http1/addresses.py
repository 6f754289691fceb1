"""Who stands behind an address, so that connections and requests of one can be counted."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable

__all__ = ["are_loopback", "peer_of", "subscriber_of"]


def subscriber_of(address: str) -> str:
    """Of IPv6 a /64 counts as one: that is what one subscriber has, with an address for every request."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))


def are_loopback(addresses: Iterable[str]) -> bool:
    """Whether only this machine reaches them."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)


def peer_of(transport: asyncio.BaseTransport) -> str | None:
    """The subscriber at the other end; None when the socket has no address."""
    name = transport.get_extra_info("peername")
    return subscriber_of(name[0]) if isinstance(name, tuple) else None
