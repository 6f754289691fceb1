"""The place where trust is decided: whose certificate, whose signature, whose TLS connection (WIRE 5, 6.2, 10).

`verify_message` and `authenticate_peer` are what a security server asks on every exchange, and the only makers of
`VerifiedMessage` and `AuthenticatedServer`: who holds one knows it has been checked. The order of checks is the reference's,
since it decides which fault a peer sees; where we are stricter the clause of WIRE 18 stands beside the check.

A certificate's path and OCSP response cost half a millisecond to check and hold for an hour, so `CertificateVerifier` remembers
verdicts: by the exact bytes that led to them, for one global configuration, until the first thing in them ends. Refusals
are not remembered.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sild.errors import PeerError, PlatformError, TrustError, stage
from sild.pki import (
    Certificate,
    SingleResponse,
    is_auth_certificate,
    is_sign_certificate,
    ocsp_response_for,
    parse_ocsp_response,
    read_certificate,
    verify_ocsp_response,
    verify_path,
)
from sild.signatures import Signature, SignedPart, parse_signature, verify_hash_chain, verify_signature
from sild.xroad.globalconf import GlobalConf, SecurityServer
from sild.xroad.identifiers import ClientId

__all__ = [
    "AuthenticatedServer",
    "CertificateVerifier",
    "VerifiedCertificate",
    "VerifiedMessage",
    "authenticate_peer",
    "verify_message",
]

MESSAGE = "/message.xml"
HASH_CHAIN_RESULT = "/sig-hashchainresult.xml"
HASH_CHAIN = "/sig-hashchain.xml"

_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """A certificate with a path to a CA of the configuration, and an OCSP response that says good for all but that CA.

    path: leaf first, the anchor last.  ocsp: (DER, statement) for each of the path but the anchor.
    holds_from, holds_until: from the time of checking to the earliest end of anything the verdict rests on.
    """

    certificate: Certificate
    path: tuple[Certificate, ...]
    ocsp: tuple[tuple[bytes, SingleResponse], ...]
    holds_from: datetime
    holds_until: datetime


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A message whose signature covers exactly its parts and is its signer's. `parts`: by the names the signature has."""

    signer: ClientId
    certificate: VerifiedCertificate
    signature: Signature
    parts: tuple[SignedPart, ...]


@dataclass(frozen=True, slots=True)
class AuthenticatedServer:
    """A security server at the other end of a TLS connection."""

    server: SecurityServer
    certificate: VerifiedCertificate


Verdict = TypeVar("Verdict", VerifiedCertificate, ClientId)


