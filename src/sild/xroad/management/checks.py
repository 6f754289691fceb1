"""Whether a management request is what the security server's owner, or the client, may ask: WIRE 16, in the reference's order.

Stricter than the reference, which leaves these to chance: the provider and the sender's instance are compared for every kind (there,
for authCertReg alone); addressChange and maintenanceMode* must carry the owner's sign certificate (there, anybody's of the instance
will do); a certificate's issuer must be the one whose key signed it.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import assert_never

from sild.errors import PeerError, TrustError
from sild.pki import (
    Certificate,
    SignatureAlgorithm,
    is_auth_certificate,
    is_issued_by,
    is_sign_certificate,
    read_certificate,
    verify_bytes,
    verify_ocsp_response,
)
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management.bodies import ManagementBody
from sild.xroad.management.requests import (
    AddressChange,
    AuthCertRegistration,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    OwnerChange,
    Signing,
    signing_of,
)

__all__ = ["verify_management_request"]

_ALGORITHMS = {algorithm.java_name.lower(): algorithm for algorithm in SignatureAlgorithm}
_NOT_IN_A_PART = re.compile("[\x00-\x1f\x7f-\x9f%:;/\\\\\u200b\ufeff]")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")


def verify_management_request(body: ManagementBody, globalconf: GlobalConf, *, at: datetime) -> None:
    """Check signatures, certificates, their status, and that who signed is who asks.

    Whether the request makes sense (the member exists, the certificate is not registered yet, ...) is the central server's to say.
    Raises TrustError: `global_conf_outdated`, `invalid_signature_value`, `cert_validation`, `incorrect_validation_info`, `internal_error` (a
    certificate of an unknown authority); PeerError: `incorrect_certificate`, `invalid_client_identifier`, `invalid_request`.
    """
    globalconf.ensure_valid(at)
    match signing_of(body.request):
        case Signing.AUTH_AND_OWNER:
            owner_certificate = _verify_registration(body, globalconf, at)
            _verify_envelope(body, globalconf)
            _verify_attached_certificate(body)
            _verify_subject(
                owner_certificate, body.request.server.owner, globalconf, at, "security server owner"
            )
        case Signing.CLIENT | Signing.OWNER:
            signer = _verify_signature(body, 0, "Client")
            _verify_member_certificate(signer, body.ocsp_response, globalconf, at)
            _verify_envelope(body, globalconf)
            _verify_signer(body, signer, globalconf, at)
        case Signing.NONE:
            _verify_envelope(body, globalconf)
        case unknown:
            assert_never(unknown)
    _verify_values(body)


def _verify_registration(body: ManagementBody, globalconf: GlobalConf, at: datetime) -> Certificate:
    """Both signatures and certificates; answers the owner's sign certificate."""
    auth_certificate = read_certificate(body.certificates[0])
    issuer = globalconf.issuer_of(auth_certificate, globalconf.instance_identifier, at)
    if not is_issued_by(auth_certificate, issuer.certificate) or not is_auth_certificate(auth_certificate):
        raise TrustError("Authentication certificate is not valid", code="cert_validation")
    if not auth_certificate.not_valid_before_utc <= at <= auth_certificate.not_valid_after_utc:
        raise TrustError("Authentication certificate is not valid now", code="incorrect_certificate")
    _verify_signature(body, 0, "Auth")
    owner_certificate = read_certificate(body.certificates[1])
    _verify_member_certificate(owner_certificate, body.ocsp_response, globalconf, at)
    return _verify_signature(body, 1, "Owner")


def _verify_signature(body: ManagementBody, place: int, whose: str) -> Certificate:
    name, value = body.signatures[place]
    certificate = read_certificate(body.certificates[place])
    algorithm = _ALGORITHMS.get(name.lower())
    if algorithm is None:
        raise TrustError(
            f"{whose} signature algorithm {name[:40]!r} is not supported", code="invalid_signature_value"
        )
    try:
        verify_bytes(certificate.public_key(), algorithm, value, body.message.data)
    except TrustError:
        raise TrustError(f"{whose} signature verification failed", code="invalid_signature_value") from None
    return certificate


