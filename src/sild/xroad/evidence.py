"""Judging evidence after the fact: ASiC-E containers and recorded transport messages (WIRE 8.3, 4, 6.2).

Both functions fill an `EvidenceReport` as they go and raise at the first thing that is wrong, so that whoever passes a report
in can still say what had been found by then. Stricter than the reference in containers (WIRE 18): an attachment that is there
must be the one that was signed, through a hash chain too, and one that nobody signed must not be there. One that is absent
(bodies are not always logged) is said to be unverified.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sild.errors import PeerError, PlatformError, TrustError, stage
from sild.pki import DigestAlgorithm, TimeStampToken, parse_timestamp_token, verify_timestamp
from sild.signatures import (
    AsicContainer,
    Signature,
    SignedPart,
    parse_signature,
    verify_hash_chain,
)
from sild.xroad.faults import Fault, PeerFault
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId, ServiceId
from sild.xroad.recorded import RecordedHead, read_recorded_message
from sild.xroad.rest import parse_rest_request, parse_rest_response
from sild.xroad.soap import SoapMessage, parse_soap
from sild.xroad.transport import (
    BodyData,
    BodyEnd,
    BodyStart,
    Event,
    FaultPart,
    HashChain,
    HashChainResult,
    MessageKind,
    MessagePart,
    OcspResponsePart,
    SignaturePart,
    TransportMessageReader,
)
from sild.xroad.verification import (
    HASH_CHAIN_RESULT,
    MESSAGE,
    CertificateVerifier,
    VerifiedCertificate,
    verify_message,
    verify_signer,
)

__all__ = ["EvidenceReport", "SignedReference", "verify_container", "verify_transport_message"]

SIGNATURES = "/META-INF/signatures.xml"


@dataclass(frozen=True, slots=True)
class SignedReference:
    """One part the signature covers. verified: its bytes are here and are those; False: they are not here."""

    uri: str
    algorithm: DigestAlgorithm
    digest: bytes
    verified: bool


@dataclass(slots=True)
class EvidenceReport:
    """What was found. Fields not reached are None or empty; nothing may be concluded from a report whose judge raised.

    kind: `rest-request`, `rest-response`, `soap-request`, `soap-response`.  at: the time certificates were judged at.
    """

    kind: str | None = None
    client: ClientId | None = None
    service: ServiceId | None = None
    query_id: str | None = None
    signer: ClientId | None = None
    signature: Signature | None = None
    certificate: VerifiedCertificate | None = None
    timestamp: TimeStampToken | None = None
    at: datetime | None = None
    fault: Fault | None = None
    references: list[SignedReference] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


# --- containers -----------------------------------------------------------------------------------------------------


def verify_container(
    container: AsicContainer,
    globalconf: GlobalConf,
    *,
    at: datetime | None = None,
    verifier: CertificateVerifier | None = None,
    report: EvidenceReport | None = None,
) -> EvidenceReport:
    """Judge a container (WIRE 8.3), as of its time-stamp, or of `at` when given.

    Raises TrustError or PeerError with X-Road's codes; TrustError `asic_timestamp_not_found` when neither a time-stamp nor
    `at` says when.
    """
    report = report if report is not None else EvidenceReport()
    signature = report.signature = parse_signature(container.signature)
    if not signature.covers(MESSAGE) and not signature.covers(HASH_CHAIN_RESULT):  # (1)
        raise PeerError(
            f"Signature does not reference '{MESSAGE}' or '{HASH_CHAIN_RESULT}'", code="malformed_signature"
        )
    signer = _read_message(container.message, report)  # (2)
    stamped = _verify_timestamp(container, signature, globalconf, at, report)  # (3), (4)
    signed, references = _signed_parts(container, signature)  # (5)
    report.references = [replace(reference, verified=False) for reference in references]
    report.certificate = verify_signer(
        signature, signed, signer, globalconf, stamped, verifier or CertificateVerifier()
    )
    report.references = references
    absent = [reference.uri for reference in references if not reference.verified]
    if absent:
        report.remarks.append(f"signed, but not in the container, so not compared: {', '.join(absent)}")
    return report


def _read_message(message: bytes, report: EvidenceReport) -> ClientId:
    """SOAP first, REST when it is no SOAP; gives the signer."""
    try:
        soap = parse_soap(message)
    except PlatformError as error:
        if error.code != "invalid_soap":
            raise
        return _read_rest(message, report)
    if isinstance(soap, Fault):
        raise PeerError("the message is a SOAP fault, which nobody signs", code="invalid_message")
    return _read_soap(soap, is_response=soap.is_response, report=report)


def _read_soap(soap: SoapMessage, *, is_response: bool, report: EvidenceReport) -> ClientId:
    report.kind = "soap-response" if is_response else "soap-request"
    report.client, report.service, report.query_id = soap.client, soap.service, soap.query_id
    report.signer = soap.service.client_id if is_response else soap.client
    return report.signer


def _read_rest(message: bytes, report: EvidenceReport) -> ClientId:
    """The first byte tells a response from a request (WIRE 2.2)."""
    is_response = b"1" <= message[:1] <= b"9"
    part = parse_rest_response(message) if is_response else parse_rest_request(message)
    report.kind = "rest-response" if is_response else "rest-request"
    report.client, report.service, report.query_id = part.client, part.service, part.query_id
    report.signer = part.service.client_id if is_response else part.client
    return report.signer


def _verify_timestamp(
    container: AsicContainer,
    signature: Signature,
    globalconf: GlobalConf,
    at: datetime | None,
    report: EvidenceReport,
) -> datetime:
    """The time to judge at. A time-stamp that is there must be good whatever `at` says."""
    token = container.timestamp or signature.timestamp
    if token is None:
        if at is None:
            raise TrustError("the container has no time-stamp", code="asic_timestamp_not_found")
        report.at = at
        report.remarks.append("no time-stamp: nothing proves that the signature existed at the given time")
        return at
    stamped = signature.signature_value
    if container.ts_hash_chain_result is not None:
        _verify_timestamp_chain(container)
        stamped = container.ts_hash_chain_result
    claimed = parse_timestamp_token(token).gen_time
    report.timestamp = verify_timestamp(
        token, data=stamped, tsa_certificates=globalconf.tsa_certificates(claimed)
    )
    report.at = at or report.timestamp.gen_time
    return report.at


def _verify_timestamp_chain(container: AsicContainer) -> None:
    result = container.ts_hash_chain_result or b""
    try:
        verify_hash_chain(result, files=container.files, inputs={SIGNATURES: None})
    except PlatformError as error:
        raise TrustError(
            f"Failed to verify time-stamp hash chain: {error.message}",
            code="malformed_signature",
            reason=error.code_path,
        ) from error


def _signed_parts(
    container: AsicContainer, signature: Signature
) -> tuple[dict[str, bytes | SignedPart], list[SignedReference]]:
    """What the signature must cover directly, and all that it covers in the end.

    A chain whose result the signature does not refer to is not looked at (X-Road's samples have one).
    """
    algorithm = signature.references[0].algorithm
    attachments = {f"/{a.name}": a.part(algorithm) for a in container.attachments}
    if not signature.covers(HASH_CHAIN_RESULT):
        references = [
            SignedReference(r.uri, r.algorithm, r.digest, verified=True) for r in signature.references
        ]
        return {MESSAGE: container.message, **attachments}, references
    if container.hash_chain_result is None:
        return {}, []
    under_chain = _verify_container_chain(container, container.hash_chain_result, attachments)
    present = {MESSAGE, *attachments}
    direct = [SignedReference(r.uri, r.algorithm, r.digest, verified=True) for r in signature.references]
    return {HASH_CHAIN_RESULT: container.hash_chain_result}, [
        *direct,
        *(SignedReference(r.uri, r.algorithm, r.digest, verified=r.uri in present) for r in under_chain),
    ]


def _verify_container_chain(
    container: AsicContainer, result: bytes, attachments: dict[str, SignedPart]
) -> Sequence[SignedPart]:
    """Everything in the container stands under the result; attachments that are not in it need not be found."""
    with stage("malformed_signature"):
        return verify_hash_chain(
            result,
            files={**container.files, **attachments},
            inputs=dict.fromkeys((MESSAGE, *attachments)),
            optional=_AttachmentNames(),
        )


class _AttachmentNames:
    """The names an attachment may have."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith("/attachment") and name[11:].isdigit()


# --- recorded transport messages ------------------------------------------------------------------------------------


def verify_transport_message(
    chunks: Iterable[bytes],
    globalconf: GlobalConf,
    *,
    at: datetime,
    verifier: CertificateVerifier | None = None,
    report: EvidenceReport | None = None,
) -> EvidenceReport:
    """Judge an HTTP message as sent between two security servers (head and body, chunked or not), as of `at`.

    Raises PeerFault when the message is a fault (nobody signed it), TrustError or PeerError with the codes and stages a
    security server would have answered with.
    """
    report = report if report is not None else EvidenceReport()
    head, body = read_recorded_message(chunks)
    with stage("service_failed"):
        received = _receive(head, body)
    if received.fault is not None:
        report.fault = received.fault
        raise PeerFault(received.fault)
    expected = _expected_kind(head, received.kind)
    if received.kind is not expected:
        code = "missing_soap" if expected is MessageKind.SOAP else "missing_rest"
        raise PeerError("there is no message of the announced kind", code=code)
    report.at = at
    with stage("service_failed"):
        signer = received.read(report, is_response=not head.is_request)
    if received.signature is None:
        raise PeerError("the message does not have a signature", code="missing_signature")
    with stage("signature_verification"):
        report.signature = parse_signature(received.signature, strict_schema=True)
    verified = verify_message(
        received.parts,
        received.signature,
        message=received.message,
        hash_chain_result=received.hash_chain_result,
        hash_chain=received.hash_chain,
        signer=signer,
        globalconf=globalconf,
        at=at,
        verifier=verifier or CertificateVerifier(),
    )
    report.certificate = verified.certificate
    report.references = [SignedReference(p.uri, p.algorithm, p.digest, verified=True) for p in verified.parts]
    if received.ocsp_responses:
        report.remarks.append(
            "OCSP responses for the TLS connection came along; the connection's certificates are not in a recording"
        )
    return report


def _expected_kind(head: RecordedHead, kind: MessageKind | None) -> MessageKind:
    """A request says what it is (WIRE 4.1); an answer is a response of either protocol, its request is not here to say."""
    if not head.is_request:
        return MessageKind.SOAP if kind is MessageKind.SOAP else MessageKind.REST_RESPONSE
    is_rest = head.header("x-road-message-type") == "REST"
    return MessageKind.REST_REQUEST if is_rest else MessageKind.SOAP


class _Received:
    """The parts of one recorded message."""

    def __init__(self, algorithm: DigestAlgorithm) -> None:
        self.algorithm = algorithm
        self.kind: MessageKind | None = None
        self.message = b""
        self.parts: list[SignedPart] = []
        self.ocsp_responses = 0
        self.hash_chain_result: bytes | None = None
        self.hash_chain: bytes | None = None
        self.signature: bytes | None = None
        self.fault: Fault | None = None
        self._digest = algorithm.new()
        self._number = 0

    def take(self, event: Event) -> None:
        match event:
            case MessagePart():
                self.kind, self.message = event.kind, event.data
                self.parts.append(SignedPart(MESSAGE, self.algorithm.digest(event.data), self.algorithm))
            case BodyStart():
                self._number, self._digest = event.number, self.algorithm.new()
            case BodyData():
                self._digest.update(event.data)
            case BodyEnd():
                name = f"/attachment{self._number}"
                self.parts.append(SignedPart(name, self._digest.digest(), self.algorithm))
            case OcspResponsePart():
                self.ocsp_responses += 1
            case HashChainResult():
                self.hash_chain_result = event.data
            case HashChain():
                self.hash_chain = event.data
            case SignaturePart():
                self.signature = event.data
            case FaultPart():
                self.fault = self.fault or event.fault

    def read(self, report: EvidenceReport, *, is_response: bool) -> ClientId:
        if self.kind is not MessageKind.SOAP:
            return _read_rest(self.message, report)
        soap = parse_soap(self.message)
        if isinstance(soap, Fault):
            raise PeerFault(soap)
        return _read_soap(soap, is_response=is_response, report=report)


def _receive(head: RecordedHead, body: Iterable[bytes]) -> _Received:
    reader = TransportMessageReader(head.header("content-type") or "", bare_fault=not head.is_request)
    received = _Received(_digest_algorithm(head))
    for piece in body:
        for event in reader.feed(piece):
            received.take(event)
    for event in reader.finish():
        received.take(event)
    return received


def _digest_algorithm(head: RecordedHead) -> DigestAlgorithm:
    """x-hash-algorithm, SHA-512 when it is not said (as in bare faults)."""
    name = head.header("x-hash-algorithm") or DigestAlgorithm.SHA512.http_name
    for algorithm in DigestAlgorithm:
        if algorithm.http_name == name:
            return algorithm
    raise PeerError(f"unknown digest algorithm {name!r}", code="invalid_message")