class CertificateVerifier:
    """Checks certificates against a global configuration, remembering what it found good.

    One object serves one process; it forgets everything when the configuration changes, and half when it is full.
    """

    def __init__(self, *, max_entries: int = 20_000) -> None:
        self._max_entries = max_entries
        self._globalconf: GlobalConf | None = None
        self._certificates: dict[Hashable, VerifiedCertificate] = {}
        self._clients: dict[Hashable, ClientId] = {}

    def verify(
        self,
        certificate: Certificate,
        *,
        anchored: Certificate | None = None,
        intermediates: Sequence[Certificate] = (),
        ocsp_responses: Sequence[bytes],
        globalconf: GlobalConf,
        instance: str,
        at: datetime,
    ) -> VerifiedCertificate:
        """Path and status of `certificate` among the CAs of `instance` at `at` (WIRE 10).

        anchored: whose issuer is the trust anchor: the certificate itself, or the last of a TLS chain.
        ocsp_responses: DER; those about other certificates do no harm.
        Raises TrustError or PeerError: `cannot_create_cert_path...`, `invalid_cert_path.cert_validation` (revoked, unknown
        or no response at all), `invalid_cert_path.incorrect_validation_info`.
        """
        self._use(globalconf)
        key = (certificate, tuple(ocsp_responses), tuple(intermediates), anchored, instance)
        held = self._certificates.get(key)
        if held is not None and held.holds_from <= at <= held.holds_until:
            return held
        anchored = anchored or certificate
        verdict = _verify(certificate, anchored, intermediates, ocsp_responses, globalconf, instance, at)
        self._remember(self._certificates, key, verdict)
        return verdict

    def client_of(
        self, certificate: Certificate, context: ClientId, globalconf: GlobalConf, at: datetime
    ) -> ClientId:
        """The member a sign certificate speaks for (WIRE 12); `context` names the instance whose CAs count.

        Raises TrustError: `incorrect_certificate`, `internal_error` (unknown CA, as X-Road).
        """
        self._use(globalconf)
        key = (certificate, context.instance_identifier)
        client = self._clients.get(key)
        if client is None:
            if globalconf.issuer_of(certificate, context.instance_identifier, at).authentication_only:
                raise TrustError("its CA certifies only for authentication", code="incorrect_certificate")
            client = globalconf.client_id_of(certificate, context, at)
            self._remember(self._clients, key, client)
        return client

    def _use(self, globalconf: GlobalConf) -> None:
        if self._globalconf is not globalconf:
            self._globalconf = globalconf
            self._certificates.clear()
            self._clients.clear()

    def _remember(self, cache: dict[Hashable, Verdict], key: Hashable, verdict: Verdict) -> None:
        if len(cache) >= self._max_entries:
            for old in list(cache)[: self._max_entries // 2]:
                del cache[old]
        cache[key] = verdict


def _verify(
    certificate: Certificate,
    anchored: Certificate,
    intermediates: Sequence[Certificate],
    ocsp_responses: Sequence[bytes],
    globalconf: GlobalConf,
    instance: str,
    at: datetime,
) -> VerifiedCertificate:
    with stage("cannot_create_cert_path"):
        anchor = globalconf.issuer_of(anchored, instance, at).certificate
    path = verify_path(certificate, anchor=anchor, intermediates=intermediates, at=at)
    ends = [_instance_end(globalconf, instance)]
    statements = []
    with stage("invalid_cert_path"):
        for subject in path[:-1]:
            response, statement = _verify_status(subject, ocsp_responses, globalconf, instance, at)
            statements.append((response, statement))
            ends += [subject.not_valid_after_utc, _status_end(response, statement, globalconf)]
    return VerifiedCertificate(certificate, path, tuple(statements), at, min(ends))


def _verify_status(
    subject: Certificate, ocsp_responses: Sequence[bytes], globalconf: GlobalConf, instance: str, at: datetime
) -> tuple[bytes, SingleResponse]:
    issuer = globalconf.issuer_of(subject, instance, at)
    response = ocsp_response_for(subject, issuer.certificate, ocsp_responses)
    if response is None:
        raise TrustError(
            f"Unable to find OCSP response for certificate {subject.subject.rfc4514_string()[:200]}",
            code="cert_validation",
        )
    statement = verify_ocsp_response(
        response,
        certificate=subject,
        issuer=issuer.certificate,
        responder_certificates=issuer.ocsp_certificates,
        ca_certificates=issuer.all_ca_certificates,
        at=at,
        freshness=_freshness(globalconf),
        check_next_update=globalconf.check_ocsp_next_update,
    )
    return response, statement


def _freshness(globalconf: GlobalConf) -> timedelta:
    """J: the own instance's value counts for the certificates of every instance."""
    return globalconf.ocsp_freshness(globalconf.instance_identifier)


def _status_end(response: bytes, statement: SingleResponse, globalconf: GlobalConf) -> datetime:
    """Until when a verified response stays good; a certificate it brings along may be the one that vouched for it."""
    ends = [statement.this_update + _freshness(globalconf)]
    if globalconf.check_ocsp_next_update and statement.next_update is not None:
        ends.append(statement.next_update)
    for embedded in parse_ocsp_response(response).certificates:
        try:
            ends.append(read_certificate(embedded).not_valid_after_utc)
        except PeerError:
            continue
    return min(ends)


def _instance_end(globalconf: GlobalConf, instance: str) -> datetime:
    """An expired partner instance has no CAs any more; the own instance's expiry stops everything elsewhere."""
    expires_at = globalconf.expires_at(instance)
    return _FOREVER if expires_at is None or instance == globalconf.instance_identifier else expires_at


# --- the other end of a TLS connection ------------------------------------------------------------------------------


def authenticate_peer(
    chain: Sequence[bytes],
    ocsp_responses: Sequence[bytes],
    *,
    globalconf: GlobalConf,
    member: ClientId,
    at: datetime,
    verifier: CertificateVerifier,
) -> AuthenticatedServer:
    """The security server that presented `chain` in TLS, if it may speak for `member` (WIRE 5 (4), 10.2).

    chain: DER as presented, leaf first, with or without the root.  ocsp_responses: for all of it but the root.
    member: the service client at the provider's server; the service provider at the client's.
    The trust anchor is the CA that issued the last certificate presented, so intermediates need good responses too.
    Raises TrustError `ssl_authentication_failed`, whatever was wrong; detail `reason` holds the code path of the cause.
    """
    try:
        certificate = _peer_certificate(chain, ocsp_responses, globalconf, member, at, verifier)
    except PlatformError as error:
        raise TrustError(
            error.message, code="ssl_authentication_failed", reason=error.code_path, member=str(member)
        ) from error
    server = globalconf.server_of_auth_certificate(chain[0], at)
    if server is None:
        raise TrustError(
            "Authentication certificate is not associated with any security server",
            code="ssl_authentication_failed",
            subject=certificate.certificate.subject.rfc4514_string()[:200],
        )
    if not globalconf.is_server_client(server.id, member, at):
        raise TrustError(
            f"Client '{member.long_form}' is not registered at security server {server.id.long_form}",
            code="ssl_authentication_failed",
        )
    return AuthenticatedServer(server, certificate)


def _peer_certificate(
    chain: Sequence[bytes],
    ocsp_responses: Sequence[bytes],
    globalconf: GlobalConf,
    member: ClientId,
    at: datetime,
    verifier: CertificateVerifier,
) -> VerifiedCertificate:
    if not chain:
        raise TrustError("Peer presented no TLS certificate")
    if not ocsp_responses:
        raise TrustError("Cannot verify TLS certificate, corresponding OCSP response is missing")
    leaf, *others = (read_certificate(certificate) for certificate in chain)
    if not is_auth_certificate(leaf):
        raise TrustError("Peer certificate is not an authentication certificate")
    return verifier.verify(
        leaf,
        anchored=others[-1] if others else None,
        intermediates=others,
        ocsp_responses=ocsp_responses,
        globalconf=globalconf,
        instance=member.instance_identifier,
        at=at,
    )


# --- signatures -----------------------------------------------------------------------------------------------------


def verify_message(
    parts: Sequence[SignedPart],
    signature: bytes,
    *,
    message: bytes | None = None,
    hash_chain_result: bytes | None = None,
    hash_chain: bytes | None = None,
    signer: ClientId,
    globalconf: GlobalConf,
    at: datetime,
    verifier: CertificateVerifier,
) -> VerifiedMessage:
    """A message as received on line, verified as of `at` (WIRE 6.2, steps 1 to 8).

    parts: digests of exactly the parts that came: `/message.xml`, `/attachment1`...
    message: bytes of the first, for a signature with another digest algorithm.  hash_chain_result, hash_chain: if they came.
    signer: the service client of a request, the provider of the service of a response.
    WIRE 18: the signature covers all of the parts and nothing else, through the chain or directly, never some of them.
    Raises TrustError or PeerError behind the stage `signature_verification`.
    """
    with stage("signature_verification"):
        parsed = parse_signature(signature, strict_schema=True)
        signed: dict[str, bytes | SignedPart] = {}
        if hash_chain_result is not None:
            signed[HASH_CHAIN_RESULT] = hash_chain_result
        if not parsed.covers(HASH_CHAIN_RESULT):
            signed |= {part.uri: part for part in parts}
            if message is not None:
                signed[MESSAGE] = message
        elif hash_chain_result is not None:
            _verify_chain(hash_chain_result, hash_chain, parts)
        certificate = verify_signer(parsed, signed, signer, globalconf, at, verifier)
        return VerifiedMessage(signer, certificate, parsed, tuple(parts))


def _verify_chain(result: bytes, chain: bytes | None, parts: Sequence[SignedPart]) -> None:
    """Step 3. Every part that came stands under the result, and whatever else does cannot be resolved.

    The digests the chain itself declares play no role in the result, so the reference does not look at them. They do when
    the evidence is judged later: who sent false ones could disown a message that had been accepted. So they must agree.
    """
    received = {part.uri: part for part in parts}
    with stage("malformed_signature"):
        declared = verify_hash_chain(
            result, files={} if chain is None else {HASH_CHAIN: chain}, inputs=received
        )
        for part in declared:
            if part != received.get(part.uri):
                raise TrustError(
                    f"the hash chain declares another digest for {part.uri!r}", code="invalid_hash_chain_ref"
                )


def verify_signer(
    signature: Signature,
    signed: Mapping[str, bytes | SignedPart],
    signer: ClientId,
    globalconf: GlobalConf,
    at: datetime,
    verifier: CertificateVerifier,
) -> VerifiedCertificate:
    """Steps 4 to 8: the certificate signs, is `signer`'s, made this signature over exactly `signed`, and was good at `at`."""
    certificate = signature.signing_certificate
    if not is_sign_certificate(certificate):
        raise PeerError(
            f"Certificate {certificate.subject.rfc4514_string()[:200]} is not a signing certificate",
            code="malformed_signature",
        )
    named = verifier.client_of(certificate, signer, globalconf, at)
    if not signer.is_same_member(named):
        raise TrustError(
            f"Name in certificate ({named.long_form}) does not match name in message ({signer.long_form})",
            code="incorrect_certificate",
        )
    verify_signature(signature, parts=signed)
    return verifier.verify(
        certificate,
        intermediates=signature.certificates,
        ocsp_responses=signature.ocsp_responses,
        globalconf=globalconf,
        instance=signer.instance_identifier,
        at=at,
    )
