"""Management requests: what security servers ask of the central server (PR-MSERV; WIRE 16; docs/central_server.md).

Pure: bytes and values in, values out. `security_server` asks, `central_server` answers; nobody else needs it.

requests.py  the eleven requests, their service codes, who signs     bodies.py  the HTTP body with its attachments
writing.py   SOAP messages written      reading.py  and read         checks.py  whether a request is its server's own
description.py  the services' WSDL
"""

from sild.xroad.management.bodies import ManagementBody, management_body, parse_management_body
from sild.xroad.management.checks import verify_management_request
from sild.xroad.management.description import management_services_wsdl
from sild.xroad.management.reading import parse_management_request, parse_management_response
from sild.xroad.management.requests import (
    MAX_REQUEST_BYTES,
    SERVICE_CODES,
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
    Signing,
    service_code_of,
    signing_of,
)
from sild.xroad.management.writing import render_management_request, render_management_response

__all__ = [
    "MAX_REQUEST_BYTES",
    "SERVICE_CODES",
    "AddressChange",
    "AuthCertDeletion",
    "AuthCertRegistration",
    "ClientDeletion",
    "ClientDisabling",
    "ClientEnabling",
    "ClientRegistration",
    "ClientRenaming",
    "MaintenanceModeDisabling",
    "MaintenanceModeEnabling",
    "ManagementBody",
    "ManagementRequest",
    "OwnerChange",
    "Signing",
    "management_body",
    "management_services_wsdl",
    "parse_management_body",
    "parse_management_request",
    "parse_management_response",
    "render_management_request",
    "render_management_response",
    "service_code_of",
    "signing_of",
    "verify_management_request",
]
