"""The HTTP body a management request travels in: the SOAP message alone, or multipart/related with what proves who asks (WIRE 16).

Attachments are told apart by their position. What the reference would pass over is refused: text around the parts, a part too
many, a header twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sild.errors import CallerError, PeerError
from sild.xroad.management.reading import parse_management_request
from sild.xroad.management.requests import (
    MAX_REQUEST_BYTES,
    AuthCertRegistration,
    ManagementRequest,
    Signing,
    signing_of,
)
from sild.xroad.mime import MultipartScanner, PartHeaders, parse_content_type
from sild.xroad.soap import SoapMessage

__all__ = ["ManagementBody", "management_body", "parse_management_body"]

_SOAP_TYPES = ("text/xml", "application/xop+xml")
_BINARY = "application/octet-stream"
_SIGNATURE_HEADER = "signature-algorithm-id"
"""Lower-case: the reference looks it up so."""

_MAX_PARTS = 6
_MAX_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ManagementBody:
    """A request as it came, nothing verified.

    signatures: Java name of the algorithm, value (EC in DER), over `message.data`: of the authentication key and the owner's, or of
    the client or owner alone.  certificates: DER: authentication and owner's, or the client's or owner's alone.
    ocsp_response: DER, of the last certificate.
    """

    message: SoapMessage
    request: ManagementRequest
    signatures: tuple[tuple[str, bytes], ...] = ()
    certificates: tuple[bytes, ...] = ()
    ocsp_response: bytes | None = None


def management_body(
    soap: bytes,
    *,
    signatures: Sequence[tuple[str, bytes]] = (),
    certificates: Sequence[bytes] = (),
    ocsp: bytes | None = None,
    boundary: str | None = None,
) -> tuple[str, bytes]:
    """Content type and body. Without `boundary` (deletions) the SOAP message alone.

    signatures: (Java name of the algorithm, value), the authentication key's first.  certificates: DER, in the same order.
    ocsp: DER, of the last certificate.  boundary: random letters and digits; the reference's are `xroad` and 30 letters.
    Raises CallerError (`bad_request`): attachments without a boundary, or a boundary that stands in the content.
    """
    attachments = (*(value for _, value in signatures), *certificates, *(() if ocsp is None else (ocsp,)))
    if boundary is None:
        if attachments:
            raise CallerError("attachments need a boundary")
        return "text/xml; charset=UTF-8", soap
    delimiter = b"--" + boundary.encode()
    if any(delimiter in content for content in (soap, *attachments)):
        raise CallerError("the boundary stands in the content")
    parts = [(b"content-type:text/xml; charset=UTF-8\r\n", soap)]
    plain = b"content-type:" + _BINARY.encode() + b"\r\n"
    for name, value in signatures:
        parts.append((plain + f"{_SIGNATURE_HEADER}: {name}\r\n".encode(), value))
    parts += [(plain, content) for content in attachments[len(signatures) :]]
    body = b"".join(b"%s\r\n%s\r\n%s\r\n" % (delimiter, headers, content) for headers, content in parts)
    content_type = f'multipart/related; type="{_BINARY}"; charset=UTF-8; boundary={boundary}'
    return content_type, body + delimiter + b"--\r\n"


def parse_management_body(content_type: str, body: bytes) -> ManagementBody:
    """Read a body. Raises PeerError: `invalid_content_type`, `mime_parsing_failed`, `io_error` (cut off), `invalid_request` (too long, a
    part missing or too many), and what `parse_management_request` raises."""
    if len(body) > MAX_REQUEST_BYTES:
        raise PeerError(f"a management request has at most {MAX_REQUEST_BYTES} bytes", code="invalid_request")
    parsed = parse_content_type(content_type)
    if parsed.media_type in _SOAP_TYPES:
        return _assembled(body, [])
    if parsed.media_type != "multipart/related":
        raise PeerError(f"Invalid content type: {parsed.media_type[:50]}", code="invalid_content_type")
    parts = _Parts()
    scanner = MultipartScanner(
        parsed.parameters.get("boundary", ""), parts, max_header_bytes=_MAX_HEADER_BYTES
    )
    scanner.feed(body)
    scanner.finish()
    if not parts.found:
        raise PeerError("Request contains no SOAP message", code="invalid_request")
    soap, *attachments = parts.found
    if soap.headers.media_type not in _SOAP_TYPES:
        raise PeerError("the first part is not a SOAP message", code="invalid_content_type")
    return _assembled(soap.content, attachments)


@dataclass(slots=True)
class _Part:
    headers: PartHeaders
    pieces: list[bytes] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers.fields if key.lower() == name]
        if len(found) > 1:
            raise PeerError(f"a part has two headers {name}", code="mime_parsing_failed")
        return found[0] if found else None


class _Parts:
    """Keeps what the scanner finds."""

    def __init__(self) -> None:
        self.found: list[_Part] = []

    def part_begin(self, headers: PartHeaders) -> None:
        if not headers.content_type:
            raise PeerError("Could not get content type for part", code="invalid_content_type")
        if len(self.found) == _MAX_PARTS:
            raise _unexpected()
        part = _Part(headers)
        encoding = (part.header("content-transfer-encoding") or "binary").lower()
        if encoding not in ("binary", "8bit", "7bit"):
            raise PeerError("a part with a transfer encoding", code="mime_parsing_failed")
        self.found.append(part)

    def part_data(self, data: bytes) -> None:
        self.found[-1].pieces.append(data)

    def part_end(self) -> None: ...

    def multipart_end(self) -> None: ...


def _unexpected() -> PeerError:
    return PeerError("Unexpected content in multipart", code="invalid_request")


def _assembled(soap: bytes, attachments: Sequence[_Part]) -> ManagementBody:
    """The texts of what is missing are the reference's: its security servers know a test of the connection by the first."""
    message, request = parse_management_request(soap)
    signing = signing_of(request)
    if signing is Signing.NONE:
        if attachments:
            raise _unexpected()
        return ManagementBody(message, request)
    signers = ("Auth", "Owner") if isinstance(request, AuthCertRegistration) else ("Client",)
    expected = (
        *(f"{signer} signature" for signer in signers),
        *(f"{signer} certificate" for signer in signers),
        f"{signers[-1]} certificate OCSP",
    )
    if len(attachments) > len(expected):
        raise _unexpected()
    for place, name in enumerate(expected):
        part = attachments[place] if place < len(attachments) else None
        if place < len(signers) and (part is None or part.header(_SIGNATURE_HEADER) is None):
            raise PeerError(f"{name} algorithm id is missing", code="invalid_request")
        if part is None or not part.pieces:
            raise PeerError(f"{name} is missing", code="invalid_request")
    count = len(signers)
    return ManagementBody(
        message,
        request,
        tuple((part.header(_SIGNATURE_HEADER) or "", part.content) for part in attachments[:count]),
        tuple(part.content for part in attachments[count:-1]),
        attachments[-1].content,
    )
