"""The http-01 challenge (RFC 8555 8.3): does who asks answer for the name?

The authority fetches what a stranger names, so it is careful whom it calls. Every address the name has must be one that
may be called, the connection goes to an address that was checked and is not looked up again, a redirect is a new name
under the same rule, and an answer is read up to `MAX_ANSWER`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from sild.errors import PlatformError
from sild.http1 import open_connection
from sild.trust_services.acme_errors import AcmeProblem

__all__ = ["Network", "fetch_challenge"]

MAX_ANSWER = 1024
MAX_REDIRECTS = 3
WHOLE_SECONDS = 10.0
REDIRECTS = (301, 302, 303, 307, 308)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


async def fetch_challenge(name: str, token: str, *, port: int, networks: Sequence[Network]) -> bytes:
    """What stands at `http://<name>:<port>/.well-known/acme-challenge/<token>`, without white space at its end.

    networks: private ones that may be called; public addresses always may.
    Raises AcmeProblem (dns, connection, incorrectResponse).
    """
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            return await _fetch(name, f"/.well-known/acme-challenge/{token}", port, networks)
    except TimeoutError:
        raise AcmeProblem("connection", f"{name} did not answer within {WHOLE_SECONDS:g} s") from None


async def _fetch(name: str, target: str, port: int, networks: Sequence[Network]) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        status, location, body = await _get(name, target, port, networks)
        if status not in REDIRECTS:
            break
        name, target = _redirected(name, target, port, location)
    else:
        raise AcmeProblem("connection", f"more than {MAX_REDIRECTS} redirects")
    if status != 200:
        raise AcmeProblem("incorrectResponse", f"{name} answered with status {status}")
    return body.rstrip()


async def _get(name: str, target: str, port: int, networks: Sequence[Network]) -> tuple[int, str, bytes]:
    problem: PlatformError | None = None
    for address in await _addresses(name, networks):
        try:
            connection = await open_connection(str(address), port, connect_timeout=WHOLE_SECONDS / 2)
            try:
                host = f"[{name}]" if ":" in name else name
                authority = host if port == 80 else f"{host}:{port}"
                headers = [(b"Host", authority.encode()), (b"Connection", b"close")]
                response = await connection.request("GET", target.encode(), headers)
                body = await response.read(MAX_ANSWER)
                location = next((value for key, value in response.headers if key.lower() == b"location"), b"")
                return response.status, location.decode("ascii", "replace"), body
            finally:
                connection.abort()
        except PlatformError as error:
            problem = error
    said = problem.message if problem is not None else "no address"
    raise AcmeProblem("connection", f"{name}:{port} cannot be reached: {said}")


async def _addresses(name: str, networks: Sequence[Network]) -> list[Address]:
    """All of `name`'s, if all may be called: who can make one of several private could aim at it."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AcmeProblem("dns", f"{name} has no address") from error
    addresses = list(
        dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    )
    for address in addresses:
        if not _may_call(address, networks):
            raise AcmeProblem("connection", f"{name} has an address that is not called: {address}")
    return addresses


def _may_call(address: Address, networks: Sequence[Network]) -> bool:
    address = _behind(address)
    if any(address.version == network.version and address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast and not any(address in each for each in _OF_A_SITE)


def _behind(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, however private: a gateway would call it for us."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 2.1
_OF_A_SITE = (ipaddress.IPv6Network("::/8"), ipaddress.IPv6Network("fec0::/10"))
"""Global to Python: IPv4-compatible and translated addresses, local NAT64 (RFC 8215), and the site-local ones of old."""


def _redirected(name: str, target: str, port: int, location: str) -> tuple[str, str]:
    """Plain HTTP on the challenge's own port, nothing else: a redirect shall not become a way to other services."""
    authority = f"[{name}]" if ":" in name else name
    try:
        found = urlsplit(urljoin(f"http://{authority}:{port}{target}", location))
        to_port = found.port or 80
    except ValueError as error:
        raise AcmeProblem("connection", "a redirect leads nowhere") from error
    if found.scheme != "http" or to_port not in (80, port) or not found.hostname or found.username:
        raise AcmeProblem("connection", f"a redirect leads away from http and port {port}")
    path = found.path or "/"
    query = f"?{found.query}" if found.query else ""
    if not (path + query).isascii() or not (path + query).isprintable() or " " in path + query:
        raise AcmeProblem("connection", "a redirect leads nowhere")
    return found.hostname, path + query
