"""Management requests, plain and multipart, and their answers."""

from __future__ import annotations

from fuzz.target import Target, content_type_first
from sild.pki import der
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import (
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientRegistration,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
    management_body,
    parse_management_body,
    parse_management_request,
    parse_management_response,
    render_management_request,
    render_management_response,
)
from support.pki import Pki

OWNER = ClientId("DEV", "GOV", "1")
SERVER = SecurityServerId(OWNER, "SS1")
CLIENT = ClientId("DEV", "COM", "2", "Sub")
PROVIDER = ClientId("DEV", "GOV", "0", "Management")


def _rendered(request: ManagementRequest) -> bytes:
    return render_management_request(request, sender=OWNER, provider=PROVIDER, query_id="q-1")


def _requests() -> list[bytes]:
    certificate = der(Pki().auth_credential().certificate)
    return [
        _rendered(request)
        for request in (
            ClientRegistration(SERVER, CLIENT, "name"),
            AuthCertRegistration(SERVER, "ss.example", certificate, True),
            AuthCertDeletion(SERVER, certificate),
            OwnerChange(SERVER, ClientId("DEV", "COM", "2")),
            AddressChange(SERVER, "ss.example"),
            MaintenanceModeEnabling(SERVER, "until noon"),
        )
    ]


def _bodies() -> list[bytes]:
    """Content type, a line feed, body."""
    pki = Pki()
    certificate = der(pki.sign_credential().certificate)
    found = []
    for soap, count in ((_requests()[0], 1), (_requests()[1], 2)):
        content_type, body = management_body(
            soap,
            signatures=[("SHA512withECDSA", b"\0\r\n--sig")] * count,
            certificates=[certificate] * count,
            ocsp=pki.ocsp_response(pki.sign_credential().certificate),
            boundary="xroadBOUNDARY",
        )
        found.append(content_type.encode() + b"\n" + body)
    content_type, body = management_body(_requests()[2])
    return [*found, content_type.encode() + b"\n" + body]


def _responses() -> list[bytes]:
    message, request = parse_management_request(_requests()[0])
    return [render_management_response(message, request, 7).data]


TARGETS = (
    Target("management_body", "mime", lambda data: parse_management_body(*content_type_first(data)), _bodies),
    Target("management_request", "xml", parse_management_request, _requests),
    Target("management_response", "xml", parse_management_response, _responses),
)
