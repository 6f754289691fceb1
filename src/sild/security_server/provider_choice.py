"""Which security servers can serve a request (WIRE 11.3). Pure.

All servers of the shared parameters that host the provider, less those in maintenance mode, narrowed by
X-Road-Security-Server. `connections` races those found here and remembers the winner.
"""

from __future__ import annotations

import re
from datetime import datetime

from sild.errors import CallerError, Unavailable
from sild.telemetry import get_logger
from sild.xroad.globalconf import GlobalConf, SecurityServer
from sild.xroad.identifiers import SecurityServerId, ServiceId

__all__ = ["choose_servers"]

log = get_logger("security_server")

# A host name or an IP address; what is neither can never connect and is left out with a warning.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+")


def choose_servers(
    globalconf: GlobalConf, service: ServiceId, wanted: SecurityServerId | None, at: datetime
) -> tuple[SecurityServer, ...]:
    """The servers a request to `service` may go to, at least one.

    Raises CallerError (`unknown_member`, `invalid_security_server`) or Unavailable (`maintenance_mode`).
    """
    hosting = tuple(
        server for server in globalconf.servers_of(service.client_id, at) if server.address is not None
    )
    if not hosting:
        raise CallerError(
            f'Could not find addresses for service provider "{service.long_form}"', code="unknown_member"
        )
    if wanted is not None:
        hosting = (_wanted(globalconf, hosting, wanted, at),)
    serving = tuple(server for server in hosting if server.maintenance is None)
    if not serving:
        raise Unavailable(_maintenance_text(hosting[0], wanted), code="maintenance_mode")
    usable = tuple(server for server in serving if _is_usable(server))
    if not usable:
        raise CallerError(
            f'Could not find suitable address for service provider "{service.long_form}"',
            code="unknown_member",
        )
    return usable


def _wanted(
    globalconf: GlobalConf, hosting: tuple[SecurityServer, ...], wanted: SecurityServerId, at: datetime
) -> SecurityServer:
    if globalconf.server(wanted, at) is None:
        raise CallerError(
            f'Could not find security server "{wanted.long_form}"', code="invalid_security_server"
        )
    for server in hosting:
        if server.id == wanted:
            return server
    raise CallerError(f'Invalid security server "{wanted.long_form}"', code="invalid_security_server")


def _is_usable(server: SecurityServer) -> bool:
    if server.address is not None and _HOST.fullmatch(server.address):
        return True
    log.warning("provider_choice.unusable_address", server=str(server.id), address=ascii(server.address))
    return False


def _maintenance_text(server: SecurityServer, wanted: SecurityServerId | None) -> str:
    name = f' "{wanted.long_form}"' if wanted is not None else ""
    text = f'Security server{name} with address "{server.address}" is in maintenance mode'
    if server.maintenance is not None and server.maintenance.message:
        who = wanted.long_form if wanted is not None else server.address
        text += f'. Message from "{who}" administrator: {server.maintenance.message}'
    return text
