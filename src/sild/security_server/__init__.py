"""The security server: information systems on one side, other security servers on the other.

Follows PR-REST, PR-MESSTRANSP and UG-SS, digested in WIRE 2, 4, 5 and 11; docs/security_server.md walks a message through.
Called by processes and by `sild.nation`; everybody else meets it on the wire.

server.py         composition and life              serverconf.py, store.py, snapshot.py   its configuration
client_port.py    8080, 8443                        access_rights.py, openapi.py           who may call what
client_rest.py    a request on its way out          provider_choice.py, connections.py     which server, over what
provider_port.py  5500                              peer_authentication.py, peer_ocsp.py   is it that server
provider_rest.py  a request on its way in           tls_contexts.py, internal_tls.py       keys of the connections
service_call.py   the service behind                downloads.py, ocsp_responder.py        evidence, port 5577
received.py, outgoing.py, spool.py                  messages as streams
metaservices.py   listClients, listMethods, ...
"""

from sild.security_server.access_rights import AccessRights, EndpointRule
from sild.security_server.crash_points import CRASH_POINTS
from sild.security_server.server import SecurityServer
from sild.security_server.serverconf import ServerConf
from sild.security_server.settings import PeerRoute, SecurityServerSettings
from sild.security_server.snapshot import ClientStatus, ConnectionType, ServiceType

__all__ = [
    "CRASH_POINTS",
    "AccessRights",
    "ClientStatus",
    "ConnectionType",
    "EndpointRule",
    "PeerRoute",
    "SecurityServer",
    "SecurityServerSettings",
    "ServerConf",
    "ServiceType",
]
