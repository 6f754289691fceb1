"""The security server: information systems on one side, other security servers on the other.

Follows PR-REST, PR-MESS, PR-MESSTRANSP, PR-META and UG-SS, digested in WIRE 2-5, 11 and 14; docs/security_server.md and
docs/soap.md walk a message through.
Called by processes and by `sild.nation`; everybody else meets it on the wire.

server.py         composition and life              serverconf.py, store.py, snapshot.py   its configuration
client_port.py    8080, 8443                        access_rights.py                       who may call what
client_rest.py    a request on its way out          openapi.py, wsdl.py, descriptions.py   services by their descriptions
client_soap.py    the same of SOAP                  provider_choice.py, connections.py     which server, over what
provider_port.py  5500                              peer_authentication.py, peer_ocsp.py   is it that server
provider_rest.py  a request on its way in           tls_contexts.py, internal_tls.py       keys of the connections
provider_soap.py  the same of SOAP                  downloads.py, ocsp_responder.py        evidence, port 5577
log_witness.py    what the log says of a person
service_call.py   the service behind                metaservices.py, soap_metaservices.py  listClients, listMethods, ...
health.py         for load balancers            sharing.py                             several processes of one server
registration.py   of itself and its clients     registration_follow.py, _states, _messages, _sending, _journal
received.py, outgoing.py, spool.py, soap_passing.py                                        messages as streams
"""

from sild.security_server.access_rights import AccessRights, EndpointRule
from sild.security_server.crash_points import CRASH_POINTS
from sild.security_server.health import Maintenance
from sild.security_server.registration import Registration
from sild.security_server.server import SecurityServer
from sild.security_server.serverconf import ServerConf
from sild.security_server.settings import PeerRoute, SecurityServerSettings
from sild.security_server.snapshot import ClientStatus, ConnectionType, ServiceType
from sild.security_server.witness_settings import WitnessSettings

__all__ = [
    "CRASH_POINTS",
    "AccessRights",
    "ClientStatus",
    "ConnectionType",
    "EndpointRule",
    "Maintenance",
    "PeerRoute",
    "Registration",
    "SecurityServer",
    "SecurityServerSettings",
    "ServerConf",
    "ServiceType",
    "WitnessSettings",
]
