"""The X-Road client of information systems, and a helper for services (docs/adapter.md; PR-REST, PR-MESS, PR-META, PR-MREST).

It meets a security server, Sild's or any other of X-Road 7, on its port for information systems (8080, 8443) and needs none of
the rooms behind. Programs use it; so may the rooms above that call services of other bodies. Services have a door of their own,
`sild.adapter.provider` (XRoadMiddleware, XRoadCaller, xroad_caller, read_soap_request, soap_answer).

client.py, blocking.py, loop_thread.py  the two clients      rest.py, context.py, answers.py    a REST call, written and read
exchange.py, retries.py, connections.py  on the wire         soap.py, soap_call.py, multipart.py  a SOAP call
faults.py   errors by whose fault they are                   evidence.py, downloads.py, metaservices.py
caller.py, soap_service.py, provider.py  the other side            issuer_keys.py   whose word about people is taken
"""

from sild.adapter.blocking import Answer, BlockingSoapAnswer, BlockingStreamedAnswer, XRoadClient
from sild.adapter.client import AsyncAnswer, AsyncSoapAnswer, AsyncXRoadClient, StreamedAnswer
from sild.adapter.connections import SecurityServerTls, Timeouts
from sild.adapter.context import AUTOMATIC, OWN_DATA, CallContext, case_of_look, is_case_of_look
from sild.adapter.evidence import Evidence, EvidenceContainer, EvidenceHandle, VerifiedEvidence
from sild.adapter.faults import ServiceError, XRoadFault
from sild.adapter.issuer_keys import IssuerKeys, published_keys
from sild.adapter.metaservices import Endpoint, ListedClient, ListedService, OpenAPIDescription
from sild.adapter.multipart import ReceivedAttachment, SoapAttachment
from sild.adapter.retries import Retries
from sild.adapter.soap import security_token
from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable
from sild.xroad import ClientId, SecurityServerId, ServiceId
from sild.xroad.rest import RepresentedParty

__all__ = [
    "AUTOMATIC",
    "OWN_DATA",
    "Answer",
    "AsyncAnswer",
    "AsyncSoapAnswer",
    "AsyncXRoadClient",
    "BlockingSoapAnswer",
    "BlockingStreamedAnswer",
    "CallContext",
    "CallerError",
    "ClientId",
    "Endpoint",
    "Evidence",
    "EvidenceContainer",
    "EvidenceHandle",
    "IssuerKeys",
    "ListedClient",
    "ListedService",
    "OpenAPIDescription",
    "PeerError",
    "PlatformError",
    "ReceivedAttachment",
    "RepresentedParty",
    "Retries",
    "SecurityServerId",
    "SecurityServerTls",
    "ServiceError",
    "ServiceId",
    "SoapAttachment",
    "StreamedAnswer",
    "Timeouts",
    "TrustError",
    "Unavailable",
    "VerifiedEvidence",
    "XRoadClient",
    "XRoadFault",
    "case_of_look",
    "is_case_of_look",
    "published_keys",
    "security_token",
]
