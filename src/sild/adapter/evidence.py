"""Evidence of a call: the two signed and time-stamped containers our security server holds, and what they prove (WIRE 8).

`EvidenceHandle` is a few plain values: keep it beside what the answer was used for. With it the containers can be fetched
while the server keeps them, and checked for ever after, against a configuration the checker trusts:

    evidence.verify(globalconf)   # that member answered exactly these bytes to exactly that request, before that time

Each container's own judge is `sild.xroad.evidence`; added here is that the two belong to each other and to the answer received.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha512
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable
from sild.xroad import ClientId, ServiceId

if TYPE_CHECKING:
    from sild.signatures import AsicContainer
    from sild.xroad.evidence import EvidenceReport
    from sild.xroad.globalconf import GlobalConf

__all__ = [
    "Evidence",
    "EvidenceContainer",
    "EvidenceHandle",
    "VerifiedEvidence",
    "asic_refusal",
    "asic_target",
    "logged_target",
    "read_containers",
    "read_evidence",
    "request_target",
    "too_many_messages",
]

MAX_CONTAINERS = 200
STAMPING_SECONDS = 60.0
BODY = "/attachment1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceHandle:
    """Names one exchange for good.

    request_id: X-Road-Request-Id; None for SOAP.  request_hash: raw SHA-512 that ties the answer to the request.
    answer_digest: SHA-512 of the body received (REST) or of the SOAP message; None when the body was not read to its end.
    """

    client: ClientId
    service: ServiceId
    query_id: str
    request_id: str | None
    request_hash: bytes
    answer_digest: bytes | None

    def to_json(self) -> str:
        digest = self.answer_digest
        return json.dumps(
            {
                "client": self.client.parts,
                "service": [*self.service.client_id.parts],
                "service_code": self.service.service_code,
                "service_version": self.service.service_version,
                "query_id": self.query_id,
                "request_id": self.request_id,
                "request_hash": b64encode(self.request_hash).decode(),
                "answer_digest": None if digest is None else b64encode(digest).decode(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> EvidenceHandle:
        """Raises CallerError (`bad_request`) for anything `to_json` did not write."""
        try:
            read = json.loads(text)
            digest = read["answer_digest"]
            return cls(
                client=ClientId(*read["client"]),
                service=ServiceId(ClientId(*read["service"]), read["service_code"], read["service_version"]),
                query_id=read["query_id"],
                request_id=read["request_id"],
                request_hash=b64decode(read["request_hash"], validate=True),
                answer_digest=None if digest is None else b64decode(digest, validate=True),
            )
        except (ValueError, TypeError, KeyError):
            raise CallerError("not an evidence handle", code="bad_request") from None


@dataclass(frozen=True, slots=True)
class EvidenceContainer:
    """One ASiC-E container. name: as the server called it.  data: the file."""

    name: str
    data: bytes = field(repr=False)

    def read(self) -> AsicContainer:
        """Raises PeerError (`asic_...`)."""
        from sild.signatures import read_asice  # late, with all of signatures and lxml behind it

        return read_asice(io.BytesIO(self.data))


@dataclass(frozen=True, slots=True)
class VerifiedEvidence:
    """What held, container by container; made by `Evidence.verify` alone."""

    request: EvidenceReport
    response: EvidenceReport

    @property
    def proven_at(self) -> datetime | None:
        """The later of the two time-stamps: by then the exchange had happened. None when judged without time-stamps."""
        stamps = [report.timestamp for report in (self.request, self.response)]
        times = [stamp.gen_time for stamp in stamps if stamp is not None]
        return max(times) if len(times) == len(stamps) else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Request and answer of one exchange as our security server logged them."""

    handle: EvidenceHandle
    request: EvidenceContainer
    response: EvidenceContainer

    def save(self, directory: Path) -> tuple[Path, Path]:
        """Write `request-<id>.asice` and `response-<id>.asice`; `sild verify` reads them. Existing files are replaced."""
        name = quote(self.handle.query_id, safe="")[:200]
        paths = directory / f"request-{name}.asice", directory / f"response-{name}.asice"
        for path, container in zip(paths, (self.request, self.response), strict=True):
            path.write_bytes(container.data)
        return paths

    def verify(self, globalconf: GlobalConf, *, at: datetime | None = None) -> VerifiedEvidence:
        """Judge both containers as of their time-stamps (or `at`), and that they are of this exchange.

        (1) each is signed by whom it must be; (2) both name this client, service and id; (3) the answer is to this request:
        the signed x-road-request-hash is that of the request container and the one received; (4) the signed body of the answer
        is the one received. Raises TrustError or PeerError; `inconsistent_response` for (2) to (4).
        """
        from sild.xroad.evidence import verify_container

        request, response = self.request.read(), self.response.read()
        verified = VerifiedEvidence(  # (1)
            verify_container(request, globalconf, at=at), verify_container(response, globalconf, at=at)
        )
        for report, kind in ((verified.request, "request"), (verified.response, "response")):  # (2)
            found = report.kind, report.client, report.service, report.query_id
            protocol = "rest" if self.handle.request_id is not None else str(report.kind).partition("-")[0]
            wanted = f"{protocol}-{kind}", self.handle.client, self.handle.service, self.handle.query_id
            _require(found == wanted, f"the {kind} container is of another exchange")
        if str(verified.request.kind).startswith("soap"):
            self._compare_soap(request, response)
        else:
            self._compare_rest(request, response, verified)
        return verified

    def _compare_rest(
        self, request: AsicContainer, response: AsicContainer, verified: VerifiedEvidence
    ) -> None:
        from sild.xroad.rest import parse_rest_response, request_hash

        handle, answer = self.handle, parse_rest_response(response.message)
        sent = _body_digest(request, verified.request)
        digest = request_hash(sha512(request.message).digest(), sent)
        _require(  # (3)
            handle.request_hash == answer.request_hash == digest, "the answer is to another request"
        )
        _require(handle.request_id == answer.request_id, "the answer has another request id")
        if handle.answer_digest is not None:  # (4)
            body = _body_digest(response, verified.response) or sha512(b"").digest()
            _require(body == handle.answer_digest, "the answer received is not the one signed")

    def _compare_soap(self, request: AsicContainer, response: AsicContainer) -> None:
        from sild.xroad.faults import Fault
        from sild.xroad.soap import ensure_consistent, parse_soap

        handle, asked, answered = self.handle, parse_soap(request.message), parse_soap(response.message)
        if isinstance(asked, Fault) or isinstance(answered, Fault):
            raise TrustError("nobody signs a fault", code="inconsistent_response")
        ensure_consistent(asked, answered)  # (3)
        _require(sha512(asked.data).digest() == handle.request_hash, "the answer is to another request")
        _require(  # (4)
            handle.answer_digest in (None, sha512(answered.data).digest()),
            "the answer received is not the one signed",
        )


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise TrustError(why, code="inconsistent_response")