def _verify_member_certificate(
    certificate: Certificate, ocsp_response: bytes | None, globalconf: GlobalConf, at: datetime
) -> None:
    instance = globalconf.instance_identifier
    issuer = globalconf.issuer_of(certificate, instance, at)
    valid = certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    if not (is_issued_by(certificate, issuer.certificate) and valid and is_sign_certificate(certificate)):
        raise TrustError("Member (owner/client) sign certificate is invalid", code="cert_validation")
    verify_ocsp_response(
        ocsp_response or b"",
        certificate=certificate,
        issuer=issuer.certificate,
        responder_certificates=issuer.ocsp_certificates,
        ca_certificates=issuer.all_ca_certificates,
        at=at,
        freshness=globalconf.ocsp_freshness(instance),
        check_next_update=globalconf.check_ocsp_next_update,
    )


def _verify_envelope(body: ManagementBody, globalconf: GlobalConf) -> None:
    """To whom the message is, and from whom."""
    message, server = body.message, body.request.server
    provider = globalconf.private.management_service.management_request_service_provider_id
    if (
        message.service.client_id != provider
        or message.client.instance_identifier != globalconf.instance_identifier
    ):
        raise _invalid("Invalid management service address. Contact central server administrator.")
    _verify_server_id(server)
    if message.client != server.owner:
        raise _invalid("Sender does not match server owner.")


def _verify_server_id(server: SecurityServerId) -> None:
    if any(not 0 < len(part) <= 255 or _NOT_IN_A_PART.search(part) for part in server.parts):
        raise PeerError(
            "The management request contains an invalid identifier.", code="invalid_client_identifier"
        )


def _verify_attached_certificate(body: ManagementBody) -> None:
    request = body.request
    if isinstance(request, AuthCertRegistration) and request.auth_certificate != body.certificates[0]:
        raise TrustError("Authentication certificates do not match.", code="cert_validation")


def _verify_signer(body: ManagementBody, signer: Certificate, globalconf: GlobalConf, at: datetime) -> None:
    match body.request:
        case (
            ClientRegistration(client=client)
            | ClientDisabling(client=client)
            | ClientEnabling(client=client)
            | ClientRenaming(client=client)
            | OwnerChange(client=client)
        ):
            _verify_subject(signer, client.member, globalconf, at, "client's member")
        case request:
            _verify_subject(signer, request.server.owner, globalconf, at, "security server owner")


def _verify_subject(
    certificate: Certificate, member: ClientId, globalconf: GlobalConf, at: datetime, whose: str
) -> None:
    context = ClientId(globalconf.instance_identifier, member.member_class, member.member_code)
    found = globalconf.client_id_of(certificate, context, at)
    if found != member:
        raise _invalid(
            f"Subject identifier ({found.long_form}) in certificate does not match {whose} identifier "
            f"({member.long_form}) in request"
        )


def _verify_values(body: ManagementBody) -> None:
    match body.request:
        case AuthCertRegistration(address=address) | AddressChange(address=address):
            if not _is_address(address):
                raise _invalid("Invalid server address")
        case ClientRegistration(client=client, subsystem_name=name):
            if name and client.subsystem_code is None:
                raise _invalid("Only name of subsystem can be changed")
        case ClientRenaming(client=client, subsystem_name=name):
            if client.subsystem_code is None:
                raise _invalid("Only name of subsystem can be changed")
            if not name.strip():
                raise _invalid("Invalid subsystem name")
        case _:
            pass


def _is_address(value: str) -> bool:
    """An IP address or a host name, a Unicode one too; with `:port`, Sild's extension (several servers on a machine)."""
    if _is_ip(value):
        return True
    host, colon, port = value.rpartition(":")
    if colon:
        if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
            return False
        if host.startswith("[") and host.endswith("]"):
            return _is_ip(host[1:-1])
    try:
        name = (host or value).encode("idna").decode().removesuffix(".")
    except UnicodeError:
        return False
    return len(name) <= 253 and all(_LABEL.match(label) for label in name.split("."))


def _is_ip(value: str) -> bool:
    """Not one with a zone (`fe80::1%eth0`): nobody else could use it, and in a zone Python takes any text, lines and all."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _invalid(why: str) -> PeerError:
    return PeerError(why, code="invalid_request")
