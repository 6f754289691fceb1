"""Who stands behind an address: to count what comes of one, to know which networks are ours."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

__all__ = ["are_loopback", "ensure_guarded", "peer_of", "subscriber_of"]


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


def ensure_guarded(url: str) -> str:
    """What people say travels there: in the clear over no network that is not ours. Raises ValueError."""
    parts = urlsplit(url)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and _is_near(parts.hostname))
    ):
        raise ValueError("must be https, or http to an address of this machine or a private network")
    return url


def _is_near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_private and not address.is_unspecified