def _body_digest(container: AsicContainer, report: EvidenceReport) -> bytes | None:
    """SHA-512 of the REST body the signature covers, whether the container holds it or not; None when there is none.

    A log that leaves bodies out still has their digests in the signature's hash chain. Only a signature in another algorithm
    (X-Road makes none by default) over a body that is not there cannot be compared: Raises PeerError.
    """
    from sild.pki import DigestAlgorithm

    for attachment in container.attachments:
        if f"/{attachment.name}" == BODY:
            return attachment.part(DigestAlgorithm.SHA512).digest
    for reference in report.references:
        if reference.uri == BODY:
            if reference.algorithm is not DigestAlgorithm.SHA512:
                raise PeerError(
                    "the body is not in the container and not signed by SHA-512", code="invalid_message"
                )
            return reference.digest
    return None


# --- the download (WIRE 8.4) ----------------------------------------------------------------------------------------


def asic_target(handle: EvidenceHandle, *, stamp_now: bool) -> bytes:
    return logged_target(handle.client, handle.query_id, stamp_now=stamp_now)


def logged_target(
    client: ClientId, query_id: str, *, stamp_now: bool, request_ids: Collection[str] = ()
) -> bytes:
    """All records of the id in one ZIP: after a repeated call there are several, and `unique` would be refused.

    request_ids: of these exchanges alone; our servers leave the others out, and X-Road's give them all the same.
    """
    query = _asic_query(client, query_id)
    narrowed = "".join(f"&requestId={quote(one, safe='')}" for one in sorted(request_ids))
    return f"/asic?{query}{narrowed}{'&force' if stamp_now else ''}".encode("ascii")


