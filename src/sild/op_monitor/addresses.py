"""This host's own address, as records give it (securityServerInternalIp)."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address

import psutil

__all__ = ["InternalAddress"]

REMEMBERED_SECONDS = 600.0
UNKNOWN = "0.0.0.0"  # noqa: S104 - what the reference writes when it finds none; nothing is bound to it


class InternalAddress:
    """The first usable address of the first interface that is up and not the loopback; IPv4 first. Looked up every ten minutes."""

    def __init__(self) -> None:
        self._address = UNKNOWN
        self._known_until = 0.0

    def current(self) -> str:
        if time.monotonic() >= self._known_until:
            self._address = _look_up()
            self._known_until = time.monotonic() + REMEMBERED_SECONDS
        return self._address


def _look_up() -> str:
    try:
        states, interfaces = psutil.net_if_stats(), psutil.net_if_addrs()
    except OSError:
        return UNKNOWN
    indexes = {name: index for index, name in socket.if_nameindex()}
    for name in sorted(interfaces, key=lambda name: indexes.get(name, 1 << 30)):
        if name not in states or not states[name].isup:
            continue
        for family in (socket.AF_INET, socket.AF_INET6):
            for entry in interfaces[name]:
                address = entry.address.partition("%")[0]
                if entry.family == family and _is_usable(address):
                    return address
    return UNKNOWN


def _is_usable(text: str) -> bool:
    address = ip_address(text)
    return not (address.is_loopback or address.is_link_local)