def request_target(client: ClientId, query_id: str) -> bytes:
    """The one request of that id, time-stamped at once if it is not yet."""
    return f"/asic?unique&requestOnly&force&{_asic_query(client, query_id)}".encode("ascii")


def _asic_query(client: ClientId, query_id: str) -> str:
    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    given = {"queryId": query_id, **dict(zip(names, client.parts, strict=False))}
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())


def asic_refusal(status: int, body: bytes) -> PlatformError:
    """The error for an answer other than 200, which X-Road gives as plain text."""
    text = body[:500].decode("utf-8", "replace").strip() or f"HTTP {status}"
    if status == 401:
        return TrustError(text, code="ssl_authentication_failed")
    if status in (400, 404):
        return CallerError(text, code="not_found" if status == 404 else "bad_request")
    if "timestamp" in text.lower():
        return Unavailable(text, code="asic_timestamp_not_found", retry_after=STAMPING_SECONDS)
    return Unavailable(text, code="http_error")


def read_evidence(archive: bytes, handle: EvidenceHandle, *, max_bytes: int) -> Evidence:
    """Pick the two containers of this exchange out of the ZIP that `/asic` gave.

    max_bytes: of all containers unpacked. Raises PeerError (`invalid_message`, `too_many_messages`), CallerError (`not_found`).
    """
    found: dict[bool, EvidenceContainer] = {}
    for container in read_containers(archive, max_bytes=max_bytes):
        is_response = _belongs(container, handle)
        if is_response is not None:
            found[is_response] = container
    if len(found) != 2:
        missing = "answer" if False in found else "request"
        raise CallerError(f"the security server holds no {missing} of this exchange", code="not_found")
    return Evidence(handle, found[False], found[True])


def too_many_messages() -> PeerError:
    """Whoever sends under one id again and again, or something huge, fills what is to be looked through."""
    return PeerError(
        "more lies in the log under this message's id than can be taken in", code="too_many_messages"
    )


# What zipfile raises for files that are none, or broken.
_DAMAGE = (NotImplementedError, RuntimeError, OSError, EOFError, ValueError, OverflowError, struct.error)


def read_containers(archive: bytes, *, max_bytes: int) -> Iterator[EvidenceContainer]:
    """Each container of the ZIP that `/asic` gave. Raises PeerError (`invalid_message`, `too_many_messages`)."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_CONTAINERS or sum(entry.file_size for entry in entries) > max_bytes:
                raise too_many_messages()
            for entry in entries:
                with opened.open(entry) as file:
                    yield EvidenceContainer(entry.filename, file.read(entry.file_size))
    except (zipfile.BadZipFile, zlib.error, *_DAMAGE) as error:
        raise PeerError(f"the evidence is not a readable ZIP file: {error}", code="invalid_message") from None


def _belongs(container: EvidenceContainer, handle: EvidenceHandle) -> bool | None:
    """Whether it is the answer (True) or the request (False) of this exchange; None when of another."""
    from sild.xroad.rest import parse_rest_request, parse_rest_response

    message = container.read().message
    if handle.request_id is None:
        digest = sha512(message).digest()
        if digest == handle.request_hash:
            return False
        return _answers(message, handle) or None
    try:
        if b"1" <= message[:1] <= b"9":
            return True if parse_rest_response(message).request_id == handle.request_id else None
        return False if parse_rest_request(message).request_id == handle.request_id else None
    except PeerError:
        return None


def _answers(message: bytes, handle: EvidenceHandle) -> bool:
    """A SOAP message is the answer when its requestHash is our request's."""
    from sild.xroad.soap import SoapMessage, parse_soap

    try:
        read = parse_soap(message)
    except PeerError:
        return False
    stated = read.request_hash if isinstance(read, SoapMessage) else None
    return stated is not None and "".join(stated.value.split()) == b64encode(handle.request_hash).decode()
